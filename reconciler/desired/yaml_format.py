"""Format values as YAML scalars on one line. Values are untrusted: they must not end a line or a scalar. Pure."""

from __future__ import annotations

import re

from reconciler.core.text import escape_control

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_.@/+-]*(?: [A-Za-z0-9_.@/+-]+)*")
_SPECIAL = frozenset("null true false yes no on off y n".split())
"""Words that other YAML parsers do not read as text."""
_SINGLE, _DOUBLE = "'", '"'
_COMMANDS = (("##[", "#\\x23["), ("::", ":\\x3a"))
"""In GitHub's logs `##[` starts a command anywhere in a line, `::` at its start."""
_WORD = re.compile(r"[^\W\d_](?:[\w.@/+&'()-]*[\w.@/+&'()])?")
"""A word that is text to every parser, in block and in flow style, unless it is in `_SPECIAL`."""
_REST = r"(?:[A-Za-z0-9_.@/+&'()-]*[A-Za-z0-9_.@/+&'()])?"
_UUID = r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
"""An objectId, as in the examples: its hyphens keep it from being a number or a date to any parser."""
_ASCII = re.compile(rf"{_UUID}|[A-Za-z]{_REST}(?: (?=[^ ]){_REST})*")


def format_scalar(text: str) -> str:
    """Format `text` without quotes where that is safe, else in single quotes."""
    if _PLAIN.fullmatch(text) and text.casefold() not in _SPECIAL:
        return text
    return format_quoted(text, _SINGLE)


def format_quoted(text: str, quotes: str = _DOUBLE) -> str:
    """Format `text` in quotes of this kind; single ones only if nothing is to be escaped."""
    is_harmless = _are_harmless(text) and not any(command in text for command, _ in _COMMANDS)
    if quotes == _SINGLE and is_harmless:
        return "'" + text.replace("'", "''") + "'"
    escaped = text if is_harmless and "\\" not in text and '"' not in text else "".join(map(_escape, text))
    for command, replacement in () if is_harmless else _COMMANDS:
        escaped = escaped.replace(command, replacement)
    return f'"{escaped}"'


def format_value(text: str, like: str = "") -> str:
    """Format a value of a user or a group, in a style that every YAML reader reads as the same text.

    `like`: the quotes of the value that it replaces; "" for none: quotes only where they are needed.
    """
    if like in (_SINGLE, _DOUBLE):
        return format_quoted(text, like)
    return text if is_plain(text) else format_quoted(text)


def is_plain(text: str) -> bool:
    """Whether every YAML reader reads `text` without quotes as the same text, in block and in flow style."""
    if text.isascii():
        # Nearly all values; the characters of a word are harmless.
        return _ASCII.fullmatch(text) is not None and text.casefold() not in _SPECIAL
    words = text.split(" ")
    if "" in words or not _WORD.match(words[0]) or text.casefold() in _SPECIAL:
        return False
    # Words after the first one may begin with a digit: `Route 66`.
    return all(_WORD.fullmatch(f"x{word}" if at else word) for at, word in enumerate(words)) and _are_harmless(text)


def _are_harmless(text: str) -> bool:
    return (text.isascii() and text.isprintable()) or all(map(_is_harmless, text))


def _is_harmless(character: str) -> bool:
    # To Python the space is the only printable white space; `escape_control` escapes invisible characters.
    return character.isprintable() and escape_control(character) == character


def _escape(character: str) -> str:
    if character in '\\"':
        return f"\\{character}"
    if _is_harmless(character):
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - the end of the plane
