"""The page of `log --format html` in a browser: every width, hostile values, keyboard, and axe."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from support.browser import DESK, LINES_OF_TEXT, NEEDS_BROWSER, PHONE, Show, browser, show, violations
from support.untrusted_text import HOSTILE
from unit.render.test_history import ADA, COMMIT, DRIFT, EDIT

from reconciler.core.field_change import FieldChange, JsonText
from reconciler.history.edits import DOCUMENT, Edit, EditKind, Entity
from reconciler.history.outcomes import TimelineEntry
from reconciler.render.history import HistoryView
from reconciler.render.history_page import render_history_page
from reconciler.render.style import Style

pytestmark = NEEDS_BROWSER
__all__ = ["browser", "show"]
LONG_NAME = "maximiliana.wolfeschlegelsteinhausenbergerdorff@subsidiary.of-a-subsidiary.example.com"
CLAUSES = [
    {"attribute": "department", "operator": "EQUALS", "value": "Research, and more"},
    {"attribute": "jobTitle", "operator": "IS NOT NULL"},
]
FILTERS = tuple(
    JsonText(json.dumps({"name": name, "clauses": CLAUSES})) for name in ("Engineering with a title", "Sales")
)
SIZES = pytest.mark.parametrize("size", [DESK, PHONE, {"width": 320, "height": 600}], ids=["desktop", "phone", "320"])


def edit(*rows: FieldChange, name: str = "ada") -> TimelineEntry:
    return replace(EDIT, edit=Edit(EditKind.CHANGED, ADA, replace(ADA, name=name), rows))


def scope() -> TimelineEntry:
    document = Entity(DOCUMENT, "scope.yaml", {}, "scope.yaml")
    rows = (
        FieldChange("assigned.groups", ("apple-users", "berlin"), None),
        FieldChange("filters", None, FILTERS),
        FieldChange("sync", "all", "assigned"),
    )
    return replace(EDIT, edit=Edit(EditKind.CHANGED, document, document, rows))


def many() -> TimelineEntry:
    return edit(*(FieldChange(f"extensionAttribute{n}", None if n % 2 else "before", f"{n} after") for n in range(100)))


def hostile() -> TimelineEntry:
    rows = [FieldChange(f"a{n}", word, (word, word)) for n, word in enumerate(HOSTILE.values())]
    commit = replace(COMMIT, author="A" * 150, subject="S" * 190)
    return replace(edit(FieldChange("userPrincipalName", "a", LONG_NAME), *rows, name=LONG_NAME), commit=commit)


def page_of(*entries: TimelineEntry) -> str:
    return render_history_page(HistoryView(entries, "ada", "department"), Style())


@SIZES
def test_no_label_and_no_none_breaks_letter_by_letter(size: dict[str, int], show: Show) -> None:
    page = show(page_of(scope(), hostile()), size=size)
    for label in ("assigned.groups", "filters", "sync", "(none)", "userPrincipalName", "apple-users"):
        lines = page.evaluate(LINES_OF_TEXT, label)
        assert lines, label
        assert set(lines) == {1}, label


@SIZES
def test_nothing_is_wider_than_the_page(size: dict[str, int], show: Show) -> None:
    page = show(page_of(scope(), many(), hostile()), size=size)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_filter_is_shown_as_in_the_file_and_not_as_json_in_quotes(show: Show) -> None:
    text = show(page_of(scope())).locator("main").inner_text()
    assert '{attribute: department, operator: EQUALS, value: "Research, and more"}' in text
    assert "{name: Sales, clauses: [{" in text
    assert '\\"' not in text


def test_attributes_beyond_the_first_20_are_opened_with_the_keyboard(show: Show) -> None:
    page = show(page_of(many()))
    assert page.get_by_text("extensionAttribute19", exact=True).is_visible()
    assert not page.get_by_text("extensionAttribute99", exact=True).is_visible()
    page.keyboard.press("Tab")
    assert page.locator(":focus").inner_text() == "80 more attributes"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("Enter")
    assert page.get_by_text("extensionAttribute99", exact=True).is_visible()


def test_hostile_values_run_nothing(show: Show) -> None:
    page = show(page_of(hostile()))
    assert page.evaluate("document.scripts.length") == 0
    assert page.locator("img, iframe, object, embed, link, [onload], [onerror]").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desktop", "phone"])
def test_axe_finds_nothing(size: dict[str, int], scheme: str, show: Show) -> None:
    page: Any = show(page_of(scope(), DRIFT, many(), hostile()), size=size, scheme=scheme)
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    assert violations(page) == []
