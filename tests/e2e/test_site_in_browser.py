"""The site of docs/ in a browser, opened from a disk: it can be read, searched and heard, and asks for nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.browser import DESK, NEEDS_BROWSER, PHONE, axe, browser, playwright
from support.docs_site import site

pytestmark = [NEEDS_BROWSER, pytest.mark.slow]
__all__ = ["browser", "site"]
Open = Callable[..., Any]
PAGES = (
    "docs/index.html",
    "docs/reference/settings.html",
    "docs/moving-from-entra.html",
    "docs/decisions/README.html",
    "search.html?q=quarantine",
)


@pytest.fixture
def opened(browser: Any, site: Path) -> Iterator[Open]:
    """Opens a page. At the end: files of the site were loaded only, and nothing was complained about."""
    contexts: list[Any] = []
    foreign: list[str] = []
    complaints: list[str] = []

    def open_page(name: str, size: dict[str, int] = DESK, scheme: str = "light") -> Any:
        context = browser.new_context(viewport=size, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda fault: complaints.append(str(fault)))
        page.on("request", lambda asked: foreign.append(asked.url) if not asked.url.startswith(site.as_uri()) else None)
        page.goto(f"{site.as_uri()}/{name}")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert foreign == []
    assert complaints == []


@pytest.mark.parametrize(
    ("size", "scheme", "names"),
    [(DESK, "light", PAGES), (PHONE, "dark", PAGES), (DESK, "dark", PAGES[:1]), (PHONE, "light", PAGES[:1])],
    ids=["desktop-light", "phone-dark", "desktop-dark", "phone-light"],
)
def test_pages_are_accessible_and_as_wide_as_the_screen(
    size: dict[str, int], scheme: str, names: tuple[str, ...], opened: Open
) -> None:
    for name in names:
        page = opened(name, size, scheme)
        assert (name, objections(page)) == (name, [])
        assert (name, page.evaluate("document.documentElement.scrollWidth")) == (name, size["width"])


def objections(page: Any) -> list[tuple[str, list[Any]]]:
    """What axe objects to. It may not read style sheets again: a page from a disk cannot."""
    found = axe.Axe().run(page, options={"preload": False}).response
    assert {item["id"] for item in found["passes"]} >= {"color-contrast", "region", "landmark-unique"}
    return [(item["id"], [node["target"] for node in item["nodes"]]) for item in found["violations"]]


def test_words_typed_into_the_box_are_searched_from_a_disk(opened: Open) -> None:
    page = opened("docs/decisions/README.html")
    page.get_by_placeholder("Search").fill("quarantine")
    page.keyboard.press("Enter")
    found = page.locator("#search-results li a")
    playwright.expect(found.filter(has_text="Quarantine and deferral")).to_be_visible()
    titles = found.all_inner_texts()
    assert titles.index("Notifications") < titles.index("19. Quarantine and deferral, from receipts alone")
    found.filter(has_text="Quarantine and deferral").click()
    playwright.expect(page.locator("h1")).to_contain_text("Quarantine and deferral")


@pytest.mark.parametrize("name", ["docs/decisions/0005-guards.html", "docs/reference/commands.html"])
def test_the_navigation_shows_where_the_page_is(name: str, opened: Open) -> None:
    page = opened(name)
    here = page.locator(".sidebar-tree .current-page > a")
    playwright.expect(here).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0


def test_the_entrance_leads_to_the_front_page(opened: Open) -> None:
    page = opened("index.html")
    page.wait_for_url("**/docs/index.html")
    playwright.expect(page.locator("h1")).to_contain_text("Reconciler")


def test_the_policy_runs_no_script_that_the_page_did_not_have(opened: Open, browser: Any, site: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{site.as_uri()}/docs/index.html")
    assert page.evaluate("document.body.dataset.theme") == "auto", "the script of the theme ran"
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = true'}))"
    )
    assert page.evaluate("window.ran") is None
    context.close()
