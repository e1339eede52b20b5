"""The pages of `report` in a browser: what a person sees, types and hears, and that nothing leaves them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.browser import DESK, NEEDS_BROWSER, PHONE, Show, browser, playwright, show, violations
from support.builders import APPLE
from support.plans import every_action
from support.site_reports import site_report, site_run
from support.untrusted_text import HOSTILE, plan_that_says

from reconciler.render.site.model import ShownPlan
from reconciler.render.site.site import render_site
from reconciler.render.style import Style

pytestmark = NEEDS_BROWSER
__all__ = ["browser", "show"]
Open = Callable[..., Any]
PAGES = ("index.html", "users.html", "users-0001.html", "history.html", "changes-1.html")


@pytest.fixture
def opened(show: Show) -> Open:
    """Opens a page of the site; keywords `word`, `count` and `runs` are those of the report."""

    def open_page(name: str, *, word: str = "ada@example.com", count: int = 0, runs: int = 3, **how: Any) -> Any:
        plan = every_action() if word == "ada@example.com" else plan_that_says(word)
        report = site_report(
            word,
            count,
            runs=[site_run(days, ("done", "failed")) for days in range(runs, 0, -1)],
            plans=(ShownPlan(plan, APPLE, saved=True),),
        )
        site = {page: "".join(text) for page, text in render_site(report, Style())}
        return show(site[name], **how)

    return open_page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("name", PAGES)
def test_each_page_is_accessible_and_as_wide_as_the_screen(
    name: str, size: dict[str, int], scheme: str, opened: Open
) -> None:
    page = opened(name, size=size, scheme=scheme)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]


def test_text_and_states_filter_the_users_and_the_number_is_said(opened: Open) -> None:
    page = opened("users.html", count=20)
    count = page.locator("#count")
    playwright.expect(count).to_have_text("All 30 users shown")
    page.get_by_label("Name, reason or file").fill("PERSON.00007")
    playwright.expect(count).to_have_text("1 of 30 users shown")
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("checkbox", name="account 22", exact=True).uncheck()
    playwright.expect(count).to_have_text("8 of 30 users shown")


def test_the_changes_lead_back_to_the_other_pages(opened: Open) -> None:
    page = opened("changes-1.html")
    links = page.get_by_role("navigation", name="Pages", exact=True).get_by_role("link")
    assert [link.get_attribute("href") for link in links.all()] == ["index.html", "users.html", "history.html"]


def test_without_its_script_the_list_is_complete(opened: Open) -> None:
    page = opened("users.html", script=False)
    assert page.locator("#rows li:visible").count() == 10
    assert not page.locator("form").is_visible()


def test_the_plots_have_their_numbers_and_the_keyboard_opens_them(opened: Open) -> None:
    page = opened("index.html", runs=9)
    assert page.locator("figure > svg[role=img]").count() == 3
    page.locator("figure summary").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("figure table").first.locator("tbody tr").count() == 9


@pytest.mark.parametrize("name", ["HTML", "the end of a script", "attributes", "schemes"])
@pytest.mark.parametrize("page_name", PAGES)
def test_hostile_words_are_only_text(page_name: str, name: str, opened: Open) -> None:
    page = opened(page_name, word=HOSTILE[name], size=PHONE)
    assert page.locator("script").count() == (page_name in ("users.html", "changes-1.html"))
    assert page.locator("img, iframe, object, embed, link, [onload], [onerror]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]


@pytest.mark.slow
def test_twenty_thousand_users_can_be_searched(opened: Open) -> None:
    page = opened("users.html", count=20_000)
    page.get_by_label("Name, reason or file").fill("person.12345")
    playwright.expect(page.locator("#count")).to_have_text("1 of 20,010 users shown")
