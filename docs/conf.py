"""Sphinx builds the site of docs/ (`make docs`). The navigation is the list of pages in docs/index.md."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

ROOT = Path(__file__).parents[1]
project = "Reconciler"
html_title = "Reconciler"
root_doc = "docs/index"
source_suffix = {".md": "markdown"}
extensions = ["myst_parser"]
# The sources are all Markdown that readers need, where it is: so links between files are links between pages.
include_patterns = [
    "docs/**.md",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "tests/benchmarks/*.md",
]
exclude_patterns = [".*", "build", "dist", "plans", "examples", "desired-state", "**/node_modules"]
myst_heading_anchors = 4
html_theme = "furo"
html_theme_options = {"top_of_page_buttons": []}
templates_path = ["_templates"]
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
_BULLET = re.compile(r"^- \[[^\]]+\]\(([\w./-]+)\.md\)", re.MULTILINE)
_WIDE = re.compile(r'(<pre|<div class="table-wrapper[^"]*")>')
_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?!https?:|#)([^()\s#]+)(?:#[^()\s]*)?\)")


def prepare_source(_app: Sphinx, name: str, content: list[str]) -> None:
    """Add the navigation to the front page; make text of links to what is no page."""
    if name == root_doc:
        content[0] += "".join(
            f"\n```{{toctree}}\n:hidden:\n:caption: {group}\n\n{pages}\n```\n" for group, pages in groups(content[0])
        )
    elif name.startswith("docs/decisions/0") or name in ("README", "tests/benchmarks/README"):
        content[0] = f"---\norphan: true\n---\n{content[0]}"
    folder = (ROOT / name).parent
    content[0] = _LINK.sub(lambda link: link[0] if is_page(folder / link[2]) else link[1], content[0])


def groups(text: str) -> list[tuple[str, str]]:
    """Return the headings of the front page, each with the pages below it, one a line."""
    sections = [section.partition("\n") for section in text.split("\n## ")[1:]]
    return [(title, "\n".join(_BULLET.findall(body))) for title, _, body in sections]


def is_page(path: Path) -> bool:
    """Whether a link leads to a page or a picture of the site."""
    return path.suffix in (".md", ".png", ".svg")


def adapt_page(_app: Sphinx, _name: str, _template: str, context: dict[str, Any], _tree: object) -> None:
    """Let keyboards scroll what is wider than the page, and give the headings of the navigation a level."""
    context["body"] = _WIDE.sub(r'\1 tabindex="0">', context.get("body", ""))
    tree = context.get("furo_navigation_tree", "")
    context["furo_navigation_tree"] = tree.replace('role="heading"', 'role="heading" aria-level="2"')


def write_entrance(app: Sphinx, error: Exception | None) -> None:
    """Lead from the folder of the site to its front page."""
    if error is None:
        Path(app.outdir, "index.html").write_text(
            '<!doctype html><html lang="en"><title>Reconciler</title>'
            '<meta http-equiv="refresh" content="0; url=docs/index.html">'
            '<a href="docs/index.html">Reconciler</a></html>\n'
        )


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    for name in ("mermaid", "csv"):
        app.add_lexer(name, TextLexer)
    app.connect("source-read", prepare_source)
    app.connect("html-page-context", adapt_page, priority=900)  # after the theme's
    app.connect("build-finished", write_entrance)
