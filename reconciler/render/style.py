"""How what is shown looks: colours, lengths, what is hidden."""

from __future__ import annotations

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
    """`colour`: ANSI colours. `redact`: no value and no name of a person. `longest`: characters of a value; 0: all.

    A message may be five times as long as a value.
    """

    colour: bool = False
    redact: bool = False
    longest: int = 0

    def paint(self, text: str, *codes: str) -> str:
        """`text` in colour, if colours are wanted."""
        return f"{''.join(codes)}{text}{RESET}" if self.colour and text else text

    def words(self, text: str) -> str:
        """A message that quotes people's values."""
        return escape_control(self._cut(redact_quoted(text) if self.redact else text, 5 * self.longest))

    def value(self, text: str) -> str:
        """A value of a person."""
        return HIDDEN if self.redact else quote(self._cut(text, self.longest))

    def _cut(self, text: str, longest: int) -> str:
        return shorten(text, longest) if longest else text
