"""A merge as a whole: its laws, for any directory and any files."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from types import FrameType

from hypothesis import given
from hypothesis import strategies as st
from support.merging import READ, apply, entry, group, merged, person, scope, show, snapshot, state, summaries

from reconciler.core.field_change import Field
from reconciler.core.model import Origin
from reconciler.core.values import fold_case
from reconciler.history.edits import Entity
from reconciler.sources.import_plan import CurrentState, ImportPlan, MergeRules
from reconciler.sources.merge import merge
from reconciler.sources.merge_values import is_same
from reconciler.sources.snapshot import GoneReason, Person, Snapshot, SourceGroup, SourceScope

# --- random directories and files -----------------------------------------------------------------

_NAMES = st.sampled_from(["ada", "Ada", "ben", "cyd", "dan", "eve"])
_IDS = st.sampled_from(["1", "2", "3", "4", "a5", "A5"])
_VALUES = st.sampled_from(["", "x", "X", "No", "0012", "a\nb", "\u202e"])
_LISTS = st.lists(_VALUES, max_size=3).map(tuple)


@st.composite
def _people(draw: st.DrawFn) -> Person:
    values = draw(
        st.fixed_dictionaries(
            {"userPrincipalName": _NAMES.map("{}@example.com".format)},
            optional={
                "objectId": _IDS,
                "givenName": _VALUES,
                "department": _VALUES,
                "surname": _VALUES,
                "accountEnabled": st.booleans(),
                "otherMails": _LISTS,
            },
        )
    )
    return Person(values)


@st.composite
def _entries(draw: st.DrawFn) -> Entity:
    values = {
        "department": draw(_VALUES),
        "surname": draw(_VALUES),
        "otherMails": draw(_LISTS),
        "accountEnabled": draw(st.sampled_from(["", "true", "False", "maybe"])),
        "lifecycle.protected": draw(st.sampled_from(["", "true"])),
        "notes": draw(_VALUES),
    }
    held: dict[str, Field] = {path: value for path, value in values.items() if value}
    return entry(
        draw(_NAMES),
        draw(st.one_of(st.just(""), _IDS)),
        draw(st.sampled_from(["users/a.yaml", "users/entra.yaml"])),
        **held,
    )


_REFERENCES = st.lists(
    st.one_of(_NAMES.map("{}@example.com".format), _IDS, st.just("ghost")), max_size=5, unique=True
).map(tuple)
_GROUP_NAMES = ["Apple", "Berlin", "Cologne"]
_GROUP_REFERENCES = st.lists(st.sampled_from([*_GROUP_NAMES, "apple"]), max_size=2, unique=True).map(tuple)
_GROUP_IDS = st.sampled_from(["g1", "g2", "g3", "G3"])


@st.composite
def _states(draw: st.DrawFn) -> CurrentState:
    groups = []
    for number, name in enumerate(draw(st.lists(st.sampled_from(_GROUP_NAMES), max_size=3, unique=True))):
        identity = draw(st.one_of(st.just({}), _GROUP_IDS.map(lambda each: {"objectId": each})))
        # Only to later ones: cycles are errors before a merge.
        inner = tuple(each for each in draw(_GROUP_REFERENCES) if each in _GROUP_NAMES[_GROUP_NAMES.index(name) + 1 :])
        made = group(name, groups=inner, file=f"groups/{number % 2}.yaml", **identity)
        users = draw(_REFERENCES)
        groups.append(replace(made, fields={**made.fields, **({"members.users": users} if users else {})}))
    lists = {
        "assigned.users": draw(_REFERENCES),
        "excluded.users": draw(_REFERENCES),
        "assigned.groups": draw(_GROUP_REFERENCES),
    }
    held: list[Entity] = []
    if draw(st.booleans()):
        held = [
            scope(
                sync=draw(st.sampled_from(["all", "assigned"])), **{path: each for path, each in lists.items() if each}
            )
        ]
    return state(*draw(st.lists(_entries(), max_size=6)), *groups, *held)


@st.composite
def _snapshots(draw: st.DrawFn) -> Snapshot:
    ids = st.lists(_IDS, max_size=4).map(tuple)
    group_ids = st.lists(_GROUP_IDS, max_size=2, unique=True).map(tuple)
    groups = st.lists(
        st.builds(SourceGroup, _GROUP_IDS, st.sampled_from([*_GROUP_NAMES, "berlin", ""]), st.just(""), ids, group_ids),
        max_size=4,
    ).map(tuple)
    sync = st.sampled_from([None, "all", "assigned"])
    return Snapshot(
        "Entra",
        draw(st.lists(_people(), max_size=6)),
        draw(st.sets(st.sampled_from(sorted(READ)))) | {"givenName"},
        groups=draw(st.one_of(st.none(), groups)),
        scope=draw(st.one_of(st.none(), st.builds(SourceScope, ids, group_ids, sync))),
        gone=draw(st.dictionaries(_IDS.map(fold_case), st.sampled_from(list(GoneReason)), max_size=3)),
        doubtful=draw(st.frozensets(_IDS.map(fold_case), max_size=1)),
    )


_RULES = st.builds(
    MergeRules,
    place=st.sampled_from(["users/entra.yaml", "users/{givenName}.yaml"]),
    keep=st.frozensets(st.sampled_from([*READ]), max_size=2),
    on_missing=st.sampled_from(["report", "disable", "remove"]),
)


# --- laws -------------------------------------------------------------------------------------


@given(_snapshots(), _states(), _RULES)
def test_a_second_merge_finds_nothing_to_do(read: Snapshot, current: CurrentState, rules: MergeRules) -> None:
    after = apply(merge(read, current, rules), current)
    again = merge(read, after, rules)
    assert show(again) == []
    assert again.is_empty
    assert again.notes == merge(read, after, rules).notes


@given(_snapshots(), _states(), _RULES, st.randoms(use_true_random=False))
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


def _without_labels(plan: ImportPlan) -> ImportPlan:
    """Of groups that share their id, the name in the message is that of any."""
    return replace(plan, diagnostics=tuple(each for each in plan.diagnostics if "the group" not in each.summary))


@given(_snapshots(), _states(), _RULES)
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


@given(_snapshots(), _states(), _RULES)
def test_nobody_leaves_without_a_confirmation(read: Snapshot, current: CurrentState, rules: MergeRules) -> None:
    plan = merge(read, current, rules)
    for edit in plan.edits:
        if edit.after is None:
            assert edit.before is not None
            assert edit.before.kind == "user"
            assert rules.on_missing == "remove"
            assert edit.before.object_id in read.gone
            assert "lifecycle.protected" not in edit.before.fields
    known = {fold_case(each.object_id) for each in read.people}
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
                    user = by_key[each]
                    assert id(user) in leaving or (path != "excluded.users" and _is_known(user, known, read))


def _is_known(user: Entity, known: set[str], read: Snapshot) -> bool:
    return user.object_id in known or fold_case(user.name) in {fold_case(each.name) for each in read.people}


@given(_states(), _RULES)
def test_an_empty_source_changes_nothing(current: CurrentState, rules: MergeRules) -> None:
    assert merge(Snapshot("Entra", (), READ | {"givenName"}, groups=()), current, rules).is_empty


@given(_snapshots(), _states(), _RULES)
def test_no_two_users_share_a_name_or_an_id_that_they_did_not_share_before(
    read: Snapshot, current: CurrentState, rules: MergeRules
) -> None:
    def shared(users: Iterable[Entity]) -> set[str]:
        seen: dict[str, Entity] = {}
        keys = ((key, each) for each in users for key in {fold_case(each.name), each.object_id} - {""})
        return {key for key, each in keys if seen.setdefault(key, each) is not each}

    assert shared(apply(merge(read, current, rules), current).users) <= shared(current.users)


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
