"""Sphinx builds the site of docs/ (`make docs`). The navigation is the list of pages in docs/index.md."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from reconciler import __version__

ROOT = Path(__file__).parents[1]
project = "Reconciler"
html_title = f"Reconciler {__version__}"
html_last_updated_fmt = "%Y-%m-%d"  # the day of the build, or of SOURCE_DATE_EPOCH
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
    "examples/**.md",
]
exclude_patterns = [".*", "build", "dist", "plans", "desired-state", "**/node_modules"]
myst_heading_anchors = 4
html_theme = "furo"
html_theme_options = {"top_of_page_buttons": []}
templates_path = ["_templates"]
html_static_path = ["_static"]
html_js_files = ["site.js"]
html_show_copyright = False
html_show_sourcelink = False
html_copy_source = False
html_use_index = False
_BULLET = re.compile(r"^- \[[^\]]+\]\(([\w./-]+)\.md\)", re.MULTILINE)
ADAPTATIONS = (
    # Keyboards can scroll what is wider than the page.
    (r'(<pre|<div class="table-wrapper[^"]*")>', r'\1 tabindex="0">'),
    # Screen readers hear the level of the headings of the navigation, and tell one landmark from the other.
    (r'role="heading">', 'role="heading" aria-level="2">'),
    (r'(<aside class="sidebar-drawer")>', r'\1 aria-label="All pages">'),
    (r'(<aside class="toc-drawer[^"]*")>', r'\1 aria-label="This page">'),
)
POLICY = '<meta http-equiv="Content-Security-Policy" content="{}">'
_LINK = re.compile(r"(?<!!)\[([^\[\]]+)\]\((?!https?:|#)([^()\s#]+)(?:#[^()\s]*)?\)")


def prepare_source(_app: Sphinx, name: str, content: list[str]) -> None:
    """Add the navigation to the front page and the list of decisions; make text of links to what is no page."""
    if name == root_doc:
        content[0] += "".join(
            f"\n```{{toctree}}\n:hidden:\n:caption: {group}\n\n{pages}\n```\n" for group, pages in groups(content[0])
        )
    elif name == "docs/decisions/README":
        content[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n0*\n```\n"
    elif name in ("README", "tests/benchmarks/README"):
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


def write_entrance(folder: Path) -> None:
    """Lead from the folder of the site to its front page."""
    (folder / "index.html").write_text(
        '<!doctype html><html lang="en"><head><title>Reconciler</title>'
        '<meta http-equiv="refresh" content="0; url=docs/index.html"></head>'
        '<body><a href="docs/index.html">Reconciler</a></body></html>\n'
    )


def finish(app: Sphinx, error: Exception | None) -> None:
    """Adapt the pages that this build wrote, and give each its policy."""
    if error is None:
        write_entrance(Path(app.outdir))
        for path in Path(app.outdir).rglob("*.html"):
            page = path.read_text("utf-8")
            if POLICY[:40] not in page:
                path.write_text(adapt(page), "utf-8")


def adapt(page: str) -> str:
    """Return the page, accessible, and with a policy by which it runs its own scripts and loads its own files only."""
    for pattern, replacement in ADAPTATIONS:
        page = re.sub(pattern, replacement, page)
    inline = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = " ".join(f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in inline)
    rules = (
        "default-src 'none'",
        f"script-src 'self' {hashes}",
        "style-src 'self' 'unsafe-inline'",  # Furo and docutils set attributes `style`
        "img-src 'self' data:",
        "connect-src 'self'",  # the excerpts of found pages
        "form-action 'self'",
        "base-uri 'none'",
    )
    return page.replace("<head>", "<head>" + POLICY.format("; ".join(rules)), 1)


def setup(app: Sphinx) -> None:
    """Connect the functions above."""
    app.add_lexer("csv", TextLexer)
    app.connect("source-read", prepare_source)
    app.connect("build-finished", finish)
