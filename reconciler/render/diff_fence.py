"""Turn rendered changes into lines of a `diff` fence, which GitHub colours by the first character. Pure."""

from __future__ import annotations

import re

_SYMBOL = re.compile(r"^( {2}| {6})([-+~!&>^]) (?=\S)", re.MULTILINE)
"""The symbol of a user or of an attribute. Only these are in these columns: values are on lines that begin with one."""
_MARKS = {"+": "+", "-": "-", "~": "!", "&": "!", ">": "!", "^": "+", "!": "-"}
"""`+` is green, `-` red and `!` orange: the colours of the terminal. A deactivation is red."""
_REPLACED = frozenset("+-~")
"""Symbols that their mark replaces; the others stay next to it."""


def mark_lines(block: str) -> str:
    """Put a mark into the first column of each line with a symbol; all other lines begin with a space."""
    return _SYMBOL.sub(_mark, block)


def _mark(match: re.Match[str]) -> str:
    indent, symbol = match.groups()
    return f"{_MARKS[symbol]}{indent[1:]}{' ' if symbol in _REPLACED else symbol} "
