"""Which person is which entry."""

from __future__ import annotations

from support.merging import entry, group, merged, person, scope, show, snapshot, summaries


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
