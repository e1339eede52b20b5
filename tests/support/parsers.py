"""The structure and the text that a Markdown or an HTML parser finds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token
from selectolax.lexbor import LexborHTMLParser, LexborNode

from support.untrusted_text import INVISIBLE

_PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
_CODE = ("fence", "code_block", "code_inline")
_PLAN_ID = re.compile(r"sha256:?[0-9a-f]{64}")


def markdown_structure(text: str) -> list[tuple[str, str, str]]:
    """Return every token with its tag, and its text unless it is code; of a fence, its language."""
    return [(token.type, token.tag, _text_of(token)) for token in _tokens(text)]


def code_of(text: str) -> str:
    """Return all code, line by line."""
    return "\n".join(token.content.rstrip("\n") for token in _tokens(text) if token.type in _CODE)


def fences_of(text: str) -> list[tuple[str, str]]:
    """Return the language and the content of each fence."""
    return [(token.info, token.content) for token in _tokens(text) if token.type == "fence"]


def _text_of(token: Token) -> str:
    if token.type == "fence":
        return token.info
    return "" if token.type in _CODE or token.children is not None else _PLAN_ID.sub("ID", token.content)


def _tokens(text: str) -> Iterator[Token]:
    for token in _PARSER.parse(text):
        yield token
        yield from token.children or ()


def html_structure(text: str) -> list[tuple[str, tuple[tuple[str, str | None], ...]]]:
    """Return every element with its attributes, and every comment, in order; scripts and styles with their content."""
    found: list[tuple[str, tuple[tuple[str, str | None], ...]]] = []
    for node in _nodes(text):
        if node.tag in ("script", "style"):
            found.append((f"the text of {node.tag}", (("", node.text()),)))
        found.append((str(node.tag), tuple(sorted(node.attributes.items()))))
    return found


def _nodes(text: str) -> Iterator[LexborNode]:
    root: Any = LexborHTMLParser(text).root
    yield from root.traverse(include_text=False)


def html_text(text: str) -> str:
    """Return the visible text of a page."""
    parser = LexborHTMLParser(text)
    parser.strip_tags(["script", "style", "title"])
    return str(parser.text())


def assert_calm(text: str) -> None:
    """Check that nothing in `text` steers a terminal or the runner of GitHub Actions, or is invisible."""
    assert [line for line in text.split("\n") if line.lstrip().startswith("::")] == []
    assert "##[" not in text
    assert not any(character < " " and character != "\n" for character in text)
    assert [character for character in INVISIBLE if character in text] == []
    text.encode()
