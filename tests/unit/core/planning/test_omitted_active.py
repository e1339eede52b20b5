from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import OUT, desired, live

from reconciler.core.model import LiveUser, OmittedActive, Severity, Value
from reconciler.core.plan import Action, ActionReason, Change
from reconciler.core.planning.matching import Matching
from reconciler.core.planning.omitted_active import ActivityDoubts, SettledUsers, settle_omitted_active

TRUE, FALSE, UNKNOWN = OmittedActive.TRUE, OmittedActive.FALSE, OmittedActive.UNKNOWN


def omitting(who: str, **changed: object) -> LiveUser:
    return replace(live(who), omits_active=True, **changed)


RECORDED = "2026-03-01T10:00:00Z"


def settle(
    *accounts: LiveUser,
    out: tuple[LiveUser, ...] = (),
    gone: tuple[LiveUser, ...] = (),
    inactive: tuple[str, ...] = (),
    recorded: tuple[str, ...] = (),
) -> tuple[SettledUsers, Matching]:
    """Settle for `accounts` of users in scope, `out` of scope, and `gone` from git; `recorded`: deactivated then."""
    pairs = [(desired(user.user_name), user) for user in accounts]
    pairs += [(desired(user.user_name, verdict=OUT), user) for user in out]
    matching = Matching(pairs=[*pairs, (desired("new"), None)], unclaimed=list(gone))

    def is_on_record(live_id: str, path: str, sent: Value, shown: Value) -> bool:
        return (path, sent, shown) == ("active", False, RECORDED) and live_id in recorded

    return settle_omitted_active(matching, [*accounts, *out, *gone], inactive, is_on_record), matching


@pytest.mark.parametrize(
    ("shown", "meaning"),
    [
        ((), TRUE),
        ((False,), TRUE),
        ((True,), FALSE),
        ((True, False), UNKNOWN),
    ],
)
def test_the_meaning_is_what_the_others_show(shown: tuple[bool, ...], meaning: OmittedActive) -> None:
    others = [live(f"u{number}", active=value) for number, value in enumerate(shown)]
    found, _ = settle(*others, gone=(omitting("gone"),))
    assert (found.meaning, found.problems) == (meaning, ())
    # Before any account is without it as well: an apply has to know.
    assert settle(*others)[0].meaning is meaning


def test_only_a_filter_of_the_service_proves_that_an_account_is_inactive() -> None:
    gone, proven = omitting("gone"), omitting("proven")
    found, matching = settle(live("ada"), out=(gone,), gone=(proven,), inactive=("live-proven", "live-ada"))
    ada, unknown, inactive = found.users
    assert ada == live("ada")
    assert (unknown.active, "active" in unknown.attributes) == (True, False)
    assert (inactive.active, inactive.attributes["active"], inactive.omits_active) == (False, False, False)
    assert [user for _, user in matching.pairs] == [ada, unknown, None]
    assert matching.unclaimed == [inactive]
    assert (set(found.doubts.unknown), set(found.doubts.recorded)) == ({"live-gone"}, set())


def test_a_record_proves_nothing_and_counts_while_the_account_is_as_it_was_left() -> None:
    then, later, undated = (omitting("bob", last_modified=at) for at in (RECORDED, "2026-03-02T10:00:00Z", None))
    for account, left in ((then, {"live-bob"}), (later, set()), (undated, set())):
        found, _ = settle(live("ada"), gone=(account,), recorded=("live-bob",))
        assert (found.users[-1].active, "active" in found.users[-1].attributes) == (True, False)
        assert found.doubts.recorded == left
    # Where the service shows false for another account, leaving it out means something else.
    shows_both, _ = settle(live("ada"), live("eve", active=False), gone=(then,), recorded=("live-bob",))
    assert shows_both.doubts.recorded == frozenset()


def change(who: str, action: Action, active: bool | None, **more: str) -> Change:
    before = {"userName": who}
    after = {**before, **more} if active is None else {**before, **more, "active": active}
    reason = ActionReason.ATTRIBUTES_DIFFER
    return Change(who, action, reason, "", f"live-{who}", before=before, after=after)


def test_only_a_repeated_deactivation_is_left_and_reported_as_an_error() -> None:
    ids = frozenset({"live-bob", "live-cyd"})
    doubts = ActivityDoubts(unknown=ids, recorded=ids)
    assert not doubts.leaves(change("ada", Action.DEACTIVATE, active=False))
    assert not doubts.leaves(change("bob", Action.REACTIVATE, active=True))
    assert not doubts.leaves(change("bob", Action.DEACTIVATE, active=False, title="Engineer"))
    assert not doubts.leaves(change("bob", Action.DELETE, active=None))
    assert doubts.report([]) == []
    assert doubts.leaves(change("bob", Action.DEACTIVATE, active=False))
    (found,) = doubts.report([])
    assert (found.severity, found.summary) == (
        Severity.ERROR,
        'only the record says that 1 account is deactivated: "bob"',
    )


def test_changes_of_accounts_that_may_be_as_they_should_be_are_reported_once() -> None:
    doubts = ActivityDoubts(unknown=frozenset({"live-bob", "live-cyd", "live-dan"}))
    changes = [
        change("ada", Action.DEACTIVATE, active=False),
        change("bob", Action.DEACTIVATE, active=False),
        change("cyd", Action.REACTIVATE, active=True),
        change("dan", Action.UPDATE, active=None, title="Engineer"),
    ]
    (found,) = doubts.report(changes)
    assert (found.severity, found.summary) == (
        Severity.WARNING,
        "the service does not show whether 2 accounts are active",
    )
    assert "true is sent to 1 and false is sent to 1" in found.detail
    assert doubts.report(changes[:1]) == []


def test_an_account_without_a_mapping_of_active_gets_no_value() -> None:
    account = omitting("gone")
    account = replace(account, attributes={k: v for k, v in account.attributes.items() if k != "active"})
    found, _ = settle(live("ada"), gone=(account,), inactive=("live-gone",))
    assert (found.users[-1].active, "active" in found.users[-1].attributes) == (False, False)


def test_accounts_that_a_filter_says_are_inactive_are_in_no_crowd() -> None:
    accounts = [omitting(f"o{number}") for number in range(20)]
    found, _ = settle(live("ada"), *accounts, inactive=tuple(user.id for user in accounts[:15]))
    assert (found.meaning, found.problems) == (FALSE, ())
    found, _ = settle(live("ada"), *accounts, inactive=tuple(user.id for user in accounts[:5]))
    assert (found.meaning, len(found.problems)) == (TRUE, 1)
    assert [user.active for user in found.users] == [True, *[False] * 5, *[True] * 15]


@pytest.mark.parametrize(
    ("without", "shown", "crowd"), [(10, 1, False), (11, 1, True), (20, 20, False), (21, 20, True)]
)
def test_a_crowd_without_active_is_active_and_reported(without: int, shown: int, crowd: bool) -> None:
    accounts = [omitting(f"o{number}") for number in range(without)]
    accounts += [live(f"s{number}") for number in range(shown)]
    found, _ = settle(*accounts)
    assert found.meaning is (TRUE if crowd else FALSE)
    assert len(found.problems) == crowd
    assert (list(found.users) == accounts) is crowd
    # Leavers do not count: many may have left.
    assert settle(live("ada"), gone=tuple(accounts[:without]))[0].meaning is FALSE
