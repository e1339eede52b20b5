"""References to users and groups."""

from __future__ import annotations

import pytest
from support.merging import entry, group, person, scope, state

from reconciler.history.edits import Entity
from reconciler.sources.import_plan import EntryEdit, ImportPlan
from reconciler.sources.merge_identity import Candidate
from reconciler.sources.references import GroupNames, References, as_list, build_names, fills_dangling, replace_lists

ADA = Candidate(person("ben", "1"), "1", "ben@example.com", entry("ada", "1"))
BEN = Candidate(person("ada", "2"), "2", "ada@example.com", entry("ben", "2"))
NEW = Candidate(person("new", "3"), "3", "new@example.com")
CSV = Candidate(person("csv"), "", "csv@example.com", entry("csv"))
NAMES = build_names([ADA, BEN, NEW, CSV], [entry("eve", "5")])
REFERENCES = References.of([ADA, BEN, NEW, CSV], NAMES)


def test_names_are_those_that_change_and_those_that_leave() -> None:
    assert NAMES == {
        "ada@example.com": "ben@example.com",
        "ben@example.com": "ada@example.com",
        "eve@example.com": None,
        "5": None,
    }
    assert build_names([Candidate(person("Ada", "1"), "1", "Ada@example.com", entry("ada", "1"))], ()) == {}


def test_a_list_follows_all_names_at_once() -> None:
    assert REFERENCES.follow(("Ada@example.com", "5", "1", "ben@example.com")) == (
        "ben@example.com",
        "1",
        "ada@example.com",
    )
    assert REFERENCES.follow(None) == ()


def test_wanted_people_are_added_and_others_are_named() -> None:
    listed = ("ada@example.com", "csv@example.com", "x", "2", "EVE@example.com")
    assert REFERENCES.assign(listed, ["1", "3", "9"], remove=True) == (
        ("ben@example.com", "csv@example.com", "x", "new@example.com"),
        ["2"],
    )
    assert REFERENCES.assign(listed, ["1"], remove=False) == (("ben@example.com", "csv@example.com", "x", "2"), ["2"])


def test_a_person_that_is_listed_by_what_it_will_be_called_is_not_added() -> None:
    assert REFERENCES.assign(("NEW@example.com",), ["3"], remove=True) == (("NEW@example.com",), [])
    assert REFERENCES.assign(("3",), ["3"], remove=True) == (("3",), [])
    assert REFERENCES.assign(("3",), ["1"], remove=True) == (("ben@example.com",), ["3"])


def test_a_reference_to_a_user_who_leaves_is_not_one_to_the_next_user_of_the_name() -> None:
    next_eve = Candidate(person("eve", "6"), "6", "eve@example.com", entry("eva", "6"))
    references = References.of([next_eve], build_names([next_eve], [entry("eve", "5")]))
    assert references.assign(("eve@example.com",), ["6"], remove=True) == (("eve@example.com",), [])
    assert references.assign(("eve@example.com",), [], remove=True) == ((), [])


def test_groups_of_git_alone_stay() -> None:
    names = GroupNames({"g1": "Apple", "g2": "Berlin"}, {})
    assert assigned(names, "APPLE", "Local", wanted="g2", remove=True) == (["Local"], ["Berlin"], ["APPLE"])
    assert assigned(names, "APPLE", "Local", wanted="g2") == (["APPLE", "Local"], ["Berlin"], ["APPLE"])
    assert assigned(names, wanted="g1", remove=True) == ([], ["Apple"], [])


def test_groups_that_were_not_read_follow_a_rule_of_their_own() -> None:
    names = GroupNames({"g1": "Apple"}, {"g2": "Berlin"})
    assert assigned(names, "Berlin", "Apple", wanted="", remove=True) == (["Berlin"], [], ["Berlin", "Apple"])
    assert assigned(names, "Berlin", "Apple", wanted="", remove_unread=True) == (["Apple"], [], ["Berlin", "Apple"])
    assert assigned(names, "Berlin", wanted="g2", remove_unread=True) == (["Berlin"], [], [])


def assigned(
    names: GroupNames, *listed: str, wanted: str, remove: bool = False, remove_unread: bool = False
) -> tuple[list[str], list[str], list[str]]:
    found = names.assign(listed, [wanted, "g9"], remove=remove, remove_unread=remove_unread)
    return found.kept, found.added, found.extra


def test_an_empty_list_is_unassigned() -> None:
    assert as_list("a") == ("a",)
    assert "members.users" not in replace_lists(entry("ada"), {"members.users": ()})


@pytest.mark.parametrize(
    ("held", "new", "expected"),
    [
        ((group("Local", "NEW@example.com"),), entry("new", "9"), True),
        ((group("Local", "9"),), entry("new", "9"), True),
        ((scope(excluded_users=("new@example.com",)),), entry("new", "9"), True),
        ((scope(assigned_users=("new@example.com",)),), entry("new", "9"), True),
        ((entry("new"), group("Local", "new")), entry("new", "9"), False),
        ((group("Local", "ada", groups=("new@example.com",)),), entry("new", "9"), False),
        ((scope(excluded_groups=("vip",)),), group("VIP"), True),
        ((group("Local", groups=("vip",)),), group("VIP"), True),
        ((group("vip"), scope(excluded_groups=("vip",))), group("VIP"), False),
        ((scope(filters=('["objectId IS MEMBER OF VIP"]',)),), group("Vip"), True),
        ((scope(filters=('["department EQUALS Sales"]',)),), group("Vip"), False),
    ],
)
def test_a_new_entry_fills_a_reference_that_names_none_today(
    held: tuple[Entity, ...], new: Entity, expected: bool
) -> None:
    assert fills_dangling(state(*held), ImportPlan("Entra", (EntryEdit(None, new),))) is expected


def test_a_user_fills_a_reference_by_its_new_name() -> None:
    ada = entry("ada", "1")
    current = state(ada, group("Local", "king"))
    assert fills_dangling(current, ImportPlan("Entra", (EntryEdit(ada, entry("king", "1")),)))
    assert not fills_dangling(current, ImportPlan("Entra", (EntryEdit(ada, None),)))
