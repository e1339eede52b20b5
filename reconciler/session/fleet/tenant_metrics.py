"""What one run did for a tenant, for its result: taken from what the run measures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reconciler.core.plan import Outcome, Plan, Result
from reconciler.fleet.plan_counts import count_changes
from reconciler.session.run_metrics import RunMetrics


class TenantMetrics(RunMetrics):
    """The plan and the counts of one run.

    Of an apply: the changes that were made, and those that failed. Of drift, what only waits for an apply is counted
    apart, and what may wait for one is counted twice.
    """

    def __init__(self, command: str) -> None:
        super().__init__(command)
        self._is_apply = command == "apply"
        self.plan: Plan | None = None
        self.counts: dict[str, int] = {}
        self._begun = False

    @property
    def is_held(self) -> bool:
        """Whether provisioning is switched off, also if there is no change yet: the switch itself has to be seen.

        Of an apply that ends with exit code 0: that it sent nothing. Of a plan: that an apply would send nothing.
        """
        if self.plan is None or self.plan.drift is not None:
            return False
        is_off = not self.plan.provisioning.enabled
        return not self._begun and (is_off or bool(self.plan.changes)) if self._is_apply else is_off

    def planned(self, plan: Plan) -> None:
        """Note the plan of this run."""
        super().planned(plan)
        self.plan = plan
        tally = plan.tally
        changes = [(each.action, each.attribution, bool(each.pending)) for each in plan.changes]
        counts = count_changes(changes, is_drift=plan.drift is not None)
        if self._is_apply:
            counts.clear()  # a plan that is blocked, stale or held has made nothing
        kept = {"unchanged": tally.unchanged, "unmanaged": tally.unmanaged, "failed": tally.failed}
        self.counts = {name: count for name, count in {**counts, **kept}.items() if count}

    def applied(self, outcomes: Iterable[Outcome]) -> None:
        """Note how the changes of this run ended."""
        ended = list(outcomes)
        self._begun = True
        super().applied(ended)
        made = Counter(each.change.action.value for each in ended if each.result is Result.DONE)
        tally = self.plan.tally if self.plan is not None else None
        failed = len(ended) - made.total() + (tally.failed if tally is not None else 0)
        kept = {"failed": failed}
        if tally is not None:
            kept |= {"unchanged": tally.unchanged, "unmanaged": tally.unmanaged}
        self.counts = {name: count for name, count in {**made, **kept}.items() if count}
