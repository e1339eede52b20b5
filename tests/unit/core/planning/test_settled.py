"""A plan with settled pairs is the plan without them, and the pairs that are as desired are settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from support.builders import every_field, reader
from support.laws import examples
from support.settled_companies import EDITS, SettledCompany, equal_company, settled_companies

from reconciler.core.model import NO_LIFECYCLE, LiveUser
from reconciler.core.planning.joined_users import JoinedUsers
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.reopening import set_aside
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.desired.user_table import UserTable
from reconciler.record.plan_file import to_json
from reconciler.scim.packed_users import PackingReader


def join(request: PlanRequest, live: LiveState) -> LiveState:
    return replace(live, users=JoinedUsers.join(request.desired, live.users, request.mappings))


def check_rows(request: PlanRequest, live: LiveState, joined: Sequence[LiveUser]) -> None:
    """Check that packed users and rows are settled as the users are."""
    packing = PackingReader(reader())
    packed = {user.id: packing.pack(user) for user in live.users}
    people = [
        replace(user, lifecycle=NO_LIFECYCLE) if user.lifecycle == NO_LIFECYCLE else user for user in request.desired
    ]
    found = JoinedUsers(UserTable(people), request.mappings, packing)
    found.take(packed)
    if isinstance(joined, JoinedUsers):
        assert list(found._users.list_users()) == list(joined._users.list_users())
        assert found.paths == joined.paths
        assert found.list_rows() == joined.list_rows()
        assert names_of(found) == names_of(joined)


def names_of(joined: JoinedUsers) -> list[list[int]]:
    return [list(part) for part in joined.names.entries.list_parts()]


def check_law(request: PlanRequest, live: LiveState) -> int:
    """Check the law for one company; return how many pairs were settled."""
    joined = join(request, live)
    assert list(joined.users) == list(live.users)
    check_rows(request, live, joined.users)
    plain, planned = build_plan(request, live), build_plan(request, joined)
    assert to_json(planned) == to_json(plain)
    assert every_field(planned) == every_field(plain)
    return set_aside(request, joined)[1].settled.count


@settings(max_examples=examples(400), deadline=None)
@given(company=settled_companies())
def test_a_plan_with_settled_pairs_is_the_plan_without_them(company: SettledCompany) -> None:
    check_law(*company.build())


@pytest.mark.parametrize("name", sorted(EDITS))
def test_one_edit_changes_nothing_of_a_plan(name: str) -> None:
    counts = Counter[int]()
    for one, other in product((0, 3, 4), (1, 3, 8)):
        company = equal_company()
        EDITS[name](company, one, other)
        counts[check_law(*company.build())] += 1
    assert name == "relinks" or max(counts) >= 5, "most pairs are settled"


STORIES: dict[str, list[tuple[str, int, int]]] = {
    "capitals are kept": [("has capitals", 3, 1), ("wants capitals", 1, 1)],
    "labels are kept": [("has another unlabelled email", 1, 2)],
    "most accounts are there": [("accounts on record", 3, 1), ("leaves", 5, 1)],
    "some accounts are there": [("accounts on record", 3, 1)],
    "a crowd would be suggested to relink": [("shows a foreign id", number, 0) for number in (1, 2, 3)],
    "an interrupted exchange": [("begins an exchange", 1, 2), ("is called as before", 2, 1)],
    "both sides of an exchange": [("begins an exchange", 1, 2), ("shows another's name", 2, 1)],
    "the name is taken meanwhile": [("an original name", 1, 2), ("has a temporary name", 1, 2)],
    "adopted lately": [("changed lately", 1, 1), ("has another department", 1, 1), ("limits", 0, 0)],
    "accounts were replaced": [("is hidden", 1, 1), ("was replaced", 1, 1), ("accounts on record", 8, 1)],
    "activity is doubted": [("may be inactive", 1, 1), ("omits active", 1, 1)],
    "a last user": [("leaves", 1, 1), ("joins", 2, 1)],
    "protected by an earlier name": [("had a name", 1, 2), ("an entry of guards.protected", 2, 0), ("leaves", 1, 1)],
    "protected lately": [("was protected", 1, 1), ("leaves", 1, 1)],
    "several are adopted": [("limits", 0, 0), *(("shows no id", number, 0) for number in (1, 2, 3))],
    "relinked": [("relinks", 0, 0), ("shows a foreign id", 1, 0)],
}


@pytest.mark.parametrize("name", sorted(STORIES))
def test_several_edits_change_nothing_of_a_plan(name: str) -> None:
    company = equal_company()
    for edit, one, other in STORIES[name]:
        EDITS[edit](company, one, other)
    check_law(*company.build())


def test_all_pairs_of_an_equal_company_are_settled() -> None:
    request, live = equal_company().build()
    assert check_law(request, live) == len(live.users) == len(request.desired)
