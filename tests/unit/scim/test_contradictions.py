from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.builders import live

from reconciler.core.model import LiveUser
from reconciler.scim.contradictions import find_changed, find_contradiction, shows_less, shows_otherwise

ALONE = live("ada")


def test_equal_users_do_not_contradict() -> None:
    pair = (ALONE, ALONE)
    assert find_contradiction([pair]) is None
    assert not shows_less(pair)
    assert not shows_otherwise(pair)


@pytest.mark.parametrize(
    ("changed", "said"), [({"user_name": "ben@example.com"}, "ben@example.com"), ({"external_id": "id-ben"}, "id-ben")]
)
def test_other_names_contradict(changed: dict[str, Any], said: str) -> None:
    message = find_contradiction([(ALONE, ALONE), (replace(ALONE, **changed), ALONE)])
    assert message is not None
    assert f'as "{said}", but read by its id it is' in message


@pytest.mark.parametrize("changed", [{"user_name": ""}, {"external_id": None}, {"attributes": {}}])
def test_what_is_left_out_is_less_and_no_contradiction(changed: dict[str, Any]) -> None:
    pair = (replace(ALONE, **changed), ALONE)
    assert find_contradiction([pair]) is None
    assert shows_less(pair)
    assert not shows_otherwise(pair)


def test_other_values_are_shown_otherwise() -> None:
    path = next(iter(ALONE.attributes))
    assert shows_otherwise((replace(ALONE, attributes={**ALONE.attributes, path: "other"}), ALONE))
    assert shows_otherwise((replace(ALONE, attributes={**ALONE.attributes, "title": "only here"}), ALONE))
    inactive = replace(ALONE, active=False)
    assert shows_otherwise((ALONE, inactive))
    assert shows_otherwise((inactive, ALONE))
    assert not shows_otherwise((replace(ALONE, omits_active=True), inactive))


@pytest.mark.parametrize(("shown", "said", "other"), [(False, "inactive", "active"), (True, "active", "inactive")])
def test_another_active_contradicts_unless_it_is_left_out(shown: bool, said: str, other: str) -> None:
    in_list, alone = replace(ALONE, active=shown), replace(ALONE, active=not shown)
    expected = f'the list shows account "live-ada" as {said}, but read by its id it is {other}'
    assert find_contradiction([(ALONE, ALONE), (in_list, alone)]) == expected
    assert find_contradiction([(replace(in_list, omits_active=True), alone)]) is None
    assert find_contradiction([(in_list, replace(alone, omits_active=True))]) is None


OLD, NEW = "2026-11-30T08:00:00Z", "2026-11-30T08:00:01Z"


def differ(name: str, before: str | None, after: str | None, **names: str) -> tuple[LiveUser, LiveUser]:
    shown: LiveUser = replace(live(name), active=False, last_modified=before, **names)  # type: ignore[arg-type]
    return shown, replace(live(name), last_modified=after)


def test_one_user_may_have_been_changed_since_it_was_listed() -> None:
    pair = differ("ada", OLD, NEW)
    assert find_changed([(ALONE, ALONE), pair]) == pair[1]


@pytest.mark.parametrize(("before", "after"), [(OLD, OLD), (OLD, NEW), (None, OLD), (NEW, None), (NEW, "now")])
def test_a_read_by_id_that_is_not_known_to_be_older_contradicts(before: str | None, after: str | None) -> None:
    assert find_contradiction([differ("ada", before, after)]) is not None


def test_a_read_by_id_that_lags_behind_the_list_is_no_contradiction() -> None:
    assert find_contradiction([differ("ada", NEW, OLD)]) is None
    assert find_contradiction([differ("ada", NEW, OLD, user_name="ben@example.com")]) is not None


@pytest.mark.parametrize(
    "pairs",
    [
        [],
        [(ALONE, ALONE)],
        [differ("ada", OLD, OLD)],
        [differ("ada", NEW, OLD)],
        [differ("ada", None, NEW)],
        [differ("ada", OLD, None)],
        [differ("ada", OLD, "yesterday")],
        [differ("ada", OLD, NEW, user_name="ben@example.com")],
        [differ("ada", OLD, NEW), differ("ben", OLD, NEW)],
        [differ("ada", OLD, NEW), differ("ben", None, None)],
    ],
)
def test_otherwise_no_user_counts_as_changed(pairs: list[tuple[LiveUser, LiveUser]]) -> None:
    assert find_changed(pairs) is None
