"""Groups of a source."""

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
    summaries,
)

from reconciler.sources.import_plan import MergeRules
from reconciler.sources.merge import merge
from reconciler.sources.merge_groups import list_named

ADA, BEN, CYD = person("ada", "1"), person("ben", "2"), person("cyd", "3")
PEOPLE = (entry("ada", "1"), entry("ben", "2"), entry("cyd", "3"))


def test_a_new_group_has_its_members_by_name() -> None:
    read = snapshot(
        ADA, BEN, groups=(source_group("g1", "Apple", "2", "1", "9", groups=("g2",)), source_group("g2", "Berlin"))
    )
    plan = merged(read)
    assert [(each.entity.file, dict(each.entity.fields)) for each in plan.edits[2:]] == [
        (
            "groups/entra.yaml",
            {
                "name": "Apple",
                "objectId": "g1",
                "members.users": ("ada@example.com", "ben@example.com"),
                "members.groups": ("Berlin",),
            },
        ),
        ("groups/entra.yaml", {"name": "Berlin", "objectId": "g2"}),
    ]


def test_groups_that_were_not_read_stay() -> None:
    plan = merged(snapshot(ADA), PEOPLE[0], group("Apple", "ada", "ben", objectId="g1"))
    assert plan.is_empty
    assert plan.notes == ()


def test_members_follow_the_source_and_others_stay() -> None:
    plan = merged(
        snapshot(ADA, BEN, CYD, groups=(source_group("G1", "Apple", "2", "3"),)),
        *PEOPLE,
        entry("dan"),
        entry("eve", "5"),
        group("Apple", "1", "BEN@example.com", "dan", "eve", "ghost@example.com", objectId="g1"),
    )
    # Of the removed and the added: dan is of git alone, eve is unconfirmed, ghost is nobody, ben has his name already.
    assert show(plan) == ["~ Apple members.users: 1 -> cyd"]
    assert fields(plan, "Apple")["members.users"] == (
        "BEN@example.com",
        "dan@example.com",
        "eve@example.com",
        "ghost@example.com",
        "cyd@example.com",
    )


def test_groups_of_git_alone_stay() -> None:
    plan = merged(snapshot(ADA, BEN, groups=()), *PEOPLE, group("Local", "ada"), group("Old", "ben", objectId="g9"))
    assert plan.is_empty
    assert plan.notes == ('1 group of git was not read and stays as before: "Old"',)


def test_a_group_without_an_id_is_never_taken_over_by_its_name() -> None:
    read = snapshot(ADA, BEN, groups=(source_group("g1234567890", " APPLE\u200b users", "2"),))
    held = (*PEOPLE, group("Apple Users", "ada"), scope(sync="all", excluded_groups=("Apple Users",)))
    plan = merged(read, *held)
    assert show(plan) == ["+ APPLE users (g1234567) in groups/entra.yaml"]
    (note,) = plan.notes
    assert note == (
        'The group "Apple Users" at groups/entra.yaml:3:3 has no objectId, so it stays as it is: that of the source is'
        ' "APPLE users (g1234567)". If both are one group, discard this edit, write `objectId: g1234567890` in the'
        " entry, and import again."
    )
    after = apply(plan, state(*held))
    again = merge(read, after, MergeRules())
    assert again.is_empty
    assert again.notes == ()
    linked = merged(read, *PEOPLE, group("Apple Users", "ada", objectId="G1234567890"))
    assert show(linked) == ["~ Apple Users members.users: ada -> ben"]


def test_many_groups_of_git_with_names_of_the_source_are_ten_notes() -> None:
    names = [f"Team {number}" for number in range(12)]
    read = snapshot(groups=tuple(source_group(f"g{name}", name) for name in names))
    notes = merged(read, *(group(name) for name in names)).notes
    assert len(notes) == 11
    assert notes[-1] == "The same for 2 more."


def test_a_group_that_is_renamed_at_the_source_keeps_its_name_in_git() -> None:
    plan = merged(
        snapshot(ADA, groups=(source_group("g1", "Apple\nEMEA", "1"), source_group("g2", "Apple"))),
        PEOPLE[0],
        group("Apple", "ada", objectId="g1"),
    )
    assert show(plan) == ["+ Apple (g2) in groups/entra.yaml"]
    assert plan.notes == ('1 group keeps its name in git: "Apple (Apple EMEA)"',)


def test_groups_of_one_name_get_a_part_of_their_id() -> None:
    groups = (source_group("2222222222", "Apple", "1"), source_group("1111111111", "APPLE", "2"))
    for read in (groups, groups[::-1]):
        plan = merged(snapshot(ADA, BEN, groups=read))
        assert [each.entity.name for each in plan.edits[2:]] == ["APPLE", "Apple (22222222)"]
        assert plan.notes == ()


def test_a_group_with_several_entries_is_not_imported() -> None:
    held = (group("A", objectId="g1"), group("a", objectId="g1"))
    plan = merged(snapshot(groups=(source_group("g1", "A"),)), *held)
    assert plan.is_empty
    assert summaries(plan) == ['2 entries are the group "A"']
    assert str(plan.diagnostics[0].origin) == "groups/entra.yaml:3:3"
    assert 'Another is "a" at groups/entra.yaml:6:3.' in plan.diagnostics[0].detail


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("", "group"),
        ("\u202e\n", "group"),
        ("a\nb\u200bc", "a b c"),
        ("::set-env name=x", "::set-env name=x"),
        ("${{ secrets.X }}", "${{ secrets.X }}"),
        ("x" * 65_536, "x" * 256),
    ],
)
def test_names_are_one_line_of_visible_characters(name: str, expected: str) -> None:
    assert merged(snapshot(groups=(source_group("g1", name),))).edits[0].entity.name == expected


@pytest.mark.parametrize("identity", ["", "a\nb", "x" * 501])
def test_a_group_whose_id_cannot_be_written_is_not_imported(identity: str) -> None:
    plan = merged(snapshot(groups=(source_group(identity, "Apple"),)))
    assert plan.is_empty
    assert summaries(plan)[0].endswith("cannot be written to a file")


def test_a_group_that_is_listed_twice_is_not_imported() -> None:
    plan = merged(snapshot(groups=(source_group("g1", "A"), source_group("G1", "B"))), group("A", objectId="g1"))
    assert plan.is_empty
    assert summaries(plan)[0].endswith("is used 2 times")


def test_nested_groups_follow_the_source_and_those_of_git_alone_stay() -> None:
    plan = merged(
        snapshot(
            groups=(source_group("g1", "Top", groups=("g3",)), source_group("g2", "Two"), source_group("g3", "Three"))
        ),
        group("Top", groups=("two", "Local"), objectId="g1"),
        group("Two", objectId="g2"),
        group("Local"),
    )
    assert fields(plan, "Top")["members.groups"] == ("Local", "Three")


def test_groups_that_contain_each_other_are_not_nested() -> None:
    read = snapshot(
        groups=(
            source_group("g0", "Outer", groups=("g1",)),
            source_group("g1", "One", groups=("g2", "g4")),
            source_group("g2", "Two", groups=("g3",)),
            source_group("g3", "Three", groups=("g1",)),
            source_group("g4", "Leaf", groups=()),
            source_group("g5", "Self", groups=("g5",)),
        )
    )
    plan = merged(read, group("Two", groups=("Three",), objectId="g2"), group("Three", objectId="g3"))
    nested = {each.entity.name: each.entity.fields.get("members.groups") for each in plan.edits}
    assert nested == {"Leaf": None, "One": ("Leaf",), "Outer": ("One",), "Self": None}
    assert summaries(plan) == [
        'the group "One" is not given all its groups: they contain it',
        'the group "Self" is not given all its groups: they contain it',
        'the group "Three" is not given all its groups: they contain it',
    ]
    assert 'Not added: "Two".' in plan.diagnostics[0].detail


@pytest.mark.parametrize(
    ("held", "read", "expected"),
    [
        (None, "Staff", "Staff"),
        ("Ours", "Staff", "Ours"),
        ("Ours", "Ours. Dynamic: new", "Ours"),
        ("Ours. Dynamic: old", "Ours. Dynamic: new", "Ours. Dynamic: new"),
        ("Dynamic (paused): old", "Dynamic: old", "Dynamic: old"),
        ("Dynamic: old", "", "Dynamic: old"),
        (None, "\ud800", "?"),
    ],
)
def test_a_description_of_git_stays_unless_it_is_the_rule_of_the_source(held: str, read: str, expected: str) -> None:
    values = {"description": held} if held is not None else {}
    plan = merged(snapshot(groups=(source_group("g1", "A", description=read),)), group("A", objectId="g1", **values))
    after = plan.edits[0].entity.fields if plan.edits else values
    assert after["description"] == expected


def test_people_that_are_not_imported_are_neither_added_nor_taken_out() -> None:
    plan = merged(
        snapshot(person("ada", "9"), BEN, groups=(source_group("g1", "A", "9"), source_group("g2", "B"))),
        *PEOPLE,
        group("A", objectId="g1"),
        group("B", "ada", objectId="g2"),
    )
    assert plan.is_empty
    assert plan.refused == 1


def test_a_reference_that_waits_for_a_person_is_not_doubled() -> None:
    plan = merged(snapshot(ADA, groups=(source_group("g1", "A", "1"),)), group("A", "ada", objectId="g1"))
    assert show(plan) == ["+ ada in users/entra.yaml"]


def test_new_groups_go_to_the_file_that_there_is() -> None:
    plan = merged(snapshot(groups=(source_group("g1", "A"),)), group("Local", file="groups/Entra.yaml"))
    assert show(plan) == ["+ A in groups/Entra.yaml"]
    assert show(merged(snapshot(scope=assignments(groups=("g1",))), scope(sync="assigned"))) == []


@pytest.mark.parametrize("on_missing", ["report", "disable", "remove"])
def test_groups_of_which_the_source_shows_no_trace_are_named_if_they_matter(on_missing: str) -> None:
    read = snapshot(ADA, groups=(source_group("g1", "Top", "1"),), scope=assignments(groups=("g1",)))
    held = (
        group("Top", "ada", groups=("inner",), objectId="g1"),
        *(group(name, objectId=f"G{number}") for number, name in enumerate(("Inner", "Sales", "Unused"), 2)),
        scope(sync="assigned", assigned_groups=("Top", "sales")),
    )
    plan = merged(read, PEOPLE[0], *held, on_missing=on_missing)
    assert plan.is_empty
    first, second = plan.notes
    assert first == '3 groups of git were not read and stay as before: "Inner", "Sales", "Unused"'
    assert second == (
        'The source shows no trace of 2 groups of git, assigned or in groups: "Inner", "Sales". A group of another'
        " directory looks the same as one that was deleted, so assignments and memberships stay. Remove those that"
        " are not wanted in a reviewed change."
    )
    assert list(list_named(state(*held))) == ["g1", "g3", "g2"], "assigned ones first"
    assert list_named(state(*held[:-1])).keys() == {"g2"}


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_a_nested_group_that_is_no_member_any_more_is_taken_out(on_missing: str) -> None:
    held = (PEOPLE[0], group("Top", "ada", groups=("inner", "Local"), objectId="g1"), group("Inner", objectId="g2"))
    read = snapshot(ADA, groups=(source_group("g1", "Top", "1"),), gone_groups=frozenset({"g2"}))
    plan = merged(read, *held, group("Local"), on_missing=on_missing)
    assert show(plan) == ["~ Top members.groups: inner -> (none)"]
    unproved = replace(read, gone_groups=frozenset({"g3"}))
    assert merged(unproved, *held, group("Local"), on_missing=on_missing).is_empty
    still = snapshot(ADA, groups=(source_group("g1", "Top", "1", groups=("G2",)),))
    assert merged(still, *held, group("Local"), on_missing=on_missing).is_empty


def test_a_nested_group_that_was_not_read_is_reported_and_stays() -> None:
    held = (PEOPLE[0], group("Top", "ada", groups=("inner",), objectId="g1"), group("Inner", objectId="g2"))
    plan = merged(snapshot(ADA, groups=(source_group("g1", "Top", "1"),), gone_groups=frozenset({"g2"})), *held)
    assert plan.is_empty
    assert plan.notes[-1] == (
        '1 group is no longer in its group and stays in members.groups (on_missing: report): "inner (in Top)"'
    )


@pytest.mark.parametrize("on_missing", ["report", "disable"])
def test_a_group_about_which_the_source_was_not_asked_is_named_with_the_reason(on_missing: str) -> None:
    unsure = {"g2": "Graph refused it.", "g3": "Graph refused it.", "x": "Not asked for: x."}
    read = snapshot(ADA, groups=(), scope=assignments(), unsure_groups=unsure)
    named = tuple(f"G{number}" for number in (2, 3, 4, 5))
    held = (
        *(group(f"G{number}", objectId=f"G{number}") for number in (2, 3, 4)),
        group("G5", objectId="x"),
        scope(sync="assigned", assigned_groups=named),
    )
    plan = merged(read, PEOPLE[0], *held, on_missing=on_missing)
    assert plan.is_empty
    refused, nothing, unasked = plan.notes[1:]
    assert refused == (
        'Whether the source has or had 2 groups of git, assigned or in groups, is not known: "G2", "G3". Graph refused'
        " it. Until it is, assignments and memberships stay."
    )
    assert nothing.startswith('The source shows no trace of 1 group of git, assigned or in a group: "G4". ')
    assert unasked.startswith("Whether the source has or had 1 group of git, assigned or in a group, is not known: ")
    assert '"G5". Not asked for: x. ' in unasked


@pytest.mark.parametrize("on_missing", ["report", "disable", "remove"])
@pytest.mark.parametrize("assigned", ["Sales", "Twin"])
def test_two_entries_of_a_group_that_was_not_read_are_named_and_stay(on_missing: str, assigned: str) -> None:
    held = (
        group("Sales", "ada", objectId="g2"),
        group("Twin", objectId="G2"),
        scope(sync="assigned", assigned_groups=(assigned,)),
    )
    read = snapshot(ADA, groups=(), scope=assignments(), gone_groups=frozenset({"g2"}))
    plan = merged(read, PEOPLE[0], *held, on_missing=on_missing)
    assert plan.is_empty
    assert summaries(plan) == ['2 entries are the group "Sales"']
    assert 'Another is "Twin" at ' in str(plan.diagnostics[0].detail)
    plan = merged(replace(read, gone_groups=frozenset()), PEOPLE[0], *held, on_missing=on_missing)
    assert plan.diagnostics == (), "a line about groups without a trace has them"


def test_groups_that_are_taken_out_do_not_stay_as_before() -> None:
    held = (
        PEOPLE[0],
        group("Top", "ada", groups=("Inner",), objectId="g1"),
        *(group(name, objectId=f"g{number}") for number, name in enumerate(("Inner", "Sales", "Unused"), 2)),
        group("Old", objectId="g5", groups=("Older",)),
        group("Older", objectId="g6"),
        scope(sync="assigned", assigned_groups=("sales", "Top")),
    )
    gone = frozenset({"g2", "g3", "g6"})
    read = snapshot(ADA, groups=(source_group("g1", "Top", "1"),), scope=assignments(groups=("g1",)), gone_groups=gone)
    assert merged(read, *held, on_missing="disable").notes[0] == (
        '3 groups of git were not read and stay as before: "Unused", "Old", "Older"'
    )
    assert merged(read, *held).notes[0].startswith("5 groups of git were not read and stay as before: ")
