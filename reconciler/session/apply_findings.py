"""What one apply found, for its metrics and for notifications."""

from __future__ import annotations

from reconciler.apply.report import Report
from reconciler.core.plan import Plan
from reconciler.session.run_events import RunEvents
from reconciler.session.run_metrics import RunMetrics


class ApplyFindings:
    """What one apply found, for its metrics and for notifications."""

    def __init__(self, metrics: RunMetrics | None = None) -> None:
        self.metrics = metrics or RunMetrics("apply")
        self.events = RunEvents("apply")

    def planned(self, plan: Plan, *, whole: bool) -> None:
        """Note the plan. `whole`: it is not limited to some users."""
        self.metrics.planned(plan)
        self.events.planned(plan, whole=whole)

    def applied(self, report: Report) -> None:
        """Note how the changes ended."""
        self.metrics.applied(report.outcomes)
        self.events.applied(report)
