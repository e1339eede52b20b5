"""Which element of a multi-valued attribute a path with a filter is about."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.elements import clear_element, find_carrier, is_selected, is_unlabelled, set_element
from reconciler.core.paths import parse

WORK = parse('emails[type eq "work"].value')
CITY = parse('addresses[type eq "work"].locality')
HOME = {"type": "home", "value": "a"}
TYPED = {"Type": "Work", "value": "b"}
BARE = {"value": "a\u030a "}


@pytest.mark.parametrize(
    ("value", "found"), [(None, None), ("å", BARE), ("a", None), ("b", None)], ids=["none", "same", "home", "other"]
)
def test_an_element_without_its_sub_attribute_is_found_by_its_value(value: str | None, found: Any) -> None:
    assert find_carrier([HOME, BARE], WORK, value) is found
    assert find_carrier([HOME, BARE, TYPED], WORK, value) is TYPED


def test_what_a_filter_finds_and_what_lacks_its_sub_attribute() -> None:
    elements = [HOME, TYPED, BARE, {"type": None, "value": "x"}]
    assert [is_selected(each, WORK) for each in elements] == [False, True, False, False]
    assert [is_unlabelled(each, WORK) for each in elements] == [False, False, True, True]
    assert not is_selected(BARE, parse('emails[type eq "none"].value'))


def test_an_element_is_changed_in_its_place_and_keeps_its_other_parts() -> None:
    bare = {"value": "old", "display": "D"}
    assert set_element([HOME, bare], bare, WORK, "new") == [HOME, {"value": "new", "display": "D", "type": "work"}]
    assert set_element([HOME], None, WORK, "new") == [HOME, {"type": "work", "value": "new"}]
    assert set_element([TYPED], TYPED, WORK, "new") == [{"Type": "Work", "value": "new"}]


def test_an_element_without_a_value_is_removed() -> None:
    city = {"type": "work", "Locality": "Berlin", "country": "DE"}
    assert clear_element([HOME, BARE], BARE, WORK) == [HOME]
    assert clear_element([city], city, CITY) == [{"type": "work", "country": "DE"}]
    assert clear_element([HOME], None, WORK) == [HOME]
