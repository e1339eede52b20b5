"""What is kept of the users of a list that are as desired."""

from __future__ import annotations

import pytest
from support.builders import MAPPINGS, desired, live, mapping, mappings

from reconciler.core import paths
from reconciler.core.model import DesiredUser, Flow, Value
from reconciler.core.planning import settled_rows
from reconciler.core.planning.joined_users import JoinedUsers, find_rows, list_open_users
from reconciler.core.planning.name_index import MOST_ROWS
from reconciler.desired.user_table import UserTable


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
    monkeypatch.setattr(settled_rows, "_MOST_FORMS", 2)
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


def test_users_are_settled_while_the_list_is_read_if_all_rows_are_there() -> None:
    joined = JoinedUsers(UserTable([desired("ada"), desired("bob")]), MAPPINGS)
    for _ in range(2):
        kept = joined.open_table()
        for user in (live("bob"), live("zoe"), live("ada")):
            kept[user.id] = joined.settle(user.id, user)
        assert kept == {"live-bob": 1, "live-zoe": live("zoe"), "live-ada": 0}
    joined.take(kept)
    assert list(joined) == [live("bob"), live("zoe"), live("ada")]


def test_users_wait_for_rows_that_have_not_arrived() -> None:
    table = UserTable(complete=lambda: None)
    joined = JoinedUsers(table, MAPPINGS)
    kept = joined.open_table()
    kept["live-ada"] = joined.settle("live-ada", live("ada"))
    assert kept == {"live-ada": live("ada")}
    table.extend([desired("ada"), desired("bob")])
    table.end()
    assert joined.settle("live-bob", live("bob")) == 1
    assert kept == {"live-ada": 0}


def test_which_users_lack_attributes_is_known_by_place_settled_or_not() -> None:
    names = [f"p{number}" for number in range(6)]
    people = [desired(name, title="Pilot") if name in ("p1", "p4") else desired(name) for name in names]
    shown = [live(name, title="Pilot") if name in ("p1", "p4") else live(name) for name in names]
    shown[2] = live("p2", department="Sales")
    joined = JoinedUsers(people, MAPPINGS, lacks=lambda present: "title" in present)
    joined.take({user.id: user for user in shown})
    assert [user.id for user in joined.list_open()] == ["live-p2"]
    assert list(joined.list_lacking(lambda user: user.id == "live-p2")) == [0, 1, 1, 0, 1, 0]
    assert list(joined.list_open_if(lambda user: user.id != "live-p1")) == [0, 0, 1, 0, 0, 0]
    assert not any(joined.list_open_if(lambda user: user.id != "live-p2"))
    assert joined.pick([4, 2]) == [shown[4], shown[2]]
