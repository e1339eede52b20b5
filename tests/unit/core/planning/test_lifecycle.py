from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from support.builders import DEPARTMENT, MAPPINGS, NOW, OUT, desired, live, mapping, mappings, plan_of, values_of

from reconciler.core.model import AttributeMapping, Deactivation, Flow, ScopeReason, Verdict
from reconciler.core.plan import Action, ActionReason, Change
from reconciler.core.planning.guards.limits import reactivates
from reconciler.core.planning.lifecycle import (
    Clock,
    RemovalDecision,
    decide_out_of_scope_removal,
    decide_unclaimed_removal,
    plan_create,
    plan_update,
)
from reconciler.core.policy import Policy, Removal
from reconciler.core.profile import Mutability

DEACTIVATE, DELETE, KEEP = Removal.DEACTIVATE, Removal.DELETE, Removal.KEEP
EXPIRED = Verdict(ScopeReason.EXPIRED, 'expired "2026-03-01"')


def ago(**passed: float) -> str:
    return (NOW - timedelta(**passed)).isoformat()


def test_a_new_user_is_created_with_all_values_and_those_of_create_only() -> None:
    user = desired(create_only={"timezone": "Europe/Berlin"})
    assert plan_create(user) == Change(
        key="ada@example.com",
        action=Action.CREATE,
        reason=ActionReason.NOT_IN_TARGET,
        detail="in scope and not in the target",
        live_id=None,
        before={},
        after={**values_of("ada"), "timezone": "Europe/Berlin"},
        origin=user.origin,
    )


def test_an_equal_account_is_left_alone() -> None:
    assert plan_update(desired(), live(), MAPPINGS) is None


@pytest.mark.parametrize(
    ("wanted", "found", "action", "reason", "detail"),
    [
        (
            {"family": "King"},
            {},
            Action.UPDATE,
            ActionReason.ATTRIBUTES_DIFFER,
            "attributes differ from the desired state",
        ),
        (
            {},
            {"active": False},
            Action.REACTIVATE,
            ActionReason.INACTIVE_IN_TARGET,
            "in scope, but deactivated in the target",
        ),
        (
            {"family": "King"},
            {"active": False},
            Action.REACTIVATE,
            ActionReason.INACTIVE_IN_TARGET,
            "in scope, but deactivated in the target",
        ),
        ({"active": False}, {}, Action.DEACTIVATE, ActionReason.ATTRIBUTES_DIFFER, "the mapping of active gives false"),
        (
            {"active": False, "family": "King"},
            {"active": False},
            Action.UPDATE,
            ActionReason.ATTRIBUTES_DIFFER,
            "attributes differ from the desired state",
        ),
        (
            {},
            {"external_id": None},
            Action.ADOPT,
            ActionReason.NO_EXTERNAL_ID,
            "same user name and no externalId: will be managed from now on",
        ),
        (
            {},
            {"external_id": None, "active": False},
            Action.ADOPT,
            ActionReason.NO_EXTERNAL_ID,
            "same user name and no externalId: will be managed from now on",
        ),
    ],
)
def test_a_differing_account_is_brought_into_line(
    wanted: dict[str, Any], found: dict[str, Any], action: Action, reason: ActionReason, detail: str
) -> None:
    user, account = desired(**wanted), live(**found)
    assert plan_update(user, account, MAPPINGS) == Change(
        key="ada@example.com",
        action=action,
        reason=reason,
        detail=detail,
        live_id="live-ada",
        before=account.attributes,
        after=values_of("ada", **wanted),
        origin=user.origin,
    )


def test_an_update_keeps_what_it_does_not_change_and_clears_what_it_must() -> None:
    rows = mappings(mapping("enterprise:department", "department", clear=True), mapping("locale", "preferredLanguage"))
    account = live(locale="en_US")
    found = plan_update(desired(department=None, family="King"), account, rows)
    assert found is not None
    assert found.after == {**values_of("ada", family="King", department=None), "locale": "en_US"}
    assert DEPARTMENT in found.before


def test_adopting_links_the_account_also_where_external_id_flows_on_create_only() -> None:
    rows = mappings(mapping("externalId", "objectId", match=1, flow=Flow.CREATE))
    user = desired(external_id=None, create_only={"externalId": "id-ada", "timezone": "UTC"})
    found = plan_update(user, live(external_id=None), rows)
    assert found is not None
    assert (found.action, found.after) == (Action.ADOPT, values_of("ada"))
    assert plan_update(user, live(external_id=None, managed=True), rows) is None


# --- removals: who, setting, account -> action ------------------------------------------

NOTHING = RemovalDecision()
KEPT = RemovalDecision(kept=True)
UNDATED = RemovalDecision(undated=True)
CLOCK = Clock(NOW)


@pytest.mark.parametrize(
    ("mode", "active", "after_days", "modified", "expected"),
    [
        (DEACTIVATE, True, None, None, Action.DEACTIVATE),
        (DEACTIVATE, True, 30, ago(days=400), Action.DEACTIVATE),
        (DEACTIVATE, True, 0, ago(days=400), Action.DEACTIVATE),
        (DELETE, True, None, None, Action.DELETE),
        (DELETE, False, None, None, Action.DELETE),
        (KEEP, True, None, None, KEPT),
        (KEEP, False, 30, ago(days=400), KEPT),
        # deactivated: nothing more, until the days are over
        (DEACTIVATE, False, None, ago(days=400), NOTHING),
        (DEACTIVATE, False, 30, ago(days=29, hours=23, minutes=59), NOTHING),
        (DEACTIVATE, False, 30, ago(days=30), Action.DELETE),
        (DEACTIVATE, False, 0, ago(seconds=1), Action.DELETE),
        (DEACTIVATE, False, 30, ago(days=-400), UNDATED),
        (DEACTIVATE, False, 30, "2026-01-30T13:00:00+01:00", Action.DELETE),
        (DEACTIVATE, False, 30, "2026-01-30T12:00:00Z", Action.DELETE),
        (DEACTIVATE, False, 30, "2026-01-30T12:00:01Z", NOTHING),
        # unknown deactivation date: never
        (DEACTIVATE, False, 30, None, UNDATED),
        (DEACTIVATE, False, 30, "", UNDATED),
        (DEACTIVATE, False, 30, "long ago", UNDATED),
        (DEACTIVATE, False, 30, "2020-01-01T00:00:00", UNDATED),
        # dates that systems write for none, and dates that no calendar holds in UTC
        (DEACTIVATE, False, 30, "0001-01-01T00:00:00Z", UNDATED),
        (DEACTIVATE, False, 30, "0001-01-01T00:00:00+14:00", UNDATED),
        (DEACTIVATE, False, 30, "1601-01-01T00:00:00Z", UNDATED),
        (DEACTIVATE, False, 30, "1970-01-01T00:00:00Z", UNDATED),
        (DEACTIVATE, False, 30, "9999-12-31T23:59:59-14:00", UNDATED),
        (DEACTIVATE, False, 0, None, UNDATED),
    ],
)
def test_the_removal_of_a_managed_account_without_a_desired_user(
    mode: Removal, active: bool, after_days: int | None, modified: str | None, expected: Any
) -> None:
    account = live("ada", active=active, last_modified=modified)
    other = DELETE if mode is KEEP else KEEP
    out = Policy(out_of_scope=mode, removed=other, delete_after_days=after_days)
    gone = Policy(removed=mode, out_of_scope=other, delete_after_days=after_days)
    for fate in (
        decide_out_of_scope_removal(account, desired("ada", verdict=OUT), out, CLOCK),
        decide_unclaimed_removal(account, "ada@example.com", gone, CLOCK),
    ):
        if isinstance(expected, RemovalDecision):
            assert fate == expected
        else:
            assert fate.change is not None
            assert fate == RemovalDecision(fate.change)
            assert fate.change.action is expected


def test_by_default_users_are_deactivated_and_never_deleted() -> None:
    policy = Policy()
    assert (policy.out_of_scope, policy.removed, policy.delete_after_days) == (DEACTIVATE, DEACTIVATE, None)


def test_a_deactivation_changes_active_alone_and_has_a_reason() -> None:
    account = live("ada")
    user = desired("ada", key="ADA@example.com", verdict=EXPIRED)
    assert decide_out_of_scope_removal(account, user, Policy(), CLOCK) == RemovalDecision(
        Change(
            key="ADA@example.com",
            action=Action.DEACTIVATE,
            reason=ActionReason.OUT_OF_SCOPE,
            detail='expired "2026-03-01"',
            live_id="live-ada",
            before=values_of("ada"),
            after=values_of("ada", active=False),
            origin=user.origin,
        )
    )


def test_a_deletion_leaves_nothing_and_has_a_reason() -> None:
    assert decide_unclaimed_removal(live("ada"), "ada@example.com", Policy(removed=DELETE), CLOCK) == RemovalDecision(
        Change(
            key="ada@example.com",
            action=Action.DELETE,
            reason=ActionReason.NOT_IN_DESIRED_STATE,
            detail="no longer in the desired state",
            live_id="live-ada",
            before=values_of("ada"),
            after={},
        )
    )


# --- since when --------------------------------------------------------------------------


def recorded(days: int, committed: int | None = None) -> dict[str, Deactivation]:
    """Return a deactivation so many days ago, whose receipt was committed so many days ago."""
    when = None if committed is None else NOW - timedelta(days=committed)
    return {"live-ada": Deactivation(NOW - timedelta(days=days), "2026-01-30-abc", when)}


RECORDED = recorded(30)


@pytest.mark.parametrize(
    ("modified", "deactivated", "text"),
    [
        (ago(days=30), {}, "last modified on 2026-01-30, 30 days ago"),
        (ago(days=400), {}, "last modified on 2025-01-25, 400 days ago"),
        # the latest of all witnesses
        (ago(days=400), RECORDED, "deactivated on 2026-01-30 (receipt 2026-01-30-abc), 30 days ago"),
        (ago(days=30), recorded(400, 400), "last modified on 2026-01-30, 30 days ago"),
        (ago(days=31), recorded(400, 30), "receipt 2026-01-30-abc committed on 2026-01-30, 30 days ago"),
    ],
)
def test_a_deletion_after_days_names_the_date_and_its_source(
    modified: str | None, deactivated: dict[str, Deactivation], text: str
) -> None:
    account = live("ada", active=False, last_modified=modified)
    fate = decide_unclaimed_removal(account, "ada@example.com", Policy(delete_after_days=30), Clock(NOW, deactivated))
    assert fate.change is not None
    assert (fate.change.reason, fate.change.detail) == (
        ActionReason.INACTIVE_TOO_LONG,
        f"no longer in the desired state; {text}, the limit is 30",
    )


@pytest.mark.parametrize(
    ("modified", "deactivated", "expected"),
    [
        # one witness that is younger than the others delays the deletion
        (ago(days=400), recorded(29), NOTHING),
        (ago(days=29), recorded(400), NOTHING),
        (ago(days=0), recorded(60), NOTHING),
        (ago(days=60), recorded(60, 29), NOTHING),
        (ago(days=60), recorded(60, 0), NOTHING),
        # a record alone, even a committed one, is no witness: it can be forged
        (None, recorded(60), UNDATED),
        ("0001-01-01T00:00:00Z", recorded(60, 60), UNDATED),
        # neither is a time in the future, whoever tells it
        (ago(days=60), recorded(-400), UNDATED),
        (ago(days=60), recorded(60, -400), UNDATED),
        (ago(days=-400), {}, UNDATED),
        (ago(days=-400), recorded(60, 60), UNDATED),
        # clocks that differ by seconds agree
        (ago(seconds=-3), {}, NOTHING),
    ],
)
def test_all_witnesses_of_the_date_must_agree(
    modified: str | None, deactivated: dict[str, Deactivation], expected: RemovalDecision
) -> None:
    account = live("ada", active=False, last_modified=modified)
    policy = Policy(delete_after_days=30)
    assert decide_unclaimed_removal(account, "ada@example.com", policy, Clock(NOW, deactivated)) == expected


def test_the_receipt_of_another_account_does_not_count() -> None:
    account = live("bob", active=False)
    assert decide_unclaimed_removal(account, "bob", Policy(delete_after_days=30), Clock(NOW, RECORDED)) == UNDATED


# --- immutable ----------------------------------------------------------------------------


def frozen(flow: Flow = Flow.ALWAYS) -> tuple[AttributeMapping, ...]:
    row = mapping("enterprise:department", "department", flow=flow)
    return mappings(replace(row, attribute=replace(row.attribute, mutability=Mutability.IMMUTABLE)))


@pytest.mark.parametrize(
    ("found", "wanted", "text"),
    [
        ("Sales", "Engineering", '"Sales" in the target and cannot become "Engineering"'),
        (None, "Engineering", 'unassigned in the target and cannot become "Engineering"'),
    ],
)
def test_an_immutable_attribute_that_differs_is_an_error_not_an_update(
    found: str | None, wanted: str, text: str
) -> None:
    plan = plan_of([desired(department=wanted, family="King")], [live(department=found)], rows=frozen())
    assert (plan.changes, plan.tally.failed) == ((), 1)
    (problem,) = plan.diagnostics
    assert (problem.summary, problem.address) == (
        f"enterprise:department is {text}: it is immutable",
        'user["ada@example.com"]',
    )


def test_an_immutable_attribute_that_does_not_differ_holds_nothing_back() -> None:
    plan = plan_of([desired(family="King")], [live()], rows=frozen())
    assert [change.after for change in plan.changes] == [values_of(family="King")]


def test_an_immutable_attribute_is_sent_on_create() -> None:
    plan = plan_of([desired()], rows=frozen())
    assert [change.after for change in plan.changes] == [values_of()]


def test_an_immutable_attribute_that_flows_on_create_only_is_not_compared() -> None:
    user = desired(department=None, create_only={DEPARTMENT: "Engineering"}, family="King")
    plan = plan_of([user], [live(department="Sales")], rows=frozen(Flow.CREATE))
    assert [change.action for change in plan.changes] == [Action.UPDATE]


def test_an_account_that_does_not_show_active_is_reactivated_or_deactivated_by_what_its_user_should_have() -> None:
    account = replace(live(active=None), omits_active=True)
    back = plan_update(desired(), account, MAPPINGS)
    assert back is not None
    assert (back.action, back.before.get("active"), back.after["active"]) == (Action.REACTIVATE, None, True)
    assert reactivates(back)
    gone = decide_unclaimed_removal(account, "ada", Policy(), Clock(NOW)).change
    assert gone is not None
    assert (gone.action, gone.before.get("active"), gone.after["active"]) == (Action.DEACTIVATE, None, False)
