"""Edits of the entries of people."""

from __future__ import annotations

from support.merging import entry, fields, merged, person, show, snapshot, state

from reconciler.core.field_change import FieldChange
from reconciler.sources.import_plan import KeptValue, MergeRules
from reconciler.sources.merge import merge


def test_only_attributes_that_were_read_are_set_and_cleared() -> None:
    plan = merged(
        snapshot(person("ada", "1", givenName="Ada", surname="King", city="Rome")),
        entry("ada", "1", department="IT", surname="Byron", jobTitle="Lead", **{"lifecycle.expires": "2027-01-01"}),
    )
    assert show(plan) == ["~ ada department: IT -> None; givenName: None -> Ada"]
    assert fields(plan, "ada@example.com")["lifecycle.expires"] == "2027-01-01"


def test_lifecycle_is_never_set_whatever_the_source_read() -> None:
    names = frozenset({"lifecycle", "lifecycle.protected", "IsSoftDeleted"})
    read = snapshot(person("ada", "1", lifecycle="x", IsSoftDeleted="True", **{"lifecycle.protected": "false"}))
    read = type(read)(read.source, read.people, names)
    assert merged(read, entry("ada", "1", **{"lifecycle.protected": "true"})).is_empty
    assert list(fields(merged(read), "ada@example.com")) == ["objectId", "userPrincipalName"]


def test_what_git_owns_stays_and_is_reported() -> None:
    ada = entry("ada", "1", department="IT", givenName="A.")
    rules = MergeRules(keep=frozenset({"department", "userPrincipalName", "accountEnabled"}))
    read = snapshot(
        person("ada.king", "1", department="Sales", givenName="Ada", accountEnabled=False),
        person("ben", "2", department="HR"),
    )
    plan = merge(read, state(ada), rules)
    assert show(plan) == ["~ ada givenName: A. -> Ada", "+ ben in users/entra.yaml"]
    assert plan.names == {}
    assert plan.kept == (
        KeptValue(ada, FieldChange("accountEnabled", None, "false")),
        KeptValue(ada, FieldChange("department", "IT", "Sales")),
    )
    # A new user begins with the values of the source.
    assert fields(plan, "ben@example.com")["department"] == "HR"


def test_edits_are_by_file_and_place_and_new_people_by_name() -> None:
    plan = merged(
        snapshot(
            *(person(name, f"id-{name}", givenName="X") for name in ("zoe", "ada", "Cyd", "ben", "eve")),
        ),
        entry("zoe", "id-zoe", "users/a.yaml"),
        entry("ada", "id-ada", "users/z.yaml"),
        entry("eve", "id-eve", givenName="X"),
    )
    assert show(plan) == [
        "~ zoe givenName: None -> X",
        "+ ben in users/entra.yaml",
        "+ Cyd in users/entra.yaml",
        "~ ada givenName: None -> X",
    ]
    assert plan.unchanged == 1


def test_an_import_over_what_a_hand_wrote_changes_only_what_differs() -> None:
    plan = merged(
        snapshot(person("ada", "1", givenName="Ada", accountEnabled=True, otherMails=("b", "a"))),
        entry("ada", "1", accountEnabled="True", givenName="Ada", otherMails=("a", "b"), notes="stays"),
    )
    assert plan.is_empty
    assert plan.unchanged == 1


def test_an_account_that_is_enabled_again_says_so() -> None:
    plan = merged(snapshot(person("ada", "1", accountEnabled=True)), entry("ada", "1", accountEnabled="false"))
    assert show(plan) == ["~ ada accountEnabled: false -> true"]


def test_reasons_name_what_is_not_an_ordinary_value() -> None:
    plan = merged(snapshot(person("ben", "1"), person("cyd", "2")), entry("ada", "1"), entry("cyd"))
    assert [each.reason for each in plan.edits] == ["the userPrincipalName changed", "found by its userPrincipalName"]
