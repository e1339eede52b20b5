"""The style of text output: colours, the length of values, redaction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from reconciler.core.text import escape_control, quote, redact_quoted, shorten

RED, GREEN, YELLOW, CYAN, GREY, BOLD, RESET = (
    "\x1b[31m",
    "\x1b[32m",
    "\x1b[33m",
    "\x1b[36m",
    "\x1b[90m",
    "\x1b[1m",
    "\x1b[0m",
)
HIDDEN = "(hidden)"


@dataclass(frozen=True, slots=True)
class Style:
    """`colour`: ANSI colours. `redact`: hide values and names of users. `longest`: characters of a value; 0: no limit.

    A message may be five times as long as a value.
    """

    colour: bool = False
    redact: bool = False
    longest: int = 0

    def paint(self, text: str, *codes: str) -> str:
        """Return `text` with these ANSI codes if the style has colours."""
        return f"{''.join(codes)}{text}{RESET}" if self.colour and text else text

    def message(self, text: str) -> str:
        """Escape a message. Redacted, its quoted values are hidden."""
        return escape_control(self._cut(redact_quoted(text) if self.redact else text, 5 * self.longest))

    def value(self, text: str) -> str:
        """Quote and escape a value of a user. Redacted, it is hidden."""
        return HIDDEN if self.redact else quote(self._cut(text, self.longest))

    def _cut(self, text: str, longest: int) -> str:
        return shorten(text, longest) if longest else text


def hide_words(text: str, words: Sequence[str]) -> str:
    """Replace each of `words`, as it is and as it is escaped for display, where it is not a part of another word."""
    forms = sorted({form for word in words for form in (word, escape_control(word))}, key=len, reverse=True)
    if not forms:
        return text
    pattern = "|".join(map(re.escape, forms))
    return re.sub(rf"(?<![\w-])(?:{pattern})(?![\w-])", HIDDEN, text)
