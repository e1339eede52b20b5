from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from support.plans import every_action

from reconciler.core.plan import REMOVALS, Attribution, Drift, Outcome, Result, Tally
from reconciler.core.provisioning import Provisioning
from reconciler.fleet.fleet_guards import count_removals
from reconciler.session.fleet.tenant_metrics import TenantMetrics


def test_the_counts_of_a_plan_are_those_of_its_actions_and_of_the_users_that_stay() -> None:
    metrics = TenantMetrics("plan")
    plan = replace(every_action(), tally=replace(every_action().tally, failed=2))
    metrics.planned(plan)
    assert metrics.plan is plan
    expected = {action.value: plan.count(action) for action in {change.action for change in plan.changes}}
    assert metrics.counts == {**expected, "unchanged": plan.tally.unchanged, "unmanaged": 1, "failed": 2}
    assert metrics.samples(0, None)


def test_of_an_apply_the_changes_that_were_made_count() -> None:
    metrics = TenantMetrics("apply")
    plan = replace(every_action(), tally=replace(every_action().tally, failed=2))
    metrics.planned(plan)
    assert metrics.counts == {"unchanged": plan.tally.unchanged, "unmanaged": 1, "failed": 2}  # nothing is made yet
    assert metrics.is_held
    create, update, *others = plan.changes
    results = [Outcome(create, Result.DONE, ""), Outcome(update, Result.FAILED, "")]
    metrics.applied([*results, *(Outcome(each, Result.SKIPPED, "") for each in others)])
    assert not metrics.is_held
    assert metrics.counts == {
        create.action.value: 1,
        "unchanged": plan.tally.unchanged,
        "unmanaged": 1,
        "failed": 2 + 1 + len(others),
    }


def test_an_apply_without_changes_holds_nothing() -> None:
    metrics = TenantMetrics("apply")
    assert not metrics.is_held
    metrics.planned(replace(every_action(), changes=()))
    assert not metrics.is_held


def test_an_apply_without_changes_is_held_if_provisioning_is_off() -> None:
    metrics = TenantMetrics("apply")
    metrics.planned(replace(every_action(), changes=(), provisioning=Provisioning(enabled=False)))
    assert metrics.is_held


def test_a_plan_is_held_if_provisioning_is_off() -> None:
    on, off = every_action(), replace(every_action(), provisioning=Provisioning(enabled=False))
    for plan, held in ((on, False), (off, True), (replace(off, changes=()), True)):
        metrics = TenantMetrics("plan")
        metrics.planned(plan)
        assert metrics.is_held is held
    metrics = TenantMetrics("drift")
    metrics.planned(replace(off, drift=Drift(None, None, None)))
    assert not metrics.is_held


def test_of_drift_counts_what_is_not_known_to_wait_for_an_apply() -> None:
    metrics = TenantMetrics("drift")
    kinds = (Attribution.NOT_APPLIED, Attribution.EDITED_IN_TARGET, None)
    changes = [replace(each, attribution=kind) for each, kind in zip(every_action().changes, kinds, strict=False)]
    plan = replace(every_action(), changes=tuple(changes), drift=Drift(None, None, None), tally=Tally())
    metrics.planned(plan)
    assert metrics.counts == {"adopt": 1, "update": 1, "not_applied": 1, "may_wait": 1}


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"attribution": Attribution.UNKNOWN}, {"may_wait": 1}),
        ({"attribution": Attribution.EDITED_IN_TARGET}, {}),
        ({"attribution": Attribution.EDITED_IN_TARGET, "pending": ("userName",)}, {"may_wait": 1}),
    ],
)
def test_of_drift_a_difference_that_may_wait_for_an_apply_is_one_and_is_counted_apart(
    fields: dict[str, Any], counts: dict[str, int]
) -> None:
    metrics = TenantMetrics("drift")
    removal = next(each for each in every_action().changes if each.action in REMOVALS)
    metrics.planned(
        replace(every_action(), changes=(replace(removal, **fields),), drift=Drift(None, None, None), tally=Tally())
    )
    assert metrics.counts == {removal.action.value: 1, **counts}
    assert count_removals(metrics.counts) == 1, "no guard counts it twice"


def test_of_drift_removals_that_wait_for_an_apply_are_counted_apart() -> None:
    metrics = TenantMetrics("drift")
    waiting = tuple(replace(each, attribution=Attribution.NOT_APPLIED) for each in every_action().changes)
    plan = replace(every_action(), changes=waiting, drift=Drift(None, None, None), tally=Tally())
    metrics.planned(plan)
    removals = sum(each.action in REMOVALS for each in waiting)
    assert removals
    assert metrics.counts == {"not_applied": len(waiting), "removals_not_applied": removals}


def test_nothing_counts_before_a_plan() -> None:
    metrics = TenantMetrics("plan")
    assert (metrics.plan, metrics.counts) == (None, {})
