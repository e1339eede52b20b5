"""Assignments of a source."""

from __future__ import annotations

from dataclasses import replace

import pytest
from support.merging import (
    apply,
    assignments,
    entry,
    fields,
    group,
    merged,
    person,
    scope,
    show,
    snapshot,
    source_group,
    state,
)

from reconciler.sources.departures import find_departures
from reconciler.sources.import_plan import MergeRules
from reconciler.sources.merge import merge
from reconciler.sources.snapshot import GoneReason

ADA, BEN = person("ada", "1"), person("ben", "2")
APPLE, BERLIN = source_group("g1", "Apple", "1"), source_group("g2", "Berlin")


def test_the_first_import_makes_the_scope() -> None:
    plan = merged(snapshot(ADA, BEN, groups=(APPLE,), scope=assignments("2", groups=("g1",))))
    assert dict(plan.edits[-1].entity.fields) == {
        "sync": "assigned",
        "assigned.users": ("ben@example.com",),
        "assigned.groups": ("Apple",),
    }
    assert plan.edits[-1].before is None


def test_without_a_scope_those_that_there_are_stay_in_scope_and_no_one_else_comes_in() -> None:
    held = (entry("eve"), entry("ben", "2"), entry("dan", "4"), entry("cyd", "3", accountEnabled="false"))
    read = snapshot(ADA, person("benny", "2"), person("new", "8"), scope=assignments("1"))
    plan = merged(read, *held)
    assert fields(plan, "scope.yaml") == {
        "sync": "assigned",
        "assigned.users": ("eve@example.com", "benny@example.com", "dan@example.com", "ada@example.com"),
    }
    (note,) = plan.notes
    assert note == (
        "scope.yaml is new, with sync: assigned. 3 users that the source does not assign: listed in assigned.users,"
        " because without the file all were in scope."
    )
    assert merge(read, apply(plan, state(*held)), MergeRules()).is_empty


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_without_a_scope_users_that_are_read_and_not_assigned_leave_if_on_missing_says_so(on_missing: str) -> None:
    held = (entry("eve"), entry("ben", "2"))
    read = snapshot(ADA, BEN, scope=assignments("1"))
    plan = merged(read, *held, on_missing=on_missing)
    assert fields(plan, "scope.yaml")["assigned.users"] == ("eve@example.com", "ada@example.com")
    assert [each.entity.name for each in find_departures(state(*held), plan).people] == ["ben@example.com"]
    assert merge(read, apply(plan, state(*held)), MergeRules(on_missing=on_missing)).is_empty


def test_without_a_scope_users_of_an_assigned_group_are_not_listed() -> None:
    read = snapshot(ADA, groups=(APPLE,), scope=assignments(groups=("g1",)))
    plan = merged(read, entry("ada", "1"))
    assert fields(plan, "scope.yaml") == {"sync": "assigned", "assigned.groups": ("Apple",)}
    assert plan.notes == ()


def test_sync_changes_only_if_the_source_says_so() -> None:
    held = scope(sync="all", filters="[]")
    assert merged(snapshot(scope=assignments()), held).is_empty
    plan = merged(snapshot(scope=assignments(sync="assigned")), held)
    assert show(plan) == ["~ scope.yaml sync: all -> assigned"]
    assert merged(snapshot(scope=assignments(sync="all"))).edits[0].entity.fields["sync"] == "all"


def test_assignments_are_added_and_those_that_were_not_read_stay() -> None:
    plan = merged(
        snapshot(ADA, BEN, groups=(APPLE, BERLIN), scope=assignments("1", "2", "9", groups=("g1", "g9"))),
        entry("ada", "1"),
        entry("ben", "2"),
        entry("cyd", "3"),
        entry("dan"),
        group("Apple", "ada", objectId="g1"),
        group("Berlin", objectId="g2"),
        group("Local"),
        scope(sync="assigned", assigned_users=("3", "dan@example.com", "1"), assigned_groups=("Local",)),
    )
    assert show(plan) == ["~ scope.yaml assigned.groups: (none) -> Apple; assigned.users: (none) -> ben"]
    assert plan.notes == ()


HELD = (
    entry("ada", "1"),
    entry("ben", "2"),
    group("Apple", "ada", objectId="g1"),
    group("Berlin", objectId="g2"),
    group("Old", objectId="g3"),
    scope(
        sync="assigned",
        assigned_users=("ada@example.com", "2"),
        assigned_groups=("apple", "Berlin", "Old"),
        excluded_groups=("Berlin",),
    ),
)


OLD = frozenset({"g3"})


def test_what_is_no_longer_assigned_is_reported() -> None:
    read = snapshot(ADA, BEN, groups=(APPLE, BERLIN), scope=assignments("1", groups=("g1",)), gone_groups=OLD)
    plan = merged(read, *HELD)
    assert plan.is_empty
    assert plan.notes == (
        '1 group of git was not read and stays as before: "Old"',
        '1 user is no longer assigned and stays in scope.yaml (on_missing: report): "2"',
        '2 groups are no longer assigned and stay in scope.yaml (on_missing: report): "Berlin", "Old"',
    )


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_what_is_read_and_no_longer_assigned_is_taken_out(on_missing: str) -> None:
    read = snapshot(ADA, BEN, groups=(APPLE, BERLIN), scope=assignments("1", groups=("g1",)), gone_groups=OLD)
    plan = merged(read, *HELD, on_missing=on_missing)
    assert fields(plan, "scope.yaml") == {
        "sync": "assigned",
        "assigned.users": ("ada@example.com",),
        "assigned.groups": ("apple",),
        "excluded.groups": ("Berlin",),
    }


def test_scope_without_assignments_read_follows_the_names_only() -> None:
    plan = merged(snapshot(person("ada.king", "1"), BEN), *HELD)
    assert show(plan)[-1] == "~ scope.yaml assigned.users: ada -> ada.king"
    assert merged(snapshot(ADA)).edits[-1].entity.kind == "user"


def test_a_person_that_is_gone_keeps_its_assignment_unless_it_is_taken_out() -> None:
    read = snapshot(
        ADA,
        gone={"2": GoneReason.NOT_ASSIGNED},
        groups=(APPLE, BERLIN),
        scope=assignments("1", groups=("g1", "g2")),
        gone_groups=OLD,
    )
    assert merged(read, *HELD).is_empty
    assert show(merged(read, *HELD, on_missing="remove")) == [
        "- ben in users/entra.yaml",
        "~ scope.yaml assigned.groups: Old -> (none); assigned.users: 2 -> (none)",
    ]


DAN, EVE = person("dan", "4"), person("eve", "5")
SALES = (
    *(entry(name, str(number)) for number, name in enumerate(("ada", "ben", "cyd", "dan", "eve"), 1)),
    group("Apple", "ada", objectId="g1"),
    group("Sales", "ada", "dan", "eve", groups=("Inner",), objectId="g4"),
    group("Inner", "cyd", objectId="g5"),
    group("Ours", "ben"),
    scope(sync="assigned", assigned_groups=("Apple", "sales", "Ours")),
)
UNASSIGNED = frozenset({"g4"})
EVERYONE = (ADA, BEN, person("cyd", "3"), DAN, EVE)


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_a_group_that_is_unassigned_and_so_not_read_is_taken_out(on_missing: str) -> None:
    read = snapshot(*EVERYONE, groups=(APPLE,), scope=assignments(groups=("G1",)), gone_groups=UNASSIGNED)
    plan = merged(read, *SALES, on_missing=on_missing)
    assert show(plan) == ["~ scope.yaml assigned.groups: sales -> (none)"]
    assert [each.entity.name for each in find_departures(state(*SALES), plan).people] == [
        "cyd@example.com",
        "dan@example.com",
        "eve@example.com",
    ]


def test_a_group_that_is_unassigned_is_reported_with_the_users_that_it_alone_has_in_scope() -> None:
    read = snapshot(*EVERYONE, groups=(APPLE,), scope=assignments(groups=("g1",)), gone_groups=UNASSIGNED)
    plan = merged(read, *SALES)
    assert plan.is_empty
    assert plan.notes[-1] == (
        '1 group is no longer assigned and stays in scope.yaml (on_missing: report): "sales"; 3 users have their'
        " accounts through it alone"
    )


def test_groups_or_assignments_that_were_not_read_take_no_group_out() -> None:
    for read in (
        snapshot(*EVERYONE, scope=assignments(groups=("g1",)), gone_groups=UNASSIGNED),
        snapshot(*EVERYONE, groups=(APPLE,), gone_groups=UNASSIGNED),
    ):
        assert merged(read, *SALES, on_missing="remove").is_empty


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_a_group_that_the_source_does_not_prove_to_have_stays_assigned(on_missing: str) -> None:
    """Whatever else the source knows of git: it can be what an earlier import of another directory added."""
    zoo = source_group("g9", "Zoo", "9")
    read = snapshot(person("zed", "9"), groups=(zoo,), scope=assignments(groups=("g9",)))
    for each in (read, replace(read, gone={"1": GoneReason.NOT_ASSIGNED}, groups=(APPLE, zoo))):
        plan = merged(each, *SALES, on_missing=on_missing)
        assert "sales" in fields(plan, "scope.yaml")["assigned.groups"]
        assert merge(each, apply(plan, state(*SALES)), MergeRules(on_missing=on_missing)).is_empty
