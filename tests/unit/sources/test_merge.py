"""A merge as a whole: its laws, for any directory and any files."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from types import FrameType

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.import_strategies import RULES, snapshots, states
from support.merging import READ, apply, entry, group, merged, person, scope, show, snapshot, state, summaries

from reconciler.core.model import Origin, Severity
from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.import_plan import CurrentState, ImportPlan, MergeRules
from reconciler.sources.merge import merge
from reconciler.sources.merge_values import is_same
from reconciler.sources.snapshot import GoneReason, Person, Snapshot, SourceGroup, SourceScope

# --- laws -------------------------------------------------------------------------------------


_APPLE = SourceGroup("g1", "Apple")
_NAMESAKE = (group("Apple", objectId="g2"), scope(sync="all", assigned_groups=("Apple",)))
"""Of another directory than `_APPLE`, but with its name."""


@given(snapshots(), states(), RULES)
@example(snapshot(groups=(_APPLE,), scope=SourceScope()), state(*_NAMESAKE), MergeRules(on_missing="disable"))
def test_a_second_merge_finds_nothing_to_do(read: Snapshot, current: CurrentState, rules: MergeRules) -> None:
    after = apply(merge(read, current, rules), current)
    again = merge(read, after, rules)
    assert show(again) == []
    assert again.is_empty
    assert again.notes == merge(read, after, rules).notes


@given(snapshots(), states(), RULES, st.randoms(use_true_random=False))
def test_the_order_of_the_source_does_not_matter(
    read: Snapshot, current: CurrentState, rules: MergeRules, random: Random
) -> None:
    def shuffled(items: Iterable[object]) -> list[object]:
        found = list(items)
        random.shuffle(found)
        return found

    groups = None
    if read.groups is not None:
        inner = [
            replace(each, users=tuple(shuffled(each.users)), groups=tuple(shuffled(each.groups)))
            for each in read.groups
        ]
        groups = tuple(shuffled(inner))
    other = replace(read, people=shuffled(read.people), groups=groups)
    assert _without_labels(merge(other, current, rules)) == _without_labels(merge(read, current, rules))


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_what_an_import_has_added_does_not_make_the_groups_of_another_directory_missing(on_missing: str) -> None:
    held = (entry("ada", "1"), group("Top", groups=("Apple",), objectId="g3"), *_NAMESAKE)
    top = SourceGroup("g3", "Top")
    gone = {"9": GoneReason.NOT_ASSIGNED}
    read = snapshot(
        person("ada", "1"), person("zed", "9"), groups=(_APPLE, top), scope=SourceScope(("9",), ("g1", "g3"))
    )
    rules, current = MergeRules(on_missing=on_missing), state(*held)
    for each in (read, read, replace(read, gone=gone, people=read.people[:1], scope=SourceScope(("1",), ("g1",)))):
        current = apply(merge(each, current, rules), current)
        assert current.scope is not None
        assert "Apple" in current.scope.fields["assigned.groups"]
        assert [each.fields["members.groups"] for each in current.groups if each.name == "Top"] == [("Apple",)]


def _without_labels(plan: ImportPlan) -> ImportPlan:
    """Of groups that share their id, the name in the message is that of any."""
    return replace(plan, diagnostics=tuple(each for each in plan.diagnostics if "the group" not in each.summary))


@given(snapshots(), states(), RULES)
def test_users_change_in_nothing_that_the_source_did_not_say(
    read: Snapshot, current: CurrentState, rules: MergeRules
) -> None:
    plan = merge(read, current, rules)
    people = {fold_case(each.name): each for each in read.people} | {
        fold_case(each.object_id): each for each in read.people
    }
    disabled = {id(each.entity) for each in plan.missing if each.action.name == "DISABLED"}
    for edit in plan.edits:
        if edit.after is None or edit.after.kind != "user":
            continue
        if edit.before is not None and id(edit.before) in disabled:
            assert edit.fields == {"accountEnabled": "false"}
            continue
        source = people.get(edit.after.object_id or "none") or people[fold_case(edit.after.name)]
        for path, value in edit.after.fields.items():
            if edit.before is None or edit.before.fields.get(path) != value:
                assert is_same(path, source.attributes.get(path), value)
        if edit.before is not None:
            touched = set(edit.fields) - {"objectId", "userPrincipalName"}
            assert touched <= read.attributes
            assert touched.isdisjoint(rules.keep)
            assert not any(path.startswith("lifecycle") for path in touched)
            assert edit.after.file == edit.before.file
            assert edit.before.object_id in {"", edit.after.object_id}


@given(snapshots(), states(), RULES)
def test_nobody_leaves_without_a_confirmation(read: Snapshot, current: CurrentState, rules: MergeRules) -> None:
    plan = merge(read, current, rules)
    for edit in plan.edits:
        if edit.after is None:
            assert edit.before is not None
            assert edit.before.kind == "user"
            assert rules.on_missing == "remove"
            assert edit.before.object_id in read.gone
            assert "lifecycle.protected" not in edit.before.fields
    known = {fold_case(each.object_id) for each in read.people} - {""}
    names = {fold_case(each.name) for each in read.people}
    by_key = {key: each for each in current.users for key in (fold_case(each.name), each.object_id)}
    leaving = {id(edit.before) for edit in plan.edits if edit.after is None}
    for edit in plan.edits:
        if edit.before is None or edit.after is None or edit.before.kind == "user":
            continue
        for path in ("members.users", "assigned.users", "excluded.users"):
            after = {fold_case(each) for each in edit.after.fields.get(path, ())}
            for each in map(fold_case, edit.before.fields.get(path, ())):
                new = plan.names.get(each, each)
                if new is None or fold_case(new) not in after:
                    user = by_key.get(each)
                    came = user is None and each in known | names
                    assert came or id(user) in leaving or (path != "excluded.users" and _is_known(user, known | names))


@given(snapshots(), states(), RULES)
def test_no_group_leaves_a_list_unless_the_source_has_or_had_it(
    read: Snapshot, current: CurrentState, rules: MergeRules
) -> None:
    ids = {fold_case(each.name): fold_case(str(each.fields.get("objectId", ""))) for each in current.groups}
    proved = {fold_case(each.object_id) for each in read.groups or ()} | read.gone_groups
    for edit in merge(read, current, rules).edits:
        for path in ("members.groups", "assigned.groups", "excluded.groups"):
            before, after = (
                {fold_case(name) for name in each.fields.get(path, ())} if each is not None else set()
                for each in (edit.before, edit.after)
            )
            assert {ids[name] for name in before - after if name in ids} <= proved


def _is_known(user: Entity | None, known: set[str]) -> bool:
    return user is not None and not known.isdisjoint((user.object_id, fold_case(user.name)))


@given(states(), RULES)
def test_an_empty_source_changes_nothing(current: CurrentState, rules: MergeRules) -> None:
    assert merge(Snapshot("Entra", (), READ | {"givenName"}, groups=()), current, rules).is_empty


@given(snapshots(), states(), RULES)
def test_no_two_users_share_a_name_or_an_id_that_they_did_not_share_before(
    read: Snapshot, current: CurrentState, rules: MergeRules
) -> None:
    def shared(users: Iterable[Entity]) -> set[str]:
        seen: dict[str, Entity] = {}
        keys = ((key, each) for each in users for key in {fold_case(each.name), each.object_id} - {""})
        return {key for key, each in keys if seen.setdefault(key, each) is not each}

    assert shared(apply(merge(read, current, rules), current).users) <= shared(current.users)


@given(snapshots(), states(), RULES)
def test_no_reference_leads_nowhere_that_did_not_before(
    read: Snapshot, current: CurrentState, rules: MergeRules
) -> None:
    plan = merge(read, current, rules)
    before, after = _find_dangling(current), _find_dangling(apply(plan, current))
    assert after <= before | {fold_case(str(plan.names.get(each))) for each in before}


def _find_dangling(current: CurrentState) -> set[str]:
    users = {key for each in current.users for key in (fold_case(each.name), each.object_id)}
    groups = {fold_case(each.name) for each in current.groups}
    found = set()
    for each in (*current.groups, *([current.scope] if current.scope is not None else [])):
        for path, value in each.fields.items():
            known = users if path.endswith(".users") else groups if path.endswith(".groups") else None
            found |= {fold_case(name) for name in value if known is not None and fold_case(name) not in known}
    return found


# --- the whole ----------------------------------------------------------------------------------


def test_a_wrong_place_is_one_error_and_nothing_is_edited() -> None:
    origin = Origin("settings.yaml", 9, 12)
    plan = merged(snapshot(person("ada", "1")), entry("ada", "1", givenName="A."), place="../x", place_origin=origin)
    assert (plan.edits, plan.refused) == ((), 1)
    assert [(each.summary, each.origin) for each in plan.diagnostics] == [
        ('`place` "../x" is not below users/', origin)
    ]


def test_attributes_whose_names_no_file_can_have_are_left_out() -> None:
    read = replace(
        snapshot(Person({"userPrincipalName": "ada@example.com", "a\nb": "x"})), attributes=frozenset({"a\nb"})
    )
    plan = merged(read)
    assert list(plan.edits[0].entity.fields) == ["userPrincipalName"]
    assert summaries(plan) == ['attributes cannot be imported because of their names: "a\\nb"']


SETTINGS = Entity(
    "document", "settings.yaml", {"guards.protected": ("Ada@example.com", "ben@example.com")}, "settings.yaml"
)


def test_a_renamed_user_that_settings_protect_is_a_warning_there() -> None:
    read = snapshot(person("king", "1"), person("ben", "2"), person("dan", "3"))
    plan = merged(read, entry("ada", "1"), entry("ben", "2"), entry("cyd", "3"), SETTINGS)
    found = plan.diagnostics[0]
    assert summaries(plan) == ["1 user of guards.protected is renamed"]
    assert found.detail.startswith('"Ada@example.com" is now "king@example.com". Change settings.yaml')
    assert str(found.origin).startswith("settings.yaml:")
    assert (found.severity, len(plan.edits)) == (Severity.WARNING, 2)


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_a_user_that_settings_protect_is_not_taken_out(on_missing: str) -> None:
    read = snapshot(gone={"1": GoneReason.DELETED})
    plan = merged(read, entry("ada", "1"), SETTINGS, on_missing=on_missing)
    assert plan.is_empty
    assert plan.missing[0].action.name == "REPORTED"


def test_notes_and_errors_of_the_source_come_first() -> None:
    read = replace(snapshot(), notes=("first",), groups=())
    plan = merged(read, group("Old", objectId="g1"))
    assert plan.notes == ("first", '1 group of git was not read and stays as before: "Old"')


def _count_calls(people: int) -> int:
    """Return how many functions a merge of so many people calls: half of them new, a quarter renamed."""
    entries = [entry(f"u{n:05}", f"id-{n}", file=f"users/{n // 100}.yaml") for n in range(people // 2)]
    everybody = tuple(f"id-{n}" for n in range(people))
    groups = tuple(SourceGroup(f"g{n}", f"Group {n}", "", everybody[n::50], (f"g{n + 1}",)) for n in range(50))
    read = snapshot(
        *(person(f"{'v' if n % 2 else 'u'}{n:05}", f"id-{n}", department=f"D{n % 9}") for n in range(people)),
        groups=groups,
        scope=SourceScope(everybody[::2], ("g0",)),
    )
    current = state(*entries, group("Group 0", *(f"u{n:05}" for n in range(people // 2)), objectId="g0"))
    calls = 0

    def count(_frame: FrameType, _event: str, _argument: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        plan = merge(read, current, MergeRules(place="users/{department}.yaml"))
    finally:
        sys.setprofile(None)
    assert len(plan.edits) == people + 50 + 1
    return calls


def test_ten_times_as_many_people_take_about_ten_times_as_many_steps() -> None:
    assert _count_calls(2_000) < 14 * _count_calls(200)
