from dataclasses import replace

import pytest

from reconciler.core.policy import Limit
from reconciler.history.edits import DOCUMENT, GROUP, USER, Entity
from reconciler.sources.departures import (
    DepartureKind,
    Departures,
    check_departures,
    find_departures,
    find_unassigned,
    is_enabled,
)
from reconciler.sources.import_plan import CurrentState, EntryEdit, ImportPlan


def user(name: str, **fields: str) -> Entity:
    return Entity(USER, name, {"userPrincipalName": name, **fields}, "users/a.yaml")


def group(name: str, *users: str, groups: tuple[str, ...] = ()) -> Entity:
    return Entity(GROUP, name, {"name": name, "members.users": users, "members.groups": groups}, "groups/a.yaml")


def scope(sync: str = "assigned", **lists: tuple[str, ...]) -> Entity:
    fields = {path.replace("_", "."): items for path, items in lists.items()}
    return Entity(DOCUMENT, "scope.yaml", {"sync": sync, **fields}, "scope.yaml")


ADA, BOB = user("ada@x.org", objectId="A-1"), user("bob@x.org", objectId="B-1")
STAFF = group("Staff", "ADA@x.org", "b-1")
STATE = CurrentState((ADA, BOB), (STAFF,), scope(assigned_groups=("staff",)))


def leaving(current: CurrentState, *edits: EntryEdit) -> list[str]:
    found = find_departures(current, ImportPlan("Entra", edits))
    return [f"{each.entity.name}: {each.kind.value}" for each in found.people]


def with_fields(entity: Entity, **fields: str | tuple[str, ...]) -> Entity:
    return replace(entity, fields={**entity.fields, **{key.replace("_", "."): value for key, value in fields.items()}})


def test_new_users_are_assigned_by_name_id_group_or_with_everyone() -> None:
    new = [user("ada@x.org"), user("new@x.org", objectId="B-1"), user("other@x.org")]
    assert [each.name for each in find_unassigned(STATE, new)] == ["other@x.org"]
    assert find_unassigned(replace(STATE, scope=scope("all")), new) == []
    assert find_unassigned(replace(STATE, scope=None), new) == []
    excluding = replace(STATE, scope=scope("all", excluded_users=("OTHER@x.org",)))
    assert [each.name for each in find_unassigned(excluding, new)] == ["other@x.org"]


def test_an_import_without_edits_takes_no_user_out_and_counts_the_enabled_ones_in_scope() -> None:
    gone = user("eve@x.org", accountEnabled="FALSE")
    state = replace(STATE, users=(ADA, BOB, gone, user("out@x.org")))
    assert find_departures(state, ImportPlan("Entra")) == Departures((), 2)


@pytest.mark.parametrize(("value", "enabled"), [("false", False), ("False", False), ("true", True), ("", True)])
def test_a_user_is_disabled_by_false_in_any_case(value: str, enabled: bool) -> None:
    assert is_enabled(user("ada@x.org", accountEnabled=value)) is enabled
    assert is_enabled(user("ada@x.org"))


def test_entries_taken_out_and_disabled_are_departures_and_others_are_none() -> None:
    disabled = EntryEdit(BOB, with_fields(BOB, accountEnabled="false"))
    assert leaving(STATE, EntryEdit(ADA, None), disabled) == ["ada@x.org: taken out", "bob@x.org: disabled"]
    assert leaving(STATE, EntryEdit(BOB, with_fields(BOB, department="IT"))) == []


def test_users_leave_the_scope_with_their_group_their_membership_or_an_exclusion() -> None:
    emptied = EntryEdit(STAFF, group("Staff", "ada@x.org"))
    assert leaving(STATE, emptied) == ["bob@x.org: out of scope"]
    unassigned = EntryEdit(STATE.scope, scope())
    assert leaving(STATE, unassigned) == ["ada@x.org: out of scope", "bob@x.org: out of scope"]
    excluded = EntryEdit(STATE.scope, scope(assigned_groups=("staff",), excluded_users=("a-1",)))
    assert leaving(STATE, excluded) == ["ada@x.org: out of scope"]


def test_a_user_that_another_group_still_assigns_stays() -> None:
    both = replace(STATE, groups=(STAFF, group("More", groups=("Staff",)), group("Else", "bob@x.org")))
    state = replace(both, scope=scope(assigned_groups=("Staff", "Else")))
    assert leaving(state, EntryEdit(STAFF, group("Staff", "ada@x.org"))) == []
    nested = replace(both, scope=scope(assigned_groups=("More",)))
    assert leaving(nested, EntryEdit(STAFF, group("Staff", "ada@x.org"))) == ["bob@x.org: out of scope"]


def test_a_group_that_is_new_or_renamed_keeps_its_users_in_scope() -> None:
    renamed = EntryEdit(STAFF, replace(STAFF, name="All", fields={**STAFF.fields, "name": "All"}))
    assert leaving(STATE, renamed, EntryEdit(STATE.scope, scope(assigned_groups=("All",)))) == []
    moved = EntryEdit(None, group("New", "ada@x.org", "bob@x.org"))
    assert leaving(STATE, EntryEdit(STAFF, None), moved, EntryEdit(STATE.scope, scope(assigned_groups=("New",)))) == []


def test_a_renamed_user_stays_in_scope_by_its_new_name() -> None:
    renamed = replace(ADA, name="ada.l@x.org", fields={**ADA.fields, "userPrincipalName": "ada.l@x.org"})
    assert leaving(STATE, EntryEdit(ADA, renamed), EntryEdit(STAFF, group("Staff", "ada.l@x.org", "b-1"))) == []
    assert leaving(STATE, EntryEdit(ADA, renamed)) == ["ada@x.org: out of scope"]


def test_two_users_that_swap_their_names_stay_in_scope_or_out_of_it() -> None:
    names = {"ada@x.org": "bob@x.org", "bob@x.org": "ada@x.org"}
    before, after = group("Staff", "ada@x.org"), group("Staff", "bob@x.org")
    swapped = [
        EntryEdit(ADA, with_fields(replace(ADA, name="bob@x.org"), userPrincipalName="bob@x.org")),
        EntryEdit(BOB, with_fields(replace(BOB, name="ada@x.org"), userPrincipalName="ada@x.org")),
    ]
    state = replace(STATE, groups=(before,))
    plan = ImportPlan("Entra", (*swapped, EntryEdit(before, after)), names)
    assert find_departures(state, plan) == Departures((), 1)


def test_without_a_scope_and_with_sync_all_every_user_is_in_scope() -> None:
    for current in (replace(STATE, scope=None), replace(STATE, scope=scope("all"))):
        assert leaving(current, EntryEdit(STAFF, None)) == []
        assert find_departures(current, ImportPlan("Entra")).population == 2
    narrowed = EntryEdit(None, scope(assigned_users=("ada@x.org",)))
    assert leaving(replace(STATE, scope=None), narrowed) == ["bob@x.org: out of scope"]


def departures(count: int, population: int, inactive: int = 0) -> Departures:
    state = CurrentState(tuple(user(f"u{n}@x.org") for n in range(population)), (), None)
    state = replace(
        state, users=(*state.users, *(user(f"i{n}@x.org", accountEnabled="false") for n in range(inactive)))
    )
    edits = [EntryEdit(each, None) for each in (*state.users[:count], *state.users[population:])]
    return find_departures(state, ImportPlan("Entra", tuple(edits)))


@pytest.mark.parametrize(
    ("found", "limit", "passed"),
    [
        (departures(10, 1000), Limit(10, 10), True),
        (departures(11, 1000), Limit(10, 10), False),
        (departures(3, 20), Limit(10, 10), False),
        (departures(2, 20), Limit(10, 10), True),
        (departures(1, 2), Limit(10, 10), True),
        (departures(2, 2), Limit(10, 10), False),
        (departures(2, 20, inactive=8), Limit(10, 10), True),
        (departures(2, 20, inactive=9), Limit(10, 10), False),
        (departures(0, 0, inactive=3), Limit(None, 10), True),
        (departures(20, 20), Limit(), True),
    ],
)
def test_count_and_percentage_limit_departures(found: Departures, limit: Limit, passed: bool) -> None:
    assert check_departures(found, limit).passed is passed


def test_the_message_has_counts_percentage_and_the_limit_that_is_exceeded() -> None:
    assert check_departures(departures(3, 20), Limit(10, 10)).message == (
        "3 users would leave: 3 taken out (15.0 % of 20 enabled users in scope), more than the limit of 2"
        " (guards.removals.percent: 10)"
    )
    assert check_departures(Departures((), 2), Limit()).message.endswith("; no limit is set")


def test_the_id_is_of_exactly_these_users_and_of_nothing_else() -> None:
    out = EntryEdit(ADA, None)
    other = EntryEdit(BOB, with_fields(BOB, department="IT"))
    found = find_departures(STATE, ImportPlan("Entra", (out,)))
    assert found.id == find_departures(STATE, ImportPlan("Entra", (other, out), notes=("x",))).id
    disabled = EntryEdit(ADA, with_fields(ADA, accountEnabled="false"))
    both = (out, EntryEdit(BOB, None))
    ids = {find_departures(STATE, ImportPlan("Entra", edits)).id for edits in ((out,), (disabled,), both)}
    assert len(ids) == 3
    assert found.id.startswith("sha256:")
    assert found.count(DepartureKind.REMOVED) == 1


def test_an_added_row_of_mappings_is_no_scope() -> None:
    row = Entity("mapping", "title", {"target": "title", "source": "jobTitle"}, "mappings.yaml")
    everybody = CurrentState((ADA, BOB), (STAFF,), None)
    assert find_departures(everybody, ImportPlan("Entra", (EntryEdit(None, row),))).people == ()


def test_users_come_into_scope_by_a_group_the_scope_or_being_enabled() -> None:
    out, off = user("out@x.org"), user("off@x.org", accountEnabled="false")
    state = replace(
        STATE, users=(ADA, BOB, out, off), scope=scope(assigned_groups=("Staff",), assigned_users=(off.name,))
    )
    more = EntryEdit(STAFF, group("Staff", "ada@x.org", "bob@x.org", "out@x.org"))
    enabled = EntryEdit(off, with_fields(off, accountEnabled="true"))
    added = EntryEdit(None, user("new@x.org"))
    for edits, expected in (
        ((more, added), [out]),
        ((enabled,), [off]),
        ((EntryEdit(state.scope, scope("all")),), [out]),
        ((added,), []),
    ):
        assert list(find_departures(state, ImportPlan("Entra", edits)).arrivals) == expected
