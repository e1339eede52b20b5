"""Which accounts are as their users desire them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import MAPPINGS, OUT, desired, live, mapping, mappings, values_of

from reconciler.core.model import DesiredUser, Lifecycle, LiveUser, Value
from reconciler.core.planning.joined_users import JoinedUsers
from reconciler.core.planning.settling import find_linking_attribute


def is_settled(user: DesiredUser, found: LiveUser) -> bool:
    """Whether the two are settled. `find_rows` is passed by, for users without a value to match by."""

    class One(list[DesiredUser]):
        def find(self, _value: Value) -> int:
            return 0

    joined = JoinedUsers(One([user]), MAPPINGS)
    joined.take({found.id: found})
    return list(joined.list_open()) == []


VETOES = {
    "out of scope": ({"verdict": OUT}, {}),
    "failed": ({"failed": True}, {}),
    "doubtful": ({"doubtful": frozenset({"userName"})}, {}),
    "protected": ({"lifecycle": Lifecycle(protected=True)}, {}),
    "candidates": ({"candidates": (("userName", ("a",)),)}, {}),
    "no value to match by": ({"match": (None, "ada@example.com")}, {"match": (None, "ada@example.com")}),
    "nothing to match by": ({"match": ()}, {"match": ()}),
    "no link": ({"anchor": None}, {}),
    "another link": ({"anchor": "id-bob"}, {}),
    "another value": ({"attributes": values_of(department="Sales")}, {}),
    "matched otherwise": ({}, {"match": ("id-ada", "bob@example.com")}),
    "another name": ({}, {"user_name": "Ada@example.com"}),
    "another externalId": ({}, {"external_id": "id-bob"}),
    "inactive": ({}, {"active": False}),
    "not managed": ({}, {"managed": False}),
    "adoptable": ({}, {"adoptable": True}),
    "unreadable": ({}, {"unreadable": "title is a list"}),
    "omits active": ({}, {"omits_active": True}),
    "lacks active": ({}, {"lacks_active": True}),
    "unselected elements": ({}, {"unselected": {"title": ({},)}}),
    "its resource is needed": ({}, {"resource": {}}),
    "no date that can be kept": ({}, {"last_modified": ""}),
}


def test_equal_users_are_settled() -> None:
    assert is_settled(desired(), live())


@pytest.mark.parametrize("case", VETOES)
def test_users_that_may_need_a_decision_are_not_settled(case: str) -> None:
    wanted, shown = VETOES[case]
    assert not is_settled(replace(desired(), **wanted), replace(live(), **shown))  # type: ignore[arg-type]


def test_a_temporary_name_is_not_settled() -> None:
    name = "renaming-0123456789ab-0123456789abcdef@example.com"
    assert not is_settled(desired(user_name=name), live(user_name=name))


def test_nothing_is_settled_without_externalid_or_with_unique_values() -> None:
    assert find_linking_attribute([row for row in MAPPINGS if row.target != "externalId"]) is None
    assert find_linking_attribute(mappings(mapping("enterprise:costCenter", unique=True))) is None
