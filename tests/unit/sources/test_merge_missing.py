"""People that git has and the source has not."""

from __future__ import annotations

import pytest
from support.merging import apply, entry, group, merged, person, scope, show, snapshot, state

from reconciler.sources.import_plan import MergeRules
from reconciler.sources.merge import merge
from reconciler.sources.snapshot import GoneReason

GONE = {"1": GoneReason.DELETED, "2": GoneReason.NOT_ASSIGNED}
ENTRIES = (
    entry("ada", "1"),
    entry("ben", "2"),
    entry("cyd", "3"),
    entry("dan"),
    group("apple", "ada", "ben", "cyd", "dan", "1"),
    scope(sync="assigned", assigned_users=("ada@example.com", "2"), excluded_users=("ada@example.com",)),
)


@pytest.mark.parametrize("on_missing", ["report", "disable", "remove"])
def test_absence_alone_changes_nothing(on_missing: str) -> None:
    plan = merged(snapshot(), *ENTRIES, on_missing=on_missing)
    assert plan.is_empty
    assert [(each.entity.name, each.reason, each.action.name) for each in plan.missing] == [
        ("ada@example.com", "", "UNCONFIRMED"),
        ("ben@example.com", "", "UNCONFIRMED"),
        ("cyd@example.com", "", "UNCONFIRMED"),
    ]
    assert plan.unlinked == 1


def test_people_that_are_confirmed_gone_are_reported() -> None:
    plan = merged(snapshot(gone=GONE), *ENTRIES)
    assert plan.is_empty
    assert [(each.reason, each.action.name) for each in plan.missing] == [
        ("deleted", "REPORTED"),
        ("no longer assigned", "REPORTED"),
        ("", "UNCONFIRMED"),
    ]


def test_people_that_are_confirmed_gone_are_disabled() -> None:
    plan = merged(snapshot(gone=GONE), *ENTRIES, on_missing="disable")
    assert show(plan) == ["~ ada accountEnabled: None -> false", "~ ben accountEnabled: None -> false"]
    assert [each.reason for each in plan.edits] == ["deleted", "no longer assigned"]


def test_people_that_are_confirmed_gone_are_taken_out_with_all_references() -> None:
    plan = merged(snapshot(gone=GONE), *ENTRIES, on_missing="remove")
    assert show(plan) == [
        "- ada in users/entra.yaml",
        "- ben in users/entra.yaml",
        "~ apple members.users: ada, ben, 1 -> (none)",
        "~ scope.yaml assigned.users: ada, 2 -> None; excluded.users: ada -> None",
    ]
    assert plan.names == {"ada@example.com": None, "1": None, "ben@example.com": None, "2": None}


def test_a_person_that_is_disabled_already_is_not_edited() -> None:
    plan = merged(snapshot(gone=GONE), entry("ada", "1", accountEnabled="False"), on_missing="disable")
    assert plan.is_empty
    assert plan.missing[0].action.name == "DISABLED"


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_a_protected_person_stays(on_missing: str) -> None:
    plan = merged(snapshot(gone=GONE), entry("ada", "1", **{"lifecycle.protected": "True"}), on_missing=on_missing)
    assert plan.is_empty
    assert plan.missing[0].action.name == "REPORTED"


def test_nobody_is_disabled_if_git_owns_that() -> None:
    plan = merged(snapshot(gone=GONE), entry("ada", "1"), on_missing="disable", keep=frozenset({"accountEnabled"}))
    assert plan.is_empty
    assert plan.missing[0].action.name == "REPORTED"


def test_a_source_without_ids_confirms_by_name() -> None:
    plan = merged(
        snapshot(gone={"ada@example.com": GoneReason.DELETED}), entry("Ada"), entry("ben"), on_missing="remove"
    )
    assert show(plan) == ["- Ada in users/entra.yaml"]
    assert plan.unlinked == 1


def test_a_person_that_the_source_has_is_not_gone() -> None:
    plan = merged(snapshot(person("ada", "1"), gone=GONE), entry("ada", "1"), on_missing="remove")
    assert plan.is_empty
    assert plan.missing == ()


@pytest.mark.parametrize("on_missing", ["disable", "remove"])
def test_users_that_a_list_lacks_stay_if_a_user_of_it_is_refused(on_missing: str) -> None:
    entries = (entry("ada", "1"), entry("ben"), entry("cyd", "3"))
    gone = {"ben@example.com": GoneReason.NOT_LISTED, "3": GoneReason.DELETED}
    whole = merged(snapshot(person("ada", "1"), gone=gone), *entries, on_missing=on_missing)
    assert [(each.entity.name, each.reason) for each in whole.missing] == [
        ("ben@example.com", "no longer in the file"),
        ("cyd@example.com", "deleted"),
    ]
    refused = merged(snapshot(person("ada", "1"), person("", "9"), gone=gone), *entries, on_missing=on_missing)
    assert refused.refused == 1
    assert [(each.entity.name, each.reason) for each in refused.missing] == [("cyd@example.com", "deleted")]
    assert refused.notes[-1].startswith("But no missing user is disabled or removed, because some users could not")


def test_users_that_a_list_lacks_stay_if_two_users_of_it_collide() -> None:
    gone = {"ben@example.com": GoneReason.NOT_LISTED}
    people = (person("ada", "1"), person("ada", "2"))
    plan = merged(snapshot(*people, gone=gone), entry("ben"), on_missing="remove")
    assert plan.refused
    assert [each.action.name for each in plan.missing] == []


@pytest.mark.parametrize("on_missing", ["report", "disable", "remove"])
def test_a_leaver_whose_name_another_user_has_is_disabled_at_most(on_missing: str) -> None:
    held = (entry("ada", "1"), group("apple", "ada"))
    read = snapshot(person("ADA@example.com", "9"), gone={"1": GoneReason.DELETED})
    plan = merged(read, *held, on_missing=on_missing)
    assert show(plan) == ([] if on_missing == "report" else ["~ ada accountEnabled: None -> false"])
    assert plan.refused == 1
    (found,) = plan.missing
    assert found.reason == "deleted; another user has its userPrincipalName now"
    (diagnostic,) = plan.diagnostics
    outcome = "left as it is" if on_missing == "report" else "accountEnabled: false"
    assert (
        "The source confirms that the user in git is gone (deleted; another user has its userPrincipalName now):"
        f" {outcome}."
    ) in diagnostic.detail.split("\n")
    assert merge(read, apply(plan, state(*held)), MergeRules(on_missing=on_missing)).is_empty


def test_a_leaver_whose_name_another_user_has_keeps_the_account_enabled_if_git_owns_that() -> None:
    read = snapshot(person("ada", "9"), gone={"1": GoneReason.DELETED})
    for on_missing in ("disable", "remove"):
        assert merged(read, entry("ada", "1"), on_missing=on_missing, keep=frozenset({"accountEnabled"})).is_empty


def test_an_entry_whose_name_another_user_has_stays_if_the_source_confirms_nothing() -> None:
    plan = merged(snapshot(person("ada", "9")), entry("ada", "1"), on_missing="remove")
    assert (plan.is_empty, plan.refused, plan.missing) == (True, 1, ())
