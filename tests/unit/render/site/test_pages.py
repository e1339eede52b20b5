import re

import pytest

from reconciler.render.site.pages import PAGES, Pages, hash_inline


def test_a_page_permits_its_own_style_and_nothing_else() -> None:
    values = {"title": "<x>", "entries": [], "any": False, "count": 0, "shown": 0, "unknown": {}}
    page = "".join(Pages().render("history.html.j2", "history.html", **values))
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)
    assert style is not None
    policy = f"default-src 'none'; style-src '{hash_inline(style[1])}'; base-uri 'none'; form-action 'none'"
    assert f'content="{policy}"' in page
    assert "<title>&lt;x&gt;</title>" in page
    assert page.count('aria-current="page"') == 1
    assert [f'href="{name}"' in page for name, _ in PAGES] == [True] * 3


@pytest.mark.parametrize("name", ["site.css", "users.js"])
def test_what_is_inlined_ends_no_element(name: str) -> None:
    text = (Pages.__init__.__globals__["_HERE"] / name).read_text("utf-8")
    assert "</" not in text
    assert "<!--" not in text
