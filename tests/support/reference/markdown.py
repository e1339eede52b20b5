"""Markdown of the generated pages: wrapped text, code and tables."""

from __future__ import annotations

import html
import textwrap
from collections.abc import Iterable, Sequence

WIDTH = 120


def code(text: str) -> str:
    """Return text as a code span, for text and for cells of tables."""
    fence = "``" if "`" in text else "`"
    pad = " " if "`" in text else ""
    return f"{fence}{pad}{text}{pad}{fence}".replace("|", "\\|")


def prose(text: str) -> str:
    """Return text of the program as Markdown: nothing in it is markup, except code spans."""
    parts = text.split("`")
    plain = [html.escape(part, quote=False).replace("*", "\\*").replace("[", "\\[") for part in parts]
    return "`".join(plain[n] if n % 2 == 0 else part for n, part in enumerate(parts)).replace("|", "\\|")


def wrap(text: str) -> str:
    """Return a paragraph in lines of at most `WIDTH` characters; none is broken inside of a word."""
    return "\n".join(textwrap.wrap(text, WIDTH, break_long_words=False, break_on_hyphens=False))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table. Cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)


def page(*parts: str) -> str:
    """Return parts as a page, with an empty line between two of them."""
    return "\n\n".join(part for part in parts if part) + "\n"
