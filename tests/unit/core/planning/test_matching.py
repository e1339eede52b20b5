import time
from dataclasses import replace
from itertools import permutations

import pytest
from support.builders import MAPPINGS, OUT, DesiredUser, LiveUser, desired, live, mapping

from reconciler.core.model import IN_SCOPE, Diagnostic, Severity, Verdict
from reconciler.core.planning.matching import Matching, match_users


def joined(people: list[DesiredUser], accounts: list[LiveUser]) -> Matching:
    return match_users(people, accounts, MAPPINGS)


def keys(found: Matching) -> tuple[dict[str, str | None], list[str], list[str]]:
    pairs = {user.key: account.id if account else None for user, account in found.pairs}
    return pairs, [account.id for account in found.unclaimed], [item.address or "" for item in found.conflicts]


def conflicts_of(found: Matching) -> list[tuple[str, str]]:
    assert all(item.severity is Severity.ERROR for item in found.conflicts)
    return [(item.address or "", item.summary) for item in found.conflicts]


def test_without_users_nothing_matches() -> None:
    assert joined([], []) == Matching()


def test_a_user_is_found_by_external_id_before_user_name() -> None:
    # A rename: the user name is another one, or even another user's.
    found = joined(
        [desired("ada", user_name="countess@example.com"), desired("bob", user_name="ada@example.com")],
        [live("ada"), live("bob")],
    )
    assert keys(found) == ({"countess@example.com": "live-ada", "ada@example.com": "live-bob"}, [], [])


def test_neither_an_external_id_nor_a_user_name_depends_on_case() -> None:
    found = joined([desired("ada", external_id="ID-ADA", user_name="new@example.com")], [live("ada")])
    assert keys(found) == ({"new@example.com": "live-ada"}, [], [])
    found = joined([desired("ada", user_name="ADA@Example.COM")], [live("ada", external_id=None)])
    assert keys(found) == ({"ADA@Example.COM": "live-ada"}, [], [])


def test_an_account_without_an_external_id_is_found_by_user_name_to_be_adopted() -> None:
    account = live("ada", external_id=None)
    assert account.adoptable
    assert joined([desired("ada")], [account]) == Matching(pairs=[(desired("ada"), account)])


def test_a_new_user_has_no_account_and_other_accounts_are_unclaimed() -> None:
    assert keys(joined([desired("ada")], [live("bob"), live("carol", external_id=None)])) == (
        {"ada@example.com": None},
        ["live-bob", "live-carol"],
        [],
    )


def test_two_desired_users_on_one_account_are_both_left_alone() -> None:
    one, other = desired("ada"), desired("ada", line=9, key="a2", user_name="a2@example.com")
    found = joined([one, other], [live("ada")])
    assert keys(found) == ({}, [], ['user["a2"]', 'user["ada@example.com"]'])
    assert found.conflicts[1] == Diagnostic(
        Severity.ERROR,
        'externalId "id-ada" is also used by "a2" (users/people.yaml:9:3)',
        "Two users cannot share one account: correct one of them.",
        one.origin,
        'user["ada@example.com"]',
    )
    assert found.conflicts[0].summary == (
        'externalId "id-ada" is also used by "ada@example.com" (users/people.yaml:1:3)'
    )


def test_two_desired_users_with_one_user_name_are_both_left_alone() -> None:
    twin = desired("bob", key="bob", user_name="ADA@example.com")
    found = joined([desired("ada"), twin], [live("ada"), live("bob")])
    assert keys(found) == ({}, [], ['user["ada@example.com"]', 'user["bob"]'])


def test_accounts_of_twins_are_not_given_to_a_third() -> None:
    # carol would match bob's account by name, if his conflict did not protect it
    people = [desired("ada"), desired("bob", external_id="id-ada"), desired("carol", external_id=None)]
    found = joined(people, [live("bob", external_id=None), live("ada")])
    assert keys(found)[:2] == ({"carol@example.com": None}, [])


def test_one_desired_user_on_two_accounts_is_left_alone_with_both() -> None:
    accounts = [live("ada", id="z"), live("ada", id="a", user_name="other@example.com")]
    found = joined([desired("ada"), desired("bob")], [*accounts, live("bob")])
    assert keys(found) == ({"bob@example.com": "live-bob"}, [], ['user["ada@example.com"]'])
    assert conflicts_of(found) == [
        (
            'user["ada@example.com"]',
            '2 live accounts have the externalId "id-ada": "ada@example.com", "other@example.com"',
        )
    ]


def test_two_accounts_with_one_user_name_are_left_alone() -> None:
    accounts = [live("ada", id="1", external_id=None), live("ada", id="2", external_id=None)]
    found = joined([desired("ada")], accounts)
    assert keys(found) == ({}, [], ['user["ada@example.com"]'])
    assert (
        conflicts_of(found)[0][1]
        == '2 live accounts have the userName "ada@example.com": "ada@example.com" (id "1"), "ada@example.com" (id "2")'
    )


def test_one_account_with_its_id_in_two_spellings_is_not_called_two() -> None:
    accounts = [live("ada", id=identity) for identity in ("aB", "ab")]
    (_, summary), *_ = conflicts_of(joined([desired("ada")], accounts))
    assert summary.endswith("; their ids differ in case only, so the service may show one account twice")


def test_a_user_name_with_a_foreign_external_id_is_left_alone() -> None:
    found = joined([desired("ada")], [live("ada", external_id="other")])
    assert keys(found) == ({}, [], ['user["ada@example.com"]'])
    assert conflicts_of(found) == [
        (
            'user["ada@example.com"]',
            'userName "ada@example.com" belongs to a live account with another externalId ("other")',
        )
    ]
    assert found.conflicts[0].detail == (
        'If it is the same person, write `objectId: "other"` in the user\'s entry, or relink the account '
        "(docs/relinking.md); else choose another userName."
    )


def test_a_foreign_account_that_its_owner_claims_stays_with_its_owner() -> None:
    # bob gives his name away: ada wants it, his account is his all the same
    people = [desired("ada", user_name="bob@example.com"), desired("bob", user_name="robert@example.com")]
    found = joined(people, [live("bob")])
    assert keys(found) == ({"bob@example.com": None, "robert@example.com": "live-bob"}, [], [])


@pytest.mark.parametrize(
    ("account", "message"),
    [
        (
            live("ada", managed=False, adoptable=False),
            'the live account "ada@example.com" is not managed: the ownership filter excludes it',
        ),
        (live("ada", unreadable="active holds 'x'"), "the live account cannot be read: active holds 'x'"),
    ],
)
def test_an_account_that_may_not_be_written_is_a_conflict(account: LiveUser, message: str) -> None:
    found = joined([desired("ada")], [account])
    assert keys(found) == ({}, [], ['user["ada@example.com"]'])
    assert conflicts_of(found)[0][1] == message


def test_an_unmanaged_account_of_a_user_out_of_scope_is_no_conflict() -> None:
    account = live("ada", managed=False, adoptable=False)
    assert keys(joined([desired("ada", verdict=OUT)], [account])) == ({"ada@example.com": "live-ada"}, [], [])


@pytest.mark.parametrize("user", [desired("ada", failed=True), desired("ada", verdict=OUT)])
def test_failed_and_out_of_scope_users_hold_on_to_their_account(user: DesiredUser) -> None:
    assert keys(joined([user], [live("ada")])) == ({"ada@example.com": "live-ada"}, [], [])


def test_a_failed_user_gets_no_second_diagnostic_for_an_account_that_could_be_adopted() -> None:
    found = joined([desired("ada", failed=True)], [live("ada", external_id=None)])
    assert keys(found) == ({"ada@example.com": "live-ada"}, [], [])


@pytest.mark.parametrize(
    ("accounts", "sharing"),
    [
        ([live("ada"), live("bob")], set()),
        ([live("ada"), live("old", external_id="id-bob")], {"bob@example.com"}),
        ([live("bob")], {"ada@example.com"}),
        ([], {"ada@example.com", "bob@example.com"}),
    ],
)
def test_users_that_share_a_value_are_found_by_their_other_values(accounts: list[LiveUser], sharing: set[str]) -> None:
    people = [desired("ada", external_id="same"), desired("bob", external_id="same")]
    found = joined(people, [*accounts, live("x", external_id="same")])
    assert {user.key for user in found.sharing} == sharing


def test_a_user_without_any_matching_value_matches_no_account() -> None:
    user = desired("ada", external_id=None, user_name=None, key="ada")
    account = live("ada", external_id=None, user_name=None)
    assert keys(joined([user], [account])) == ({"ada": None}, ["live-ada"], [])


def test_an_account_is_not_adopted_by_a_user_without_an_external_id() -> None:
    found = joined([desired("ada", external_id=None)], [live("ada", external_id=None)])
    assert keys(found)[::2] == ({}, ['user["ada@example.com"]'])


def test_the_order_of_the_input_does_not_matter() -> None:
    people = [desired("ada", external_id="x"), desired("bob", user_name="ada@example.com", key="b"), desired("carol")]
    accounts = [live("ada", external_id="x"), live("bob"), live("carol", external_id=None)]
    seen = set()
    for shuffled in permutations(people):
        for turned in permutations(accounts):
            pairs, unclaimed, conflicts = keys(joined(list(shuffled), list(turned)))
            seen.add((tuple(sorted(pairs.items())), tuple(sorted(unclaimed)), tuple(sorted(conflicts))))
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("account", "severity"),
    [
        (live("ada", external_id="other"), Severity.ERROR),
        (live("ada", external_id="other", active=False), Severity.WARNING),
        (live("ada", external_id="other", managed=False), Severity.WARNING),
    ],
)
def test_a_user_out_of_scope_with_the_user_name_of_another_account_is_an_error_if_it_stays_active(
    account: LiveUser, severity: Severity
) -> None:
    """A leaver whose externalId is mistyped would keep the access: nobody else has this account."""
    found = joined([desired("ada", verdict=OUT)], [account])
    assert found.unclaimed == []
    assert [(user.key, hit) for user, hit in found.pairs] == [("ada@example.com", None)]
    (conflict,) = found.conflicts
    assert (conflict.severity, conflict.address) == (severity, 'user["ada@example.com"]')
    which = "live" if account.active else "deactivated"
    assert conflict.summary == (
        f'userName "ada@example.com" belongs to a {which} account with another externalId ("other")'
    )
    assert conflict.detail == (
        "The user is out of scope: the account is left untouched."
        if severity is Severity.WARNING
        else "The user is out of scope, and the account is left untouched: it stays active. If it is the same person, "
        "correct externalId here or at the target; else remove the user, or choose another userName."
    )


@pytest.mark.parametrize("owner", [True, False])
def test_a_user_out_of_scope_with_the_user_name_of_another_users_account_is_no_conflict(owner: bool) -> None:
    people = [desired("ada", verdict=OUT), *([desired("new", external_id="other")] if owner else [])]
    found = joined(people, [live("ada", external_id="other")])
    assert len(found.conflicts) == (0 if owner else 1)


# --- an externalId that is mapped without `match` ---------------------------------

BY_NAME = (mapping("externalId", "objectId"), mapping("userName", "userPrincipalName", match=1))


def by_name(people: list[DesiredUser], accounts: list[LiveUser]) -> Matching:
    """Match by userName only."""
    return match_users(
        [replace(user, match=user.match[1:]) for user in people],
        [replace(account, match=account.match[1:]) for account in accounts],
        BY_NAME,
    )


@pytest.mark.parametrize(
    "account",
    [live("ada"), live("ada", active=False), live("ada", managed=False), live("ada", external_id="ID-ADA")],
)
@pytest.mark.parametrize("verdict", [IN_SCOPE, OUT])
def test_a_user_whose_external_id_a_live_account_has_is_a_conflict(account: LiveUser, verdict: Verdict) -> None:
    found = by_name([desired("ada", user_name="countess@example.com", verdict=verdict)], [account])
    assert (found.pairs, found.unclaimed) == ([], [])
    value = account.external_id
    assert [item.summary for item in found.conflicts] == [
        f'externalId "{value}" belongs to the live account "ada@example.com"'
    ]


def test_the_user_whose_account_it_is_by_name_is_left_alone_too() -> None:
    bo = desired("bo", external_id=None)
    found = by_name([desired("ada", external_id="id-bo"), bo], [live("bo")])
    assert (found.pairs, found.unclaimed) == ([], [])
    assert conflicts_of(found) == [
        ('user["bo@example.com"]', 'the externalId of its live account, "id-bo", also belongs to "ada@example.com"'),
        ('user["ada@example.com"]', 'externalId "id-bo" belongs to the live account "bo@example.com"'),
    ]


def test_an_account_that_matches_by_name_gets_no_external_id_of_another() -> None:
    found = by_name([desired("ada")], [live("ada", external_id=None), live("old", external_id="id-ada")])
    assert (found.pairs, found.unclaimed) == ([], [])


def test_accounts_that_are_duplicates_are_left_alone() -> None:
    found = by_name([desired("ada")], [live("ada"), live("old", external_id="id-ada")])
    assert (found.pairs, found.unclaimed) == ([], [])
    assert conflicts_of(found) == [
        (
            'user["ada@example.com"]',
            '2 live accounts have the externalId "id-ada": "ada@example.com", "old@example.com"',
        )
    ]


def test_duplicates_of_no_user_are_one_warning() -> None:
    accounts = [live(f"{who}{number}", external_id=who) for who in "abcdefg" for number in (1, 2)]
    found = joined([], accounts)
    assert found.unclaimed == accounts
    (item,) = found.conflicts
    assert item.severity is Severity.WARNING
    assert item.summary == "7 externalIds are held by more than one live account"
    assert item.detail.startswith('"a" ("a1@example.com", "a2@example.com"), "b" (')
    assert ", and 2 more. At the target" in item.detail


def test_a_conflict_by_name_leaves_the_account_of_its_external_id_alone() -> None:
    found = by_name([desired("ada", user_name="bo@example.com")], [live("ada"), live("bo")])
    assert (found.pairs, found.unclaimed) == ([], [])
    assert len(found.conflicts) == 1


@pytest.mark.parametrize("matching", [True, False])
def test_many_users_and_accounts_can_share_an_external_id(*, matching: bool) -> None:
    people = [desired(f"u{number}", external_id="same") for number in range(1_500)]
    accounts = [live(f"u{number}", external_id="same") for number in range(1_500)]
    rows = MAPPINGS
    if not matching:
        rows = tuple(replace(row, match=None) if row.target == "externalId" else row for row in MAPPINGS)
        people = [replace(user, match=user.match[1:]) for user in people]
        accounts = [replace(user, match=user.match[1:]) for user in accounts]
    began = time.process_time()
    found = match_users(people, accounts, rows)
    assert time.process_time() - began < 1
    assert (found.pairs, found.unclaimed) == ([], [])
    assert len({item.address for item in found.conflicts}) == 1_500
    summary = '1500 live accounts have the externalId "same": "u0@example.com", "u1000@example.com"'
    assert any(item.summary.startswith(summary) for item in found.conflicts)
    assert max(len(item.summary) for item in found.conflicts) < 200
