"""The guards across tenants while an apply runs: beyond one of them no further tenant is begun."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.errors import ExitCode
from reconciler.fleet.exit_codes import GOOD
from reconciler.fleet.fleet_guards import REMOVALS, count_removals, exceeds_limit
from reconciler.fleet.model import Fleet
from reconciler.fleet.result import TenantResult


class RunGuard:
    """Counts what ends. `total`: how many tenants the run is about, in all shards. `lifted`: by an approval.

    Of removals only the count is judged: how many users all tenants have is not known before the end.
    """

    def __init__(self, fleet: Fleet, total: int, lifted: Collection[str] = ()) -> None:
        self._guards = fleet.guards
        self._total = total
        self._lifted = lifted
        self._failed = 0
        self._removed = 0
        self._why = ""
        self.stopped = False
        """Whether there are tenants that were not begun."""

    def add(self, result: TenantResult) -> None:
        """Count the result of a tenant."""
        if self._why and result.exit_code == ExitCode.BLOCKED and result.error.endswith(self._why):
            self.stopped = True
            return
        self._failed += result.exit_code not in GOOD
        self._removed += count_removals(result.counts)

    def hold(self) -> str:
        """Return why no further tenant is begun; "" if one may."""
        limit = self._guards.removals.count
        if exceeds_limit(self._guards.failed, self._failed, self._total):
            self._why = "the limit of failed tenants was reached"
        elif REMOVALS not in self._lifted and limit is not None and self._removed > limit:
            self._why = "the limit of removed users was reached"
        return self._why
