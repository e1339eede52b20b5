"""Escape untrusted text for display.

Every renderer passes each external value through `escape_control` exactly once.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from typing import Any

# Characters that move a cursor, hide or reorder text, or add a line: C0, DEL, C1, bidi controls and marks, zero-width
# characters, line and paragraph separators, variation selectors, interlinear annotations, musical and shorthand
# controls, language tags, lone surrogates: all of Unicode's Default_Ignorable_Code_Point and "Cf".
_UNSAFE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]",
)
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*("|$)')
"""A quoted value in a message, as `quote` writes it; the last one may be cut."""
HIDDEN = "(hidden)"
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT.get(character, f"\\u{{{ord(character):x}}}")


def escape_control(text: str) -> str:
    r"""Return `text` on one line, with each invisible or control character as an escape such as `\u{202e}`."""
    if "##[" in text:
        # GitHub's runner executes `##[command]` anywhere in a line of a log.
        text = text.replace("##[", "#\\u{23}[")
    if text.isascii() and text.isprintable():
        return text
    text = _UNSAFE.sub(_escape, text)
    if text.isprintable():
        return text
    return "".join(_escape_unprintable(character) for character in text)


def escape_line(text: str) -> str:
    """Escape `text` for the start of a line, where GitHub's runner executes `::command::`.

    A colon may follow it, so `:` alone is escaped too.
    """
    text = escape_control(text)
    start = text.lstrip()
    return text.replace(":", "\\u{3a}", 1) if start.startswith("::") or start == ":" else text


def _escape_unprintable(character: str) -> str:
    """Escape control and format characters that a newer Unicode may add; spaces of all kinds stay."""
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return f"\\u{{{ord(character):x}}}" if hidden else character


def quote(text: str) -> str:
    """Quote `text` as Terraform shows strings: backslashes and quotes escaped, then `escape_control`."""
    return f'"{escape_control(text.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34)))}"'


def to_ascii_json(content: Any, **layout: Any) -> str:
    """Dump JSON in ASCII: no untrusted value can control, hide or end a line. `layout`: options of json.dumps."""
    return json.dumps(content, **layout).replace("##[", "#\\u0023[")


def redact_quoted(text: str) -> str:
    """Replace quoted values in `text` by `(hidden)`: messages put every untrusted value through `quote`."""
    return QUOTED.sub(HIDDEN, text)


def shorten(text: str, limit: int = 200) -> str:
    """Cut `text` to `limit` characters, and append the number of omitted ones."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more characters)"


def pluralize(count: int, noun: str, nouns: str = "") -> str:
    """Format a count with its noun: `1 user`, `2 users`."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def format_names(names: Sequence[str], limit: int = 5) -> str:
    """Return the first `limit` names, each in quotes, and the number of the others."""
    shown = ", ".join(quote(name) for name in names[:limit])
    return shown if len(names) <= limit else f"{shown} and {len(names) - limit:,} more"


def normalize(text: str) -> str:
    """Return `text` without surrounding white space, in Unicode NFC: two encodings of Å are one value."""
    text = text.strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text)
