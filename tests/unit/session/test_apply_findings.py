"""What an apply tells its metrics and its notifications: the same plan and the same outcomes."""

from __future__ import annotations

from dataclasses import replace

from support.builders import NOW, change, plan_with

from reconciler.apply.report import Report
from reconciler.core.plan import Action, Guard, Outcome, Result
from reconciler.errors import ExitCode
from reconciler.notify.event import EventCause
from reconciler.session.apply_findings import ApplyFindings


def test_plan_and_outcomes_reach_both() -> None:
    found = ApplyFindings()
    created = change("ada", Action.CREATE)
    blocked = replace(plan_with(created), guards=(Guard("creates", passed=False, message="x"),))
    found.planned(blocked, whole=True)
    found.applied(Report([Outcome(created, Result.FAILED, "409")]))
    samples = {sample.name: sample.value for sample in found.metrics.samples(3, None)}
    assert samples["plan_blocked"] == 1
    (event,) = found.events.find(ExitCode.BLOCKED, None, NOW)
    assert event.cause is EventCause.BLOCKED
