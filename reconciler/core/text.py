"""Strangers' text made safe to show. Every face passes each foreign value through `printable` exactly once."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Any

# What could move a cursor, hide text, reorder it or add a line: C0, DEL, C1, bidi controls and marks, zero-width
# characters, line and paragraph separators, variation selectors, interlinear annotations, musical and shorthand
# controls, language tags, lone surrogates: all of Unicode's Default_Ignorable_Code_Point and "Cf".
_SUSPECT = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0000-\U000e0fff]",
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*("|$)')
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    return _SHORT.get(character, f"\\u{{{ord(character):x}}}")


def escape_control(text: str) -> str:
    r"""`text` on one line, with every invisible or steering character shown as an escape like `\u{202e}`."""
    if "##[" in text:
        # GitHub's runner obeys `##[command]` anywhere in a line of a log.
        text = text.replace("##[", "#\\u{23}[")
    if text.isascii() and text.isprintable():
        return text
    text = _SUSPECT.sub(_escape, text)
    if text.isprintable():
        return text
    return "".join(_escape_unprintable(character) for character in text)


def escape_line(text: str) -> str:
    """`text` as `printable`, fit to begin a line: there GitHub's runner obeys `::command::`."""
    text = escape_control(text)
    return text.replace("::", "\\u{3a}:", 1) if text.lstrip().startswith("::") else text


def _escape_unprintable(character: str) -> str:
    """Any further control or format character that a newer Unicode may bring, escaped; spaces of all kinds stay."""
    hidden = unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    return f"\\u{{{ord(character):x}}}" if hidden else character


def quote(text: str) -> str:
    """`text` in double quotes as Terraform shows strings: backslash and quote escaped, then `printable`."""
    return f'"{escape_control(text.replace(chr(92), chr(92) * 2).replace(chr(34), chr(92) + chr(34)))}"'


def to_ascii_json(content: Any, **layout: Any) -> str:
    """JSON in ASCII: nothing in it steers, hides or ends a line, whoever's words it holds. `layout`: as json.dumps."""
    return json.dumps(content, **layout).replace("##[", "#\\u0023[")


def redact_quoted(text: str) -> str:
    """`text` without what stands in quotes: messages put every stranger's value through `quoted`."""
    return _QUOTED.sub("(hidden)", text)


def shorten(text: str, limit: int = 200) -> str:
    """`text` cut to `limit` characters, with the number of characters left out."""
    if len(text) <= limit:
        return text
    return f"{text[:limit]}… ({len(text) - limit} more characters)"


def pluralize(count: int, noun: str, nouns: str = "") -> str:
    """`1 user`, `2 users`."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def normalize(text: str) -> str:
    """`text` without surrounding white space, in Unicode NFC: two ways to write Å are one value."""
    text = text.strip()
    return text if text.isascii() else unicodedata.normalize("NFC", text)
