"""The pages that are photographed: HTML that holds what the program printed, word for word."""

from __future__ import annotations

import html
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt

from support.pictures.pull_request import PLAN, open_pull_request, print_on_terminal, print_plan
from support.pictures.weeks import make_report

FOLDER = Path(__file__).parents[3] / "docs" / "images"
_STYLE = Path(__file__).with_name("style.css")
_ANSI = re.compile(r"\x1b\[(\d+)m")
_ALERT = re.compile(r"<blockquote>\n<p>\[!(\w+)\]\n")


@dataclass(frozen=True, slots=True)
class Source:
    """A page, and the width and height of the window that it is photographed in; 0: as high as it is."""

    page: str
    width: int
    height: int = 0


def make_sources() -> Mapping[str, Source]:
    """Return the name of each picture's file -> what is photographed."""
    with tempfile.TemporaryDirectory() as folder:
        report = make_report(Path(folder))
    with tempfile.TemporaryDirectory() as folder, open_pull_request(Path(folder)):
        return {
            "terminal.png": Source(_frame("terminal", draw_terminal(print_on_terminal(*PLAN))), 900),
            "comment.png": Source(_frame("comment", draw_comment(print_plan("--format", "markdown"))), 900),
            "plan-page.png": Source(print_plan("--format", "html"), 940, 760),
            "report.png": Source(report, 1100, 860),
        }


def draw_terminal(text: str) -> str:
    """Return the output of a command as HTML; each ANSI code begins a span of that class, and 0 ends all of them."""
    parts, opened = [], 0
    for number, piece in enumerate(_ANSI.split(text)):
        if number % 2 == 0:
            parts.append(html.escape(piece, quote=False))
        elif piece == "0":
            parts.append("</span>" * opened)
            opened = 0
        else:
            parts.append(f'<span class="ansi{piece}">')
            opened += 1
    return f'<pre><b class="prompt">$</b> reconciler plan --sandbox\n{"".join(parts)}</pre>'


def draw_comment(markdown: str) -> str:
    """Return a comment as GitHub shows it: alerts are boxes, lines of a `diff` fence have colours."""
    parser = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    parser.add_render_rule("fence", _draw_fence)
    body = _ALERT.sub(_draw_alert, parser.render(markdown))
    return f"<header><b>github-actions</b> <i>bot</i> commented</header><article>{body}</article>"


def _draw_alert(found: re.Match[str]) -> str:
    return f'<blockquote class="{found[1].lower()}">\n<p><b>{found[1].capitalize()}</b></p>\n<p>'


def _draw_fence(_renderer: Any, tokens: Any, index: int, _options: Any, _env: Any) -> str:
    return f"<pre>{''.join(_draw_lines(tokens[index].content))}</pre>\n"


def _draw_lines(text: str) -> Iterator[str]:
    kinds = {"+": "added", "-": "removed", "!": "changed"}
    for line in text.splitlines():
        yield f'<span class="{kinds.get(line[:1], "same")}">{html.escape(line, quote=False)}\n</span>'


def _frame(kind: str, body: str) -> str:
    style = _STYLE.read_text("utf-8")
    return (
        f'<!doctype html>\n<meta charset="utf-8">\n<style>\n{style}</style>\n<body class="{kind}"><main>{body}</main>\n'
    )
