from dataclasses import replace
from datetime import timedelta

from support.builders import (
    NOW,
    desired,
    live,
    mapping,
    mappings,
    plan_of,
)
from support.small_company import GENEROUS, actions

from reconciler.core.model import Deactivation, Flow, Severity
from reconciler.core.plan import Action, Plan


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
