import re
import time
from dataclasses import replace
from datetime import date

import pytest
from support.builders import change, live, rename, values_of
from support.guard_verdicts import verdicts

from reconciler.core.model import LiveUser
from reconciler.core.plan import Action, Change, Guard
from reconciler.core.planning.guards.context import GuardContext, RecentChange
from reconciler.core.planning.guards.identities import check_identity_changes, check_name_takeovers
from reconciler.core.planning.temporary_names import make_temporary_name
from reconciler.core.policy import Limit, Policy

RESERVED = {"bob@example.com": date(2026, 3, 20)}
REUSED = Guard(
    "name-reuse",
    passed=False,
    message="1 user name of recently deleted accounts would be used again, which the target refuses:"
    ' "{} (free on 2026-03-20)"; wait until then, or choose other names',
)


@pytest.mark.parametrize(
    ("taker", "shown"),
    [
        (change("bob", Action.CREATE, after=values_of("bob", user_name="Bob@example.com")), "Bob@example.com"),
        (rename("ada", "bob"), "bob@example.com"),
        (rename("ada", "bob", Action.REACTIVATE), "bob@example.com"),
    ],
)
def test_the_name_of_a_recently_deleted_account_is_not_used_again(taker: Change, shown: str) -> None:
    found = verdicts(taker, reserved=RESERVED)["name-reuse"]
    assert found == Guard(REUSED.name, REUSED.passed, REUSED.message.format(shown))


@pytest.mark.parametrize(
    "other",
    [
        change("ada", Action.CREATE),
        change("bob"),
        change("bob", Action.DELETE),
        change("bob", Action.DEACTIVATE),
        rename("bob", "ada"),
    ],
)
def test_other_names_and_those_kept_are_no_reuse(other: Change) -> None:
    assert verdicts(other, reserved=RESERVED)["name-reuse"].passed


# --- names that another account has today -----------------------------------------


def ring(*names: str) -> list[Change]:
    """Each account gets the name of the next, the last that of the first."""
    return [rename(one, other) for one, other in zip(names, [*names[1:], names[0]], strict=True)]


def takeovers(*changes: Change, allowed: int = 0) -> Guard:
    return verdicts(*changes, policy=Policy(name_takeovers=Limit(allowed)))["name-takeovers"]


def test_users_that_take_the_name_of_another_account_are_named() -> None:
    assert takeovers(*ring("a", "b", "c")) == Guard(
        "name-takeovers",
        passed=False,
        message="3 users would take a userName that another account has today, more than the limit of 0"
        ' (guards.name_takeovers.count: 0): "a@example.com", "b@example.com", "c@example.com"',
    )


def test_many_names_that_are_taken_over_are_compared_once() -> None:
    context = GuardContext(ring(*(f"u{number}" for number in range(16_000))), (), (), None, {})
    began = time.process_time()
    assert not check_name_takeovers(context, Limit(0)).passed
    assert time.process_time() - began < 1


def test_the_end_of_an_exchange_that_was_cut_short_is_no_takeover() -> None:
    began = rename("a", "b")
    cut_short = replace(began, before={**began.before, "userName": make_temporary_name(began, ())})
    others = [rename("b", "a")]
    assert takeovers(cut_short, *others).passed
    # A name that was made for another change proves nothing.
    for forged in (
        replace(cut_short, before={**began.before, "userName": make_temporary_name(rename("a", "c"), ())}),
        replace(cut_short, live_id="live-x"),
        replace(cut_short, before={**began.before, "userName": "renaming-0123456789ab@example.com"}),
    ):
        assert not takeovers(forged, *others).passed
    # Nor does one made for an account whose name nobody took: a name of version 0.1 does not say.
    assert not takeovers(cut_short, rename("b", "x")).passed
    short = re.sub(r"-[0-9a-f]{16}@", "@", str(cut_short.before["userName"]))
    assert takeovers(replace(cut_short, before={**began.before, "userName": short}), rename("b", "x")).passed


def test_few_temporary_names_are_compared_with_all_names() -> None:
    began = [rename(f"u{number}", f"u{number + 1}") for number in range(4_000)]
    stuck = [replace(each, before={**each.before, "userName": make_temporary_name(each, ())}) for each in began]
    accounts = [live(f"v{number}") for number in range(4_000)]
    context = GuardContext(stuck, (), (), None, {}, live=accounts)
    start = time.process_time()
    check_name_takeovers(context, Limit(0))
    assert time.process_time() - start < 2


def test_one_swap_of_two_accounts_is_not_counted() -> None:
    assert takeovers(*ring("a", "b")) == Guard(
        "name-takeovers",
        passed=True,
        message="no user would take a userName that another account has today, beyond one swap",
    )
    assert takeovers(*ring("a", "b"), *ring("c", "d")).message.startswith("2 users would take a userName")


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ([rename("a", "b"), rename("b", "x")], 1),
        ([rename("a", "b"), rename("b", "c"), rename("c", "x")], 2),
        ([change("b", Action.CREATE, key="new"), rename("b", "x")], 1),
        ([rename("a", "b", Action.ADOPT), rename("b", "x")], 1),
        ([rename("a", "b", Action.REACTIVATE), rename("b", "x", Action.DEACTIVATE)], 1),
        ([*ring("a", "b"), rename("c", "d"), rename("d", "x")], 1),
        (ring("a", "b", "c", "d"), 4),
        ([*ring("a", "b"), *ring("c", "d"), *ring("e", "f")], 4),
    ],
)
def test_the_limit_is_of_names_beyond_one_swap(changes: list[Change], count: int) -> None:
    assert not takeovers(*changes, allowed=count - 1).passed
    assert takeovers(*changes, allowed=count).passed


@pytest.mark.parametrize(
    "other",
    [
        [rename("a", "x"), rename("b", "y")],
        [change("a"), change("b", Action.DELETE), change("c", Action.DEACTIVATE)],
        [rename("a", "A")],
        [change("new", Action.CREATE), rename("a", "x")],
    ],
)
def test_names_that_no_other_account_has_are_no_takeovers(other: list[Change]) -> None:
    assert takeovers(*other).passed


# --- accounts that become another user's ------------------------------------------


def rewritten(action: Action = Action.UPDATE, before: dict[str, str] | None = None, **after: str) -> Change:
    """Ada's account, with other values."""
    return change("ada", action, before=values_of("ada", **(before or {})), after=values_of("ada", **after))


def identity(*changes: Change, allowed: int = 0, managed: list[LiveUser] | None = None) -> Guard:
    policy = Policy(identity_changes=Limit(allowed))
    return verdicts(*changes, managed=managed or [live("ada")], policy=policy)["identity-changes"]


ANOTHER = {"user_name": "bo@example.com", "given": "Bo", "family": "King"}


def test_an_account_that_becomes_another_users_is_named() -> None:
    assert identity(rewritten(**ANOTHER)) == Guard(
        "identity-changes",
        passed=False,
        message="1 account would look like another user's (userName, givenName and familyName all change), more than"
        ' the limit of 0 (guards.identity_changes.count: 0): "ada@example.com"',
    )
    assert "all change), within the limit of 1" in identity(rewritten(**ANOTHER), allowed=1).message
    assert identity(rewritten(**ANOTHER), allowed=1).passed


@pytest.mark.parametrize("action", [Action.REACTIVATE, Action.DEACTIVATE, Action.ADOPT])
def test_an_identity_may_change_with_no_action(action: Action) -> None:
    assert not identity(rewritten(action, **ANOTHER)).passed


@pytest.mark.parametrize("kept", ["user_name", "given", "family"])
def test_two_of_three_names_may_change(kept: str) -> None:
    assert identity(rewritten(**{name: value for name, value in ANOTHER.items() if name != kept})).passed


@pytest.mark.parametrize(
    "change_of_form",
    [
        {"user_name": "ADA@example.com", "given": "Bo", "family": "King"},
        {"user_name": "bo@example.com", "given": "ADA", "family": "King"},
        {"user_name": "bo@example.com", "given": "Bo", "family": "LOVELACE"},
    ],
)
def test_another_case_is_no_other_name(change_of_form: dict[str, str]) -> None:
    assert identity(rewritten(**change_of_form)).passed


def test_another_unicode_form_is_no_other_name() -> None:
    before = {"family": "Mu\u0308ller"}
    after = {"user_name": "bo@example.com", "given": "Bo", "family": "m\u00fcller"}
    assert identity(rewritten(before=before, **after)).passed


def test_names_that_were_absent_are_filled_in() -> None:
    bare = {name: value for name, value in values_of("ada").items() if not name.startswith("name.")}
    assert identity(change("ada", before=bare, after=values_of("ada", **ANOTHER))).passed
    assert identity(change("ada", Action.ADOPT, before=bare, after=values_of("ada"))).passed


NAMES = frozenset({"name.givenName", "name.familyName"})


@pytest.mark.parametrize(
    ("recent", "passed"),
    [
        (RecentChange("", "live-ada", Action.UPDATE, attributes=NAMES), False),
        (RecentChange("", "live-ada", Action.REACTIVATE, attributes=NAMES), False),
        (RecentChange("", "live-ada", Action.UPDATE, attributes=frozenset({"name.givenName"})), True),
        (RecentChange("", "live-ada", Action.CREATE, attributes=NAMES | {"userName"}), True),
        (RecentChange("", "live-bo", Action.UPDATE, attributes=NAMES), True),
        (
            RecentChange("", "live-ada", Action.UPDATE, attributes=NAMES, lifted=frozenset({"identity-changes"})),
            True,
        ),
    ],
)
def test_an_identity_that_changes_in_two_applies_within_a_day_counts(recent: RecentChange, passed: bool) -> None:
    context = GuardContext([rewritten(user_name="bo@example.com")], [], [live("ada")], None, {}, recent=[recent])
    assert check_identity_changes(context, Limit(0)).passed is passed
    unrelated = replace(context, changes=[rewritten(department="X")])
    assert check_identity_changes(unrelated, Limit(0)).passed


KING = live("bo", given="Bo", family="King")


@pytest.mark.parametrize(
    ("accounts", "passed"),
    [
        ([live("ada"), live("cy", family="Byron"), KING], False),
        ([live("ada"), live("cy", family="Byron"), live("bo", given="Bo", family="King", active=False)], True),
        ([live("ada"), live("cy", family="Byron")], True),
    ],
)
def test_two_accounts_may_not_get_the_names_of_another_active_account(accounts: list[LiveUser], passed: bool) -> None:
    to_bo = rewritten(given="BO", family="King")
    also = change("cy", before=values_of("cy", family="Byron"), after=values_of("cy", given="bo", family="KING"))
    assert identity(to_bo, also, managed=accounts).passed is passed
    assert identity(to_bo, change("bo"), managed=accounts).passed, "one may be a namesake"
    assert identity(to_bo, rewritten(given="Bo"), managed=accounts).passed


# --- externalId -------------------------------------------------------------------


def relink(before: str | None, after: str | None, action: Action = Action.UPDATE) -> Guard:
    found = change(
        "ada", action, before=values_of("ada", external_id=before), after=values_of("ada", external_id=after)
    )
    return verdicts(found, managed=[live("ada")])["relink"]


@pytest.mark.parametrize("action", [Action.UPDATE, Action.REACTIVATE, Action.DEACTIVATE, Action.ADOPT])
@pytest.mark.parametrize("after", ["other", None])
def test_an_external_id_is_neither_changed_nor_cleared(after: str | None, action: Action) -> None:
    assert relink("id-ada", after, action) == Guard(
        "relink",
        passed=False,
        message="the externalId of 1 managed account would be cleared or changed, which links them to no user or to"
        ' another: "ada@example.com"',
    )


@pytest.mark.parametrize(("before", "after"), [("id-ada", "ID-ADA"), (None, "id-ada"), ("id-ada", "id-ada")])
def test_an_external_id_may_be_set_and_written_in_another_case(before: str | None, after: str) -> None:
    assert relink(before, after).passed


def test_an_account_whose_external_id_is_not_read_is_linked_all_the_same() -> None:
    bare = values_of("ada", external_id=None)
    found = change("ada", before=bare, after={**bare, "externalId": "other"})
    assert not verdicts(found, managed=[live("ada")])["relink"].passed
    assert verdicts(change("ada", before=bare, after=bare), managed=[live("ada")])["relink"].passed


def test_a_deletion_is_no_relink() -> None:
    assert verdicts(change("ada", Action.DELETE), managed=[live("ada")])["relink"].passed
