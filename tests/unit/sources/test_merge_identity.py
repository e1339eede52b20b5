"""Which person is which entry."""

from __future__ import annotations

from typing import Any

import pytest
from support.merging import entry, fields, group, merged, person, scope, show, snapshot, summaries

from reconciler.sources.snapshot import GoneReason, Person


def test_a_person_is_found_by_its_id_whatever_its_name_and_case() -> None:
    plan = merged(snapshot(person("ada", "AB1", givenName="Ada")), entry("ada", "ab1", givenName="A."))
    assert show(plan) == ["~ ada givenName: A. -> Ada"]


def test_a_person_is_found_by_its_name_where_the_entry_has_no_id() -> None:
    plan = merged(snapshot(person("Ada", "1")), entry("ada"))
    assert show(plan) == ["~ ada objectId: None -> 1; userPrincipalName: ada -> Ada"]
    assert plan.names == {}


def test_a_person_without_an_id_is_found_by_its_name() -> None:
    plan = merged(snapshot(person("ada", givenName="Ada")), entry("ada", "1"))
    assert show(plan) == ["~ ada givenName: None -> Ada"]


def test_a_rename_edits_the_entry_and_all_references() -> None:
    plan = merged(
        snapshot(person("ada.king", "1")),
        entry("ada", "1"),
        group("apple", "Ada@example.com", "eve"),
        scope(sync="assigned", assigned_users=("ada@example.com",), excluded_users=("1",)),
    )
    assert plan.names == {"ada@example.com": "ada.king"}
    assert show(plan) == [
        "~ ada userPrincipalName: ada -> ada.king",
        "~ apple members.users: Ada -> ada.king",
        "~ scope.yaml assigned.users: ada -> ada.king",
    ]


def test_two_people_swap_their_names() -> None:
    plan = merged(
        snapshot(person("ben", "1"), person("ada", "2")),
        entry("ada", "1"),
        entry("ben", "2"),
        group("one", "ada"),
        group("both", "ada", "ben"),
    )
    assert show(plan) == [
        "~ ada userPrincipalName: ada -> ben",
        "~ ben userPrincipalName: ben -> ada",
        "~ one members.users: ada -> ben",
        "~ both members.users: ada, ben -> ben, ada",
    ]
    assert summaries(plan) == []


def test_a_new_person_can_have_the_name_that_another_gave_up() -> None:
    plan = merged(snapshot(person("ada.king", "1"), person("ada", "2")), entry("ada", "1"), group("apple", "ada"))
    assert show(plan) == [
        "~ ada userPrincipalName: ada -> ada.king",
        "+ ada in users/entra.yaml",
        "~ apple members.users: ada -> ada.king",
    ]


# --- contradictions ---------------------------------------------------------------------------


def test_an_account_never_passes_to_another_objectid_with_the_same_name() -> None:
    for on_missing in ("report", "disable", "remove"):
        plan = merged(
            snapshot(person("ada", "2", givenName="Ada"), gone={"1": GoneReason.DELETED}),
            entry("ada", "1"),
            group("apple", "ada"),
            scope(sync="all", excluded_users=("1",)),
            on_missing=on_missing,
        )
        assert (plan.names, plan.refused) == ({}, 1)
        assert show(plan) == ([] if on_missing == "report" else ["~ ada accountEnabled: None -> false"])
        (found,) = plan.diagnostics
        assert str(found.origin) == "users/entra.yaml:9:3"
        assert found.summary == '"ada@example.com" has another objectId in Entra than in git'
        lines = found.detail.split("\n")
        places = "groups/entra.yaml:3:3 (members.users), scope.yaml:6:3 (excluded.users)"
        assert lines[0] == 'Git has "1", the source has "2". An import never passes an account to another person.'
        assert lines[2:] == [
            "The same person: set objectId in the entry to the new one, and add to relink.ids in settings.yaml:",
            '  - {from: "1", to: "2"}',
            "Another person: in the entry, set another userPrincipalName and accountEnabled: false,",
            f"and the same name where it is referred to: {places}",
            "Apply that change. Then import again, with --on-missing disable. docs/relinking.md: Free a name.",
        ]


def test_the_ways_out_of_another_objectid_work() -> None:
    read = snapshot(person("ada", "2"))
    assert merged(read, entry("ada", "2")).is_empty
    assert show(merged(read)) == ["+ ada in users/entra.yaml"]


def test_a_name_of_an_entry_that_stays_refuses_a_rename_and_what_follows_from_it() -> None:
    plan = merged(
        snapshot(person("ben", "1"), person("ada", "3"), person("cyd", "4")),
        entry("ada", "1"),
        entry("ben", "2"),
        entry("eve", "3"),
        entry("cyd", "4"),
    )
    assert (plan.edits, plan.names, plan.refused, plan.unchanged) == ((), {}, 2, 1)
    why = "is not imported: another entry has its userPrincipalName"
    assert summaries(plan) == [
        f'"ada@example.com" ("eve@example.com" in git) {why}',
        f'"ben@example.com" ("ada@example.com" in git) {why}',
    ]
    assert plan.diagnostics[1].detail.startswith("It is at users/entra.yaml:6:3.")


def test_a_name_that_is_taken_out_is_free_for_a_person_with_an_entry() -> None:
    plan = merged(
        snapshot(person("ben", "1"), gone={"2": GoneReason.DELETED}),
        entry("ada", "1"),
        entry("ben", "2"),
        group("apple", "ada", "ben"),
        on_missing="remove",
    )
    assert show(plan) == [
        "~ ada userPrincipalName: ada -> ben",
        "- ben in users/entra.yaml",
        "~ apple members.users: ada -> (none)",
    ]


def test_an_entry_with_the_id_and_one_with_the_name_stay() -> None:
    plan = merged(snapshot(person("ben", "1")), entry("ada", "1"), entry("ben"))
    assert (plan.edits, plan.refused) == ((), 1)
    assert "another entry has its userPrincipalName" in summaries(plan)[0]


def test_an_entry_that_two_people_fit_stays() -> None:
    plan = merged(snapshot(person("eve", "1"), person("ada")), entry("ada", "1"))
    assert (plan.edits, plan.refused, plan.missing) == ((), 2, ())
    assert summaries(plan) == [
        'two users of Entra fit the entry "ada@example.com": "ada@example.com" and "eve@example.com"'
    ]


@pytest.mark.parametrize(
    "people",
    [
        (person("ada", "1", "staff.csv:2"), person("ADA", "2", "staff.csv:9")),
        (person("ada", "1", "staff.csv:2"), person("eve", "1", "staff.csv:9")),
        (person("ada", "1", "staff.csv:2"), person("eve", "ada@example.com", "staff.csv:9")),
    ],
)
def test_people_with_one_name_or_id_are_not_imported_and_not_missing(people: tuple[Person, ...]) -> None:
    plan = merged(snapshot(*people, person("ben", "7")), entry("ada", "1", givenName="A."), entry("eve", "2"))
    assert show(plan) == ["+ ben in users/entra.yaml"]
    assert plan.refused == 2
    assert "1" not in {each.entity.object_id for each in plan.missing}
    assert summaries(plan)[0].endswith("identifies 2 users in Entra")
    assert "See staff.csv:2, staff.csv:9." in plan.diagnostics[0].detail


def test_entries_with_one_name_or_id_stay_and_are_not_missing() -> None:
    plan = merged(
        snapshot(person("ada", "1", givenName="Ada"), gone={"2": GoneReason.DELETED}),
        entry("ada", "1"),
        entry("Ada", "2"),
        on_missing="remove",
    )
    assert (plan.edits, plan.missing, plan.refused) == ((), (), 1)
    assert summaries(plan) == ['"ada@example.com" identifies two entries']
    assert str(plan.diagnostics[0].origin) == "users/entra.yaml:6:3"
    assert "The other is at users/entra.yaml:3:3." in plan.diagnostics[0].detail


def test_people_that_could_not_be_read_stay_whatever_is_known_of_them() -> None:
    plan = merged(
        snapshot(
            person("ada", "1", givenName="Ada"),
            person("new", "5"),
            doubtful=frozenset({"1", "2", "new@example.com", "cyd@example.com"}),
            gone={"2": GoneReason.DELETED},
        ),
        entry("ada", "1"),
        entry("ben", "2"),
        entry("cyd"),
        on_missing="remove",
    )
    assert (plan.edits, plan.missing, plan.unlinked) == ((), (), 0)


def test_many_errors_of_a_kind_are_one() -> None:
    people = [person(f"u{number:02}", f"new-{number}") for number in range(12)]
    plan = merged(snapshot(*people), *(entry(f"u{number:02}", f"old-{number}") for number in range(12)))
    assert len(plan.diagnostics) == 1
    assert summaries(plan)[0].startswith(
        '12 users have another objectId at the source than in git: "u00@example.com", '
    )
    assert plan.diagnostics[0].detail.startswith('The first: "u00@example.com" has another objectId')
    assert plan.refused == 12


# --- values that no file can hold ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"userPrincipalName": ""}, "it has no userPrincipalName"),
        (
            {"userPrincipalName": "ada\nben"},
            "its userPrincipalName is not one line of at most 500 printable characters",
        ),
        (
            {"userPrincipalName": "a\u202eb@x"},
            "its userPrincipalName is not one line of at most 500 printable characters",
        ),
        (
            {"userPrincipalName": ("a", "b")},
            "its userPrincipalName is not one line of at most 500 printable characters",
        ),
        ({"objectId": "x" * 501}, "its objectId is not one line of at most 500 printable characters"),
        ({"accountEnabled": "perhaps"}, "its accountEnabled is neither true nor false"),
        ({"accountEnabled": ("true",)}, "its accountEnabled is neither true nor false"),
        ({"givenName": "x" * 65_536}, "its givenName has 65,536 characters, more than a line of a file can have"),
        (
            {"otherMails": ("x" * 100,) * 700},
            "its otherMails has 70,000 characters, more than a line of a file can have",
        ),
        (
            {"givenName": "\ud800"},
            "its givenName holds half of a character (a lone surrogate), which UTF-8 does not have",
        ),
        ({"givenName": 5}, "its givenName is neither text nor a list of texts"),
    ],
)
def test_a_person_with_a_value_that_no_file_can_hold_is_not_imported(values: Any, fault: str) -> None:
    bad = Person({"objectId": "1", "userPrincipalName": "ada@example.com", **values}, "staff.csv:7")
    plan = merged(snapshot(bad, person("ben", "2")), entry("ada", "1", givenName="Ada"), on_missing="remove")
    assert show(plan) == ["+ ben in users/entra.yaml"]
    assert summaries(plan)[0].endswith(f" is not imported: {fault}")
    assert "Correct it in staff.csv:7." in plan.diagnostics[0].detail
    assert plan.refused == 1


def test_hostile_text_is_data() -> None:
    odd = "::set-env name=x::\n${{ secrets.TOKEN }} \u202e # - [x]: {y}"
    plan = merged(snapshot(person("ada", "1", givenName=odd, otherMails=(odd, ""))))
    assert fields(plan, "ada@example.com")["givenName"] == odd
    assert fields(plan, "ada@example.com")["otherMails"] == (odd,)
