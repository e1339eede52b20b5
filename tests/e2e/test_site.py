"""The site of docs/: built without warnings, complete, and asking for nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("furo", reason="the extra docs is not installed")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LOADED = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*?(?:src|href)=\"([^\"]+)\"")
LINK = re.compile(r"<a\b[^>]*?href=\"([^\"]+)\"")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-n", "-q", "-c", "docs", "-d", f"{folder}-cache"]
    ran = subprocess.run([*command, ".", folder], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")
    return folder


def test_the_site_is_complete_and_asks_for_nothing_from_elsewhere(site: Path) -> None:
    pages = {path: path.read_text("utf-8") for path in site.rglob("*.html")}
    assert len(pages) > 140
    foreign = [(path.name, each) for path, text in pages.items() for each in LOADED.findall(text) if ":" in each]
    assert foreign == []
    assert not any("url(http" in path.read_text("utf-8") for path in site.rglob("*.css"))
    names = {path: set(re.findall(r"\bid=\"([^\"]+)\"", text)) for path, text in pages.items()}
    broken = []
    for path, text in pages.items():
        for link in LINK.findall(text):
            if re.match(r"https?:", link) or link == "#":
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.is_file() or (anchor and anchor not in names.get(target, set())):
                broken.append((path.name, link))
    assert broken == []


def test_search_finds_words_of_pages_and_the_navigation_has_the_groups(site: Path) -> None:
    assert '"quarantin"' in (site / "searchindex.js").read_text("utf-8"), "its stem"
    front = (site / "docs" / "index.html").read_text("utf-8")
    for group in ("Tutorial", "How-to guides", "Reference", "Explanation", "Decisions"):
        assert f'<span class="caption-text">{group}</span>' in front
