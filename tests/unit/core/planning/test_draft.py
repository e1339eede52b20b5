from dataclasses import replace
from datetime import timedelta

from support.builders import (
    NOW,
    OUT,
    desired,
    live,
    mapping,
    mappings,
    plan_of,
)
from support.small_company import GENEROUS, actions

from reconciler.core.model import Deactivation, Flow, Severity
from reconciler.core.plan import Action, Plan
from reconciler.core.policy import Removal


def test_accounts_with_an_unknown_deactivation_date_are_counted_once() -> None:
    accounts = [live("a"), live("b", active=False), live("c", active=False)]
    accounts.append(live("d", active=False, last_modified=(NOW - timedelta(days=31)).isoformat()))
    deactivated = {f"live-{who}": Deactivation(NOW - timedelta(days=31), "r") for who in "cd"}
    plan = plan_of([desired("a")], accounts, policy=replace(GENEROUS, delete_after_days=30), deactivated=deactivated)
    assert [(change.key, change.action) for change in plan.changes] == [("d@example.com", Action.DELETE)]
    assert [(item.severity, item.summary, item.address) for item in plan.diagnostics] == [
        (Severity.WARNING, "2 inactive accounts will not be deleted: deactivation date unknown", None)
    ]
    assert plan.tally.unchanged == 3
    assert plan_of([desired("a")], accounts, policy=GENEROUS).diagnostics == ()


def test_deactivated_accounts_of_users_in_scope_are_reported() -> None:
    people = [desired("ada"), desired("bob"), desired("carol", active=False), desired("eve", active=None)]
    accounts = [live("ada", active=False), live("bob"), live("carol", active=False), live("eve", active=False)]
    message = "The mapping of active has no value, or its `apply` is not `always`, so it reactivates no account."

    def warnings_of(plan: Plan) -> list[tuple[str, str, str]]:
        return [(item.severity.value, item.summary, item.detail) for item in plan.diagnostics]

    plan = plan_of(people, accounts)
    assert actions(plan) == {"ada": "reactivate"}
    assert warnings_of(plan) == [("warning", "1 user in scope whose accounts stay deactivated", message)]
    for flow in (Flow.CREATE, Flow.IF_EMPTY):
        plan = plan_of(people, accounts, rows=mappings(mapping("active", flow=flow)))
        assert actions(plan) == {}
        assert warnings_of(plan) == [("warning", "2 users in scope whose accounts stay deactivated", message)], flow
    assert warnings_of(plan_of([desired("bob")], [live("bob")])) == []


def test_accounts_that_only_the_record_calls_deactivated_are_neither_changed_nor_deleted() -> None:
    """Their users count as left untouched: the plan is no success."""
    modified = (NOW - timedelta(days=31)).isoformat()
    hidden = [replace(live(who, active=None), omits_active=True, last_modified=modified) for who in "bc"]
    on_record = {f"live-{who}": Deactivation(NOW - timedelta(days=31), "r") for who in "bc"}
    policy = replace(GENEROUS, delete_after_days=30)

    def plan(*, recorded: str) -> Plan:
        return plan_of(
            [desired("a"), desired("b", verdict=OUT)],
            [live("a"), *hidden],
            policy=policy,
            deactivated=on_record,
            settled_forms=lambda live_id, _path, _sent, shown: live_id[-1] in recorded and shown == modified,
        )

    left = plan(recorded="bc")
    assert (left.changes, left.tally.failed, left.tally.unchanged) == ((), 2, 1)
    assert [(item.severity, item.summary) for item in left.diagnostics] == [
        (Severity.ERROR, 'only the record says that 2 accounts are deactivated: "b@example.com", "c@example.com"')
    ]
    one = plan(recorded="c")
    assert [(change.live_id, change.action) for change in one.changes] == [("live-b", Action.DEACTIVATE)]
    assert [item.severity for item in one.diagnostics] == [Severity.ERROR, Severity.WARNING]
    assert [change.action for change in plan(recorded="").changes] == [Action.DEACTIVATE] * 2
    # What is to be deleted at once needs no proof that it is inactive.
    policy = replace(GENEROUS, removed=Removal.DELETE)
    assert [(change.live_id, change.action) for change in plan(recorded="bc").changes] == [("live-c", Action.DELETE)]
