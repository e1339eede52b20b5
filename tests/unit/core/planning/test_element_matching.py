"""Elements of live lists that lack what a mapping's filter names."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import OUT, desired, live, mapping, mappings, reader, resource

from reconciler.core.model import AttributeMapping, DesiredUser, LiveUser
from reconciler.core.planning.element_matching import match_elements, settle_elements
from reconciler.profiles.generic_scim import GENERIC_SCIM

WORK = 'emails[type eq "work"].value'
HOME = 'emails[type eq "home"].value'
FIRST = "emails[primary eq true].value"
CITY, COUNTRY = (f'addresses[type eq "work"].{name}' for name in ("locality", "country"))
A, B, C = ({"value": name} for name in "abc")


def rows(*paths: str, **changed: Any) -> tuple[AttributeMapping, ...]:
    return mappings(*(mapping(path, "x", profile=GENERIC_SCIM, **changed) for path in paths), profile=GENERIC_SCIM)


def account(who: str = "ada", **lists: Any) -> LiveUser:
    every = rows(WORK, HOME, FIRST, CITY, COUNTRY)
    return reader(every, profile=GENERIC_SCIM).read(resource(who, **lists))


wants: dict[str, Any] = {}
"""What the user of the last `match` still wants."""


def match(
    elements: list[dict[str, Any]], wanted: dict[str, str], *others: LiveUser, paths: Any = (WORK,), **changed: Any
) -> tuple[dict[str, Any], list[str]]:
    """The values that the mappings of `paths` have in a list of e-mails, and the errors."""
    mapped = rows(*paths, **changed)
    found = reader(mapped, profile=GENERIC_SCIM).read(resource("ada", emails=elements))
    user = desired("ada", **wanted)
    pairs, errors = match_elements([(user, found)], [found, *others], mapped)
    assert pairs[0][1] is not None
    wants.clear()
    wants.update({path: value for path, value in pairs[0][0].attributes.items() if path in wanted})
    values = {path: value for path, value in pairs[0][1].attributes.items() if path in (WORK, HOME, FIRST)}
    return values, [f"{item.summary}\n{item.detail}" for item in errors]


@pytest.mark.parametrize(
    ("elements", "wanted", "value"),
    [
        ([A], "a", "a"),
        ([A], "b", "a"),  # planned as a change from a to b
        ([A, B], "b", "b"),
        ([A, A], "b", "a"),
        ([{"type": "home", "value": "a"}, B], "c", None),  # the service keeps types
        ([{"type": "other", "value": "a"}], "a", "a"),  # never added again
        ([{"type": "other", "value": "a"}], "b", None),
        ([{"type": "WORK", "value": "a"}, B], "b", "a"),
        ([], "a", None),
    ],
)
def test_an_element_without_its_type_counts_by_its_value_or_alone(
    elements: list[dict[str, Any]], wanted: str, value: str | None
) -> None:
    assert match(elements, {WORK: wanted}) == ({} if value is None else {WORK: value}, [])
    assert wants == {WORK: wanted}


def test_a_service_that_shows_types_elsewhere_keeps_them() -> None:
    typed = account("bob", emails=[{"type": "work", "value": "z"}])
    home = account("bob", emails=[{"type": "home", "value": "z"}])
    for other in (typed, home):
        assert match([A], {WORK: "b"}, other) == ({}, [])
        assert match([A], {WORK: "a"}, other) == ({WORK: "a"}, [])
    assert match([{"type": "home", "value": "a"}], {WORK: "a"}, typed) == ({}, [])


def test_a_service_that_shows_primary_elsewhere_keeps_it() -> None:
    other = account("bob", emails=[{"primary": True, "value": "z"}])
    assert match([A], {FIRST: "b"}, other, paths=[FIRST]) == ({}, [])
    assert match([A], {FIRST: "b"}, paths=[FIRST]) == ({FIRST: "a"}, [])


@pytest.mark.parametrize(
    ("elements", "wanted", "values"),
    [
        ([A, B], {WORK: "a", HOME: "b"}, {WORK: "a", HOME: "b"}),
        ([B, A], {WORK: "a", HOME: "b"}, {WORK: "a", HOME: "b"}),
        ([A, B], {WORK: "c", HOME: "b"}, {WORK: "a", HOME: "b"}),
        ([A], {WORK: "a"}, {WORK: "a"}),
        ([A], {WORK: "a", HOME: "c"}, {WORK: "a"}),
    ],
)
def test_elements_of_two_mappings_are_told_apart_by_their_values(
    elements: list[dict[str, Any]], wanted: dict[str, str], values: dict[str, str]
) -> None:
    assert match(elements, wanted, paths=[WORK, HOME]) == (values, [])


def test_what_cannot_be_told_apart_is_an_error_and_no_change() -> None:
    values, errors = match([A, B], {WORK: "c"})
    assert (values, wants) == ({}, {})
    (error,) = errors
    assert error.split("\n") == [
        'the service does not keep type of emails: which of several elements is emails[type eq "work"] is not known',
        'It is left as it is for "ada@example.com"; their other attributes are changed.',
        "Remove the elements of emails that are not wanted at the service, until one is left.",
        "If the service keeps primary, map emails[primary eq true].value instead.",
    ]
    assert len(match([A], {WORK: "b", HOME: "c"}, paths=[WORK, HOME])[1]) == 2
    assert wants == {}
    assert "primary eq true" not in match([A, B], {FIRST: "c"}, paths=[FIRST])[1][0].partition("\n")[2]


def test_what_no_mapping_wants_is_no_error() -> None:
    assert match([A, B], {}) == ({}, [])
    assert len(match([A, B], {}, clear=True)[1]) == 1
    assert match([A], {}, clear=True) == ({WORK: "a"}, [])


def test_users_are_counted_in_one_error() -> None:
    mapped = rows(WORK)
    found = [reader(mapped, profile=GENERIC_SCIM).read(resource(f"u{n}", emails=[A, B])) for n in range(5)]
    pairs: list[tuple[DesiredUser, LiveUser | None]] = [
        (desired(f"u{n}", **{WORK: "c"}), user) for n, user in enumerate(found)
    ]
    pairs.append((desired("out", verdict=OUT), replace(found[0], id="out")))
    _, (problem,) = match_elements(pairs, found, mapped)
    assert '"u2@example.com" and 2 other users;' in problem.detail


def test_parts_of_one_element_go_together() -> None:
    mapped = rows(CITY, COUNTRY)
    elements = [{"locality": "Berlin", "country": "DE"}, {"locality": "Paris", "country": "DE"}]
    found = reader(mapped, profile=GENERIC_SCIM).read(resource("ada", addresses=elements))
    pairs, errors = match_elements([(desired("ada", **{CITY: "Paris", COUNTRY: "DE"}), found)], [found], mapped)
    attributes = pairs[0][1].attributes if pairs[0][1] is not None else {}
    assert ([attributes[path] for path in (CITY, COUNTRY)], errors) == (["Paris", "DE"], [])


def test_users_whose_filters_find_their_elements_stay_as_they_are() -> None:
    pairs: list[tuple[DesiredUser, LiveUser | None]] = [(desired("ada"), live("ada")), (desired("bob"), None)]
    assert match_elements(pairs, [live("ada")], rows(WORK)) == (pairs, [])


@pytest.mark.parametrize(
    ("elements", "before", "after", "value"),
    [
        ([A], "a", "b", "a"),
        ([B], "a", "b", "b"),
        ([A, B], "a", "b", "a"),  # added, and not replaced
        ([B], None, "b", "b"),
        ([A], None, "b", None),
        ([A], "a", None, "a"),
        ([C], "a", None, None),
        ([{"type": "other", "value": "b"}], None, "b", None),
    ],
)
def test_a_change_sees_its_value_before_or_after_it(
    elements: list[dict[str, Any]], before: str | None, after: str | None, value: str | None
) -> None:
    found = account(emails=elements)
    sides = [{WORK: side} if side is not None else {} for side in (before, after)]
    assert settle_elements(found, sides[0], sides[1], rows(WORK)).attributes.get(WORK) == value


def test_a_created_user_is_what_the_service_made_of_it() -> None:
    found = account(emails=[{"type": "other", "value": "b"}])
    assert settle_elements(found, {}, {WORK: "b"}, rows(WORK), created=True).attributes[WORK] == "b"
    # Perhaps its own form of the value: whether it is one is for `apply.stored_forms` to say.
    assert settle_elements(account(emails=[A]), {}, {WORK: "b"}, rows(WORK), created=True).attributes[WORK] == "a"


def test_hostile_elements_carry_nothing() -> None:
    found = account(emails=["a", 7, None, {"value": {"x": 1}}, {"value": ["a"]}, {"type": {}, "value": "b"}])
    assert match_elements([(desired("ada", **{WORK: "a"}), found)], [found], rows(WORK))[0][0][1] is not None
    assert settle_elements(found, {WORK: "a"}, {WORK: "b"}, rows(WORK)).attributes.get(WORK) is None
