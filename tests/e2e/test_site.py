"""The site of docs/: built without warnings, complete, and asking for nothing from elsewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.docs_site import ROOT, site

from reconciler import __version__

pytestmark = pytest.mark.slow
__all__ = ["site"]
LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"([^\"]+)\"")
LINK = re.compile(r"<(?:a|form)\b[^>]*?(?:href|action)=\"([^\"]+)\"")


def test_the_site_is_complete_and_asks_for_nothing_from_elsewhere(site: Path) -> None:
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html")}
    assert len(pages) > 140
    loaded = [(path.name, address) for path, text in pages.items() for address in LOADED.findall(text)]
    foreign = [(name, address) for name, address in loaded if not is_relative(address)]
    assert foreign == []
    assert not any("url(http" in path.read_text("utf-8") for path in site.rglob("*.css"))
    names = {path: set(re.findall(r"\bid=\"([^\"]+)\"", text)) for path, text in pages.items()}
    broken = []
    for path, text in pages.items():
        for link in LINK.findall(text):
            if link.startswith("https:") or link == "#":
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.is_file() or (anchor and anchor not in names.get(target, set())):
                broken.append((path.name, link))
    assert broken == []


def is_relative(address: str) -> bool:
    """Whether a file is found below any path of any host."""
    return ":" not in address and not address.startswith("/")


def test_search_finds_words_of_pages_and_the_navigation_has_the_groups(site: Path) -> None:
    assert '"quarantin"' in (site / "searchindex.js").read_text("utf-8"), "its stem"
    front = (site / "docs" / "index.html").read_text("utf-8")
    for group in ("Tutorial", "How-to guides", "Reference", "Explanation", "Decisions"):
        assert f'<span class="caption-text">{group}</span>' in front
    assert f"Reconciler {__version__}" in front
    assert re.search(r"Last updated on\s+\d{4}-\d\d-\d\d", front)


def test_the_navigation_leads_to_every_decision(site: Path) -> None:
    names = [path.stem for path in sorted((ROOT / "docs" / "decisions").glob("0*.md"))]
    found = re.findall(r'href="decisions/(0[\w-]+)\.html"', (site / "docs" / "index.html").read_text("utf-8"))
    assert found == names
    assert f'<a class="next-page" href="{names[1]}.html">' in (site / f"docs/decisions/{names[0]}.html").read_text()
