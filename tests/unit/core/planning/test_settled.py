"""A plan with settled pairs is the plan without them, and the pairs that are as desired are settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings
from support.builders import MAPPINGS, OUT, desired, every_field, live, mapping, mappings, reader, values_of
from support.laws import examples
from support.settled_companies import EDITS, SettledCompany, equal_company, settled_companies

from reconciler.core import paths
from reconciler.core.model import NO_LIFECYCLE, DesiredUser, Flow, Lifecycle, LiveUser, Value
from reconciler.core.planning import settled
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.reopening import set_aside
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.planning.settled import (
    MOST_ROWS,
    JoinedUsers,
    NameIndex,
    find_linking_attribute,
    find_rows,
    list_open_users,
)
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
    found = JoinedUsers(UserTable(people), request.mappings)
    found.take(packed, packing)
    if isinstance(joined, JoinedUsers):
        assert list(found._users.items()) == list(joined._users.items())
        assert found.paths == joined.paths
        assert found.list_rows() == joined.list_rows()
        assert names_of(found) == names_of(joined)


def names_of(joined: JoinedUsers) -> list[list[int]]:
    return [sorted(bucket) for bucket in joined.names._buckets]


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


# --- which pairs are settled ---------------------------------------------------


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


# --- what is kept --------------------------------------------------------------


def joined_users(*names: str) -> JoinedUsers:
    joined = JoinedUsers([desired(name) for name in names], MAPPINGS)
    shown = [live(name, last_modified=f"2026-01-0{row + 1}T00:00:00Z") for row, name in enumerate(names)]
    joined.take({user.id: user for user in shown})
    return joined


def test_settled_users_are_built_again_as_they_were_listed() -> None:
    joined = joined_users("ada", "bob", "eve")
    expected = [
        live(name, last_modified=f"2026-01-0{row + 1}T00:00:00Z") for row, name in enumerate(("ada", "bob", "eve"))
    ]
    assert list(joined) == expected
    assert [joined[0], joined[-1], *joined[1:2]] == [expected[0], expected[-1], expected[1]]
    assert [joined.get("live-bob"), joined.get("live-zoe")] == [expected[1], None]
    assert [joined.find_row("live-bob"), joined.find_row("live-zoe")] == [1, None]
    assert len(joined) == 3
    assert list(joined.list_open()) == []


def test_a_desired_user_has_one_settled_account() -> None:
    joined = JoinedUsers([desired("ada")], MAPPINGS)
    joined.take({"live-ada": live("ada"), "again": live("ada", id="again")})
    assert [user.id for user in joined.list_open()] == ["again"]


def test_users_that_cannot_be_numbered_stay_open() -> None:
    class Many(list[DesiredUser]):
        def find(self, _value: Value) -> int:
            return MOST_ROWS

    joined = JoinedUsers(Many(), MAPPINGS)
    joined.take({"live-ada": live("ada")})
    assert list(joined.list_open()) == [live("ada")]


def test_users_with_the_same_first_value_have_no_number() -> None:
    find = find_rows([desired("ada"), desired("bob"), desired("bob", user_name="b"), desired("eve", external_id=None)])
    assert [find("id-ada"), find("id-bob"), find("id-eve")] == [0, None, None]


def test_the_form_of_values_is_kept() -> None:
    rows = mappings(mapping("locale"), mapping("enterprise:costCenter", flow=Flow.IF_EMPTY))
    people = [desired(name, locale="ja-JP") for name in ("ada", "bob", "eve")]
    shown = [
        live("ada", locale="ja_JP"),
        live("bob", locale="JA_JP", **{f"{paths.ENTERPRISE}:costCenter": "7"}),
        live("eve", locale="ja-JP"),
    ]
    joined = JoinedUsers.join(people, shown, rows)
    assert isinstance(joined, JoinedUsers)
    assert list(joined.list_open()) == []
    assert list(joined) == shown
    assert joined.paths == {*shown[1].attributes}


def test_forms_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settled, "_MOST_FORMS", 2)
    rows = mappings(mapping("locale"))
    people = [desired(name, locale="ja-JP") for name in ("ada", "bob", "eve")]
    shown = [live("ada", locale="ja_JP"), live("bob", locale="JA_JP"), live("eve", locale="ja_JP")]
    assert list(list_open_users(JoinedUsers.join(people, shown, rows))) == shown[1:2]


def test_corrected_users_are_open_and_so_are_their_desired_users() -> None:
    joined = joined_users("ada", "bob", "eve")
    changed, added = live("bob", department="Sales"), live("zoe")
    joined.correct({"live-ada": None, "live-bob": changed, "live-zoe": added, "gone": None})
    assert [user.id for user in joined] == ["live-bob", "live-eve", "live-zoe"]
    assert list(joined.list_open()) == [changed, added]
    assert [row for row, _ in joined.list_desired(joined.list_rows())] == [0, 1]
    assert [joined.find_settled("id-bob", 0), joined.find_settled("id-eve", 0)] == [None, 2]


def test_users_are_looked_up_by_id() -> None:
    joined = joined_users("ada", "bob")
    assert dict(joined.by_id) == {user.id: user for user in joined}
    assert ["live-ada" in joined.by_id, "gone" in joined.by_id, len(joined.by_id)] == [True, False, 2]
    with pytest.raises(KeyError):
        joined.by_id["gone"]


def test_an_id_that_comes_twice_settles_nothing() -> None:
    users = [live("ada"), live("bob", id="live-ada")]
    assert JoinedUsers.join([desired("ada"), desired("bob")], users, MAPPINGS) == users


def test_names_are_found_with_all_who_have_them() -> None:
    index = NameIndex()
    names = [f"name-{number}" for number in range(1000)]
    for number, name in enumerate(names):
        index.add({name, f"alias-{number}", "everyone"} if number < 2 else {name}, number)
    assert [index.find({name}) for name in names] == [{number} for number in range(1000)]
    assert index.find({"everyone", "name-7"}) == {0, 1, 7}
    assert index.find({"nobody"}) == set()
    assert index.find_shared() == {0, 1}
    index.add({"name-7"}, 2000)
    assert index.find_shared() == {0, 1, 7, 2000}
