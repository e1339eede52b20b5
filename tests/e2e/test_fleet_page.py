"""The page of a fleet in a browser: what a person sees, types and hears, and that nothing leaves it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.browser import DESK, NEEDS_BROWSER, PHONE, Show, browser, playwright, show, violations
from support.fleet_reports import full_fleet, large_fleet, removed_users
from support.untrusted_text import HOSTILE

from reconciler.fleet.report import FleetReport
from reconciler.render.fleet_page import render_fleet_page
from reconciler.render.fleet_view import build_fleet_view
from reconciler.render.style import Style

pytestmark = NEEDS_BROWSER
__all__ = ["browser", "show"]
Open = Callable[..., Any]


@pytest.fixture
def opened(show: Show) -> Open:
    """Opens the page of a run."""

    def open_page(report: FleetReport, **how: Any) -> Any:
        return show(render_fleet_page(build_fleet_view(report, removed_users()), Style(), {"acme"}), **how)

    return open_page


def names(page: Any) -> list[str]:
    """The tenants that are shown, in their order."""
    found: list[str] = page.locator("tbody tr:visible th").evaluate_all(
        "heads => heads.map(head => head.firstChild.textContent.trim())"
    )
    return found


def told(page: Any, words: str) -> None:
    """Wait until the number of tenants is shown in this text."""
    playwright.expect(page.locator("#count")).to_have_text(words)


def test_text_and_states_filter_the_tenants_and_the_number_is_shown(opened: Open) -> None:
    page = opened(full_fleet())
    told(page, "All 9 tenants shown")
    page.get_by_label("Name or reason").fill("ANSWER hotel")
    told(page, "1 of 9 tenants shown")
    assert names(page) == ["hotel"]
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("checkbox", name="without changes").uncheck()
    page.get_by_role("checkbox", name="failed").uncheck()
    told(page, "6 of 9 tenants shown")
    assert names(page) == ["cafe0123", "kilo", "acme", "foxtrot", "hotel", "golf"]


def test_columns_sort_and_say_so(opened: Open) -> None:
    page = opened(full_fleet())
    by_attention = names(page)
    page.get_by_role("button", name="to create").click()
    assert names(page)[:2] == ["golf", "kilo"]
    head = page.locator("th[aria-sort]")
    assert (head.inner_text().strip(), head.get_attribute("aria-sort")) == ("to create", "descending")
    page.get_by_role("button", name="tenant").click()
    assert names(page) == sorted(by_attention)
    page.get_by_role("button", name="tenant").click()
    assert names(page) == sorted(by_attention, reverse=True)
    page.get_by_role("button", name="Show all").click()
    assert names(page) == by_attention
    assert page.locator("th[aria-sort]").count() == 0


def test_without_its_script_the_page_is_complete(opened: Open) -> None:
    page = opened(full_fleet(), script=False)
    assert len(names(page)) == 9
    assert not page.locator("form").is_visible()
    assert page.locator("thead button").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE])
def test_the_page_is_accessible_and_as_wide_as_the_screen(opened: Open, size: dict[str, int], scheme: str) -> None:
    page = opened(full_fleet(), size=size, scheme=scheme)
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") == size["width"]


@pytest.mark.parametrize("name", ["HTML", "the end of a script", "attributes", "a very long fence", "schemes"])
def test_a_hostile_reason_is_only_text(opened: Open, name: str) -> None:
    page = opened(full_fleet(word=HOSTILE[name]), size=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    assert page.locator("script").count() == 1
    assert page.locator("img").count() == 0


@pytest.mark.slow
def test_ten_thousand_tenants_can_be_searched_and_sorted(opened: Open) -> None:
    page = opened(large_fleet(10_000))
    told(page, "All 10,000 tenants shown")
    page.get_by_label("Name or reason").fill("school-00242")
    told(page, "1 of 10,000 tenants shown")
    page.get_by_role("button", name="Show all").click()
    page.get_by_role("button", name="tenant").click()
    assert names(page)[0] == "school-00000"
