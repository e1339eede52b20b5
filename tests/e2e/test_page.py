"""The HTML page in a browser: what a person sees, types and hears, and that nothing leaves it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from support.browser import ADDRESS, DESK, NEEDS_BROWSER, PHONE, Show, axe, browser, playwright, show
from support.builders import APPLE
from support.plans import compared, every_action, plan_for
from support.untrusted_text import HOSTILE, plan_that_says

from reconciler.core.plan import Guard, Plan
from reconciler.render.html import render_html
from reconciler.render.style import Style
from reconciler.render.templating import Templates

pytestmark = NEEDS_BROWSER
__all__ = ["browser", "show"]
PAINT_ALL = """
    for (const card of document.querySelectorAll('article')) card.style.contentVisibility = 'visible';
    for (const each of document.querySelectorAll('details')) each.open = true;
"""
Open = Callable[..., Any]


@pytest.fixture
def opened(show: Show) -> Open:
    """Opens the page of a plan."""

    def open_page(plan: Plan, **how: Any) -> Any:
        return show(render_html(plan, APPLE, Style(), Templates(None), whole_plan_at="artifact 7"), **how)

    return open_page


def blocked() -> Plan:
    plan = every_action()
    guard = Guard("name-reuse", passed=False, message='1 user name would be used again: "ada"')
    return replace(plan, guards=(*plan.guards, guard, replace(guard, approved=True)), commit="0" * 40)


def visible(page: Any, heading: str = "h3") -> list[str]:
    """The names on the cards that are shown."""
    found: list[str] = page.locator(f"article:visible {heading} bdi").all_inner_texts()
    return found


def told(page: Any, words: str) -> None:
    """Wait until the number of changes is shown in this text."""
    playwright.expect(page.locator("#count")).to_have_text(words)


# --- reading and filtering ------------------------------------------------------------------------


def test_text_and_actions_filter_the_changes_and_the_number_is_shown(opened: Open) -> None:
    page = opened(every_action())
    told(page, "All 8 changes shown")
    page.get_by_label("Name, attribute or value").fill("LOVELACE king")
    told(page, "1 of 8 changes shown")
    assert visible(page) == ["edited@example.com"]
    assert page.locator("main > section[data-action]:visible").count() == 1
    page.get_by_label("Name, attribute or value").fill("nobody at all")
    told(page, "0 of 8 changes shown")
    page.get_by_role("button", name="Show all").click()
    told(page, "All 8 changes shown")
    page.get_by_role("checkbox", name="update").uncheck()
    told(page, "5 of 8 changes shown")
    page.get_by_role("checkbox", name="delete").uncheck()
    told(page, "4 of 8 changes shown")
    assert visible(page)[0] == "out@example.com"


def test_lists_and_actions_filter_together(opened: Open) -> None:
    page = opened(compared())
    told(page, "All 6 changes shown")
    whose = page.get_by_role("group", name="Attribution")
    whose.get_by_role("checkbox", name="this change set 3").uncheck()
    told(page, "3 of 6 changes shown")
    assert visible(page, "h4") == ["left@example.com", "hired@example.com", "drift@example.com"]
    assert page.get_by_role("heading", name="Changes of this change set").count() == 0
    page.get_by_role("group", name="Show").get_by_role("checkbox", name="create").uncheck()
    told(page, "2 of 6 changes shown")
    assert visible(page, "h4") == ["left@example.com", "drift@example.com"]
    whose.get_by_role("checkbox", name="already pending 3").uncheck()
    told(page, "0 of 6 changes shown")
    assert page.locator("section.list:visible").count() == 0
    page.get_by_role("button", name="Show all").click()
    told(page, "All 6 changes shown")
    assert page.get_by_role("region", name="Already pending 3", exact=True).count() == 1
    page.get_by_label("Name, attribute or value").fill("already pending")
    # The badge of a card, and the mark of a row.
    told(page, "4 of 6 changes shown")


def test_the_filter_by_list_is_used_by_keyboard(opened: Open) -> None:
    page = opened(compared())
    page.get_by_role("button", name="Show all").focus()
    for _ in range(4):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.value") == "this_change_set"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Space")
    told(page, "3 of 6 changes shown")


def test_a_link_to_a_group_ends_below_the_filters(opened: Open) -> None:
    page = opened(compared())
    page.get_by_role("link", name="1 user will be DEACTIVATED (already pending)").click()
    heading = page.locator("#all-deactivate-already_pending").bounding_box()
    assert (
        heading["y"] >= page.locator("#filter").bounding_box()["y"] + page.locator("#filter").bounding_box()["height"]
    )
    assert page.evaluate("location.hash") == "#all-deactivate-already_pending"


def test_the_keyboard_is_enough(opened: Open) -> None:
    page = opened(blocked())
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "Skip to the changes"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "changes"
    page.get_by_label("Name, attribute or value").focus()
    page.keyboard.type("swap")
    told(page, "2 of 8 changes shown")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    told(page, "All 8 changes shown")
    for _ in range(6):
        page.keyboard.press("Tab")
        assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Space")
    told(page, "5 of 8 changes shown")
    # Enter in the field sends nothing anywhere.
    page.get_by_label("Name, attribute or value").press("Enter")
    assert page.url.split("#")[0] == ADDRESS


def test_without_a_script_the_whole_plan_is_there_to_read(opened: Open) -> None:
    page = opened(blocked(), script=False)
    assert len(visible(page)) == 8
    assert page.locator("form:visible").count() == 0
    assert "This plan is blocked: nothing will be written." in page.inner_text("header")


def test_removals_are_seen_without_scrolling_also_on_a_phone(opened: Open) -> None:
    page = opened(blocked(), size=PHONE)
    playwright.expect(page.get_by_text("1 user will be DELETED, 1 user will be DEACTIVATED.")).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desktop", "phone"])
def test_no_value_is_wider_than_the_page(size: dict[str, int], opened: Open) -> None:
    for name in ("5,000 characters without a space", "right to left", "stacked accents", "a very long fence"):
        page = opened(plan_that_says(HOSTILE[name]), size=size)
        page.evaluate(PAINT_ALL)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name


def test_what_is_printed_is_whole_and_has_no_controls(opened: Open) -> None:
    page = opened(blocked())
    page.emulate_media(media="print")
    assert page.locator("form:visible, nav:visible").count() == 0
    assert page.evaluate("getComputedStyle(document.querySelector('article')).contentVisibility") == "visible"


def test_unchanged_attributes_are_opened_by_keyboard_and_are_not_searched(opened: Open) -> None:
    page = opened(every_action())
    card = page.locator("article", has_text="edited@example.com")
    card.locator("summary").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    playwright.expect(card.get_by_text("name.givenName", exact=True)).to_be_visible()
    page.get_by_label("Name, attribute or value").fill("edited@example.com familyname")
    told(page, "1 of 8 changes shown")
    page.get_by_label("Name, attribute or value").fill("edited@example.com givenname")
    told(page, "0 of 8 changes shown")


# --- for everybody --------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [blocked, compared])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(size: dict[str, int], scheme: str, plan: Callable[[], Plan], opened: Open) -> None:
    page = opened(plan(), size=size, scheme=scheme)
    # What is far below is not painted, and what is not painted is not judged.
    page.evaluate(PAINT_ALL)
    found = axe.Axe().run(page).response
    assert [(item["id"], [node["target"] for node in item["nodes"]]) for item in found["violations"]] == []
    assert {item["id"] for item in found["passes"]} >= {"color-contrast", "region", "label", "heading-order"}


def test_axe_would_find_something(opened: Open) -> None:
    page = opened(blocked())
    page.evaluate("document.querySelector('label').remove(); document.documentElement.removeAttribute('lang')")
    found = {item["id"] for item in axe.Axe().run(page).response["violations"]}
    assert found >= {"label", "html-has-lang"}


def test_light_and_dark_follow_the_system(opened: Open) -> None:
    backs = {
        scheme: opened(every_action(), scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert backs == {"light": "rgb(255, 255, 255)", "dark": "rgb(13, 17, 23)"}


# --- strangers ------------------------------------------------------------------------------------


def test_untrusted_values_run_nothing_and_fetch_nothing(opened: Open) -> None:
    """The fixture counts requests, dialogs and complaints, of which a violated policy is one."""
    word = " ".join(HOSTILE[name] for name in ("HTML", "the end of a script", "attributes", "CSS", "schemes"))
    page = opened(plan_that_says(word))
    told(page, "All 8 changes shown")
    assert page.locator("img, iframe, object, embed, link, [onload], [onerror]").count() == 0
    assert page.evaluate("document.scripts.length") == 1
    page.get_by_label("Name, attribute or value").fill("<script>alert(1)</script>")
    told(page, "All 8 changes shown")


def test_the_policy_stops_what_would_get_through(browser: Any) -> None:
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    stopped: list[str] = []
    page.on("console", lambda message: stopped.append(message.text))
    content = render_html(every_action(), APPLE, Style(), Templates(None))
    attack = "<img src=/x onerror='document.title=1'><script>document.title=2</script><style>p{color:red}</style>"
    content = content.replace("<footer>", f"{attack}<footer>")

    def answer(route: Any) -> None:
        asked.append(route.request.url)
        route.fulfill(body=content, content_type="text/html; charset=utf-8")

    context.route("**/*", answer)
    page.goto(ADDRESS)
    assert page.title() == "Plan for Apple Business Manager"
    assert asked == [ADDRESS]
    assert len(stopped) >= 3
    context.close()


# --- many -----------------------------------------------------------------------------------------


def test_5000_changes_are_filtered_to_one(opened: Open) -> None:
    page = opened(plan_for(5_000))
    told(page, "All 5,000 changes shown")
    page.get_by_label("Name, attribute or value").fill("user004321")
    told(page, "1 of 5,000 changes shown")
    assert visible(page) == ["user004321@example.com"]
    page.get_by_role("button", name="Show all").click()
    told(page, "All 5,000 changes shown")
