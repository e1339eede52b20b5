import time
from dataclasses import replace
from datetime import date

import pytest
from support.builders import change, desired, live, name_of, rename

from reconciler.core.model import Diagnostic, Origin, Severity
from reconciler.core.plan import Change
from reconciler.core.planning.protection import (
    AccountNames,
    ProtectedAccounts,
    collect_protected_names,
    collect_user_names,
)
from reconciler.core.planning.temporary_names import make_temporary_name
from reconciler.core.policy import Policy
from reconciler.desired.user_table import UserTable

ORIGIN = Origin("settings.yaml", 7, 20)


def policy(*entries: str) -> Policy:
    return Policy(protected=frozenset(entries), protected_origins=dict.fromkeys(entries, ORIGIN))


def record(**accounts: str) -> dict[str, AccountNames]:
    """By live id: names; those with an @ are userNames."""
    found = {}
    for who, listed in accounts.items():
        words = frozenset(listed.split())
        users = frozenset(word for word in words if "@" in word)
        found[f"live-{who}"] = AccountNames(users, words - users)
    return found


OLD = name_of("old")


@pytest.mark.parametrize(
    ("entry", "recorded", "protected"),
    [
        (name_of("bo"), {}, {"live-bo"}),
        ("id-bo", {}, {"live-bo"}),
        ("live-bo", {}, {"live-bo"}),
        (OLD, {}, set()),
        (OLD, record(bo=OLD), {"live-bo"}),
        ("x", record(bo="x"), {"live-bo"}),
        (OLD, record(bo=OLD, cy=OLD), {"live-bo", "live-cy"}),
        # An account that is gone had the same externalId.
        (OLD, record(gone=f"{OLD} id-bo"), {"live-bo"}),
        (OLD, record(bo="x", gone=f"{OLD} x"), {"live-bo"}),
        # One with the same name only.
        (OLD, record(gone=f"{OLD} {name_of('bo')}"), set()),
        (name_of("bo"), record(bo=OLD, cy=OLD), {"live-bo"}),
    ],
)
def test_an_account_is_protected_by_every_name_it_had(
    entry: str, recorded: dict[str, AccountNames], protected: set[str]
) -> None:
    found = ProtectedAccounts([], [live("bo"), live("cy")], policy(entry), recorded)
    assert found.find_ids() == protected


def test_an_account_with_a_temporary_name_is_protected_by_the_name_before_it_without_a_record() -> None:
    bo, cy = live("bo"), live("cy")
    exchange = rename("bo", "cy")
    temporary = replace(bo, user_name=make_temporary_name(exchange, ()))
    accounts = ProtectedAccounts([], [temporary, cy], policy(name_of("bo")))
    assert accounts.find_ids() == {"live-bo"}
    (found,) = accounts.check_entries([])
    assert (
        found.summary
        == f'guards.protected: the account "{name_of("bo")}" has the temporary name "{temporary.user_name}"'
    )
    assert ProtectedAccounts([], [temporary, cy], policy(name_of("cy"))).find_ids() == {"live-cy"}


def test_a_user_protected_in_git_is_protected_by_all_its_ids() -> None:
    user = desired("new", external_id="id-bo", protected=True)
    assert ProtectedAccounts([user], [live("bo"), live("cy")], Policy()).find_ids() == {"live-bo"}
    assert ProtectedAccounts([user], [live("cy")], Policy(), record(cy="id-bo")).find_ids() == {"live-cy"}
    assert ProtectedAccounts([desired("bo")], [live("bo")], Policy()).find_ids() == frozenset()


def test_the_names_of_a_desired_user() -> None:
    assert collect_user_names(desired("Ada", key="KEY")) == {"key", "ada@example.com", "id-ada"}


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("bo@example.org", {"live-bo"}),
        ("mailto:bo@example.com", {"live-bo"}),
        ("bo", {"live-bo"}),
        (name_of("bo"), set()),
        ("id-bo", set()),
        ("b", set()),
        ("new@example.org", set()),
        (name_of("new"), set()),
        ("mailto:", set()),
    ],
)
def test_an_entry_without_an_account_may_mean_one_with_the_same_name_before_the_at(entry: str, meant: set[str]) -> None:
    accounts = [live("bo"), live("cy"), live("x", user_name=None)]
    found = ProtectedAccounts([desired("new")], accounts, policy(entry))
    assert found.find_misnamed() == dict.fromkeys(meant, entry)


def test_a_name_on_record_does_not_settle_what_an_entry_means() -> None:
    """The record may be forged, and name any account."""
    entry = "bo@example.org"
    found = ProtectedAccounts([], [live("bo"), live("cy")], policy(entry), record(cy=entry))
    assert found.find_misnamed() == {"live-bo": entry}


def test_an_original_name_that_a_temporary_one_proves_means_no_other_account() -> None:
    temporary = replace(live("bo"), user_name=make_temporary_name(rename("bo", "cy"), ()))
    accounts = [temporary, live("bo", id="2", external_id="2", user_name="bo@example.org")]
    assert ProtectedAccounts([], accounts, policy(name_of("bo"))).find_misnamed() == {}


def check(
    *changes: Change, entry: str = OLD, recorded: dict[str, AccountNames] | None = None, wanted: str = "bo"
) -> list[Diagnostic]:
    people = [desired(who) for who in wanted.split()]
    accounts = [live("bo"), live("cy")]
    return ProtectedAccounts(people, accounts, policy(entry), recorded or {}).check_entries(changes)


@pytest.mark.parametrize(
    ("recorded", "entry", "severity", "summary", "address"),
    [
        ({}, OLD, Severity.WARNING, f'guards.protected: user not found: "{OLD}"', None),
        (
            record(cy=OLD),
            OLD,
            Severity.ERROR,
            f'guards.protected: the account "{OLD}" is now called "cy@example.com"',
            'user["cy@example.com"]',
        ),
        (
            record(gone=OLD),
            OLD,
            Severity.ERROR,
            f'guards.protected: the account "{OLD}" no longer exists',
            f'user["{OLD}"]',
        ),
        (
            record(cy=name_of("bo")),
            name_of("bo"),
            Severity.WARNING,
            (
                'guards.protected: "bo@example.com" now names another account; the one it named before is now called'
                ' "cy@example.com"'
            ),
            None,
        ),
    ],
)
def test_an_entry_that_does_not_name_its_account_is_reported(
    recorded: dict[str, AccountNames], entry: str, severity: Severity, summary: str, address: str | None
) -> None:
    (found,) = check(entry=entry, recorded=recorded)
    assert (found.severity, found.summary, found.origin, found.address) == (severity, summary, ORIGIN, address)


@pytest.mark.parametrize("entry", [name_of("bo"), "id-cy", "live-cy", name_of("new")])
def test_an_entry_that_names_its_account_or_user_is_fine(entry: str) -> None:
    assert check(entry=entry, wanted="bo new", recorded=record(cy=name_of("cy"))) == []


def test_a_rename_of_a_protected_account_is_a_warning() -> None:
    (found,) = check(rename("bo", "new"), rename("cy", "other"), change("cy"), entry=name_of("bo"))
    assert (found.severity, found.summary, found.origin) == (
        Severity.WARNING,
        'guards.protected: "bo@example.com" will be called "new@example.com"',
        ORIGIN,
    )


def test_another_case_of_the_name_is_no_rename() -> None:
    assert check(rename("bo", "BO"), entry=name_of("bo")) == []


def test_without_entries_there_is_nothing_to_report() -> None:
    assert ProtectedAccounts([], [], Policy(), record(bo=OLD)).check_entries([rename("bo", "new")]) == []


def test_many_entries_are_looked_up_in_one_pass_over_the_accounts() -> None:
    accounts = [live(f"u{number}") for number in range(3_000)]
    entries = [name_of(f"u{number}") for number in range(400)]
    began = time.process_time()
    (found,) = ProtectedAccounts([], accounts, policy(*entries, OLD)).check_entries([])
    assert time.process_time() - began < 1
    assert found.summary == f'guards.protected: user not found: "{OLD}"'


def test_protected_users_are_found_in_rows() -> None:
    users = [desired("ada"), desired("bo", protected=True), desired("cy", starts=date(2026, 1, 1)), desired("di")]
    named = collect_protected_names(UserTable(users), policy("x"))
    assert named == collect_protected_names(users, policy("x")) == {"x", "id-bo", name_of("bo")}
