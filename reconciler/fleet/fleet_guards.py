"""The guards across tenants: how much of a fleet one run may break, remove, add or change by one edit. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from reconciler.core.text import pluralize
from reconciler.fleet.affected import Affected
from reconciler.fleet.gathered import Gathered
from reconciler.fleet.model import Fleet, FleetLimit

FAILED, REMOVALS, NEW_TENANTS, BY_DEFAULTS = "failed", "removals", "new_tenants", "tenants_changed_by_defaults"
LIFTABLE = (REMOVALS, NEW_TENANTS, BY_DEFAULTS)
"""Guards that an approval of the fleet plan can lift. What failed has to be run again."""
_MANAGED = ("update", "relink", "reactivate", "deactivate", "delete", "unchanged")
"""Counts of accounts that were managed before the run."""
_REMOVALS = ("deactivate", "delete")
DIFFERENCES = ("create", "adopt", "update", "relink", "reactivate", "deactivate", "delete")
"""Counts of users that are not as desired."""


@dataclass(frozen=True, slots=True)
class FleetVerdict:
    """A guard that is exceeded: what was found and the limit, and how to go on."""

    guard: str
    found: str
    way_on: str


def judge_fleet(
    fleet: Fleet, gathered: Gathered, affected: Affected | None, *, proves: bool = False
) -> Iterator[FleetVerdict]:
    """Yield the guards that are exceeded, but for those that changes by defaults concern.

    `proves`: the tenants are a wave that has to prove something for the next one, so that one of them must go well.
    """
    failed = gathered.failed
    over = _exceeds(fleet.guards.failed, len(failed), gathered.total)
    if over or (proves and len(failed) == gathered.total > 0):
        found = f"{pluralize(len(failed), 'tenant')} of {gathered.total:,} failed, {over or 'and none went well'}"
        yield FleetVerdict(
            FAILED, found, "Correct the cause, then run only these again: `reconciler fleet retry DIR…`."
        )
    removals, managed = gathered.count(*_REMOVALS), gathered.count(*_MANAGED)
    if over := _exceeds(fleet.guards.removals, removals, managed):
        found = f"{pluralize(removals, 'user')} of {managed:,} would be removed in all tenants, {over}"
        yield FleetVerdict(REMOVALS, found, "Review who is removed. If that is right, approve the fleet plan.")
    new, limit = len(affected.added) if affected is not None else 0, fleet.guards.new_tenants
    if limit is not None and new > limit:
        found = f"{pluralize(new, 'new tenant')}, the limit is {limit:,}"
        yield FleetVerdict(NEW_TENANTS, found, "Add them in several changes, or approve the fleet plan.")


def judge_blast_radius(
    fleet: Fleet, affected: Affected | None, canary: Collection[str] | None, drift: Gathered | None
) -> FleetVerdict | None:
    """Return the verdict about a change by defaults that concerns more tenants than the guard allows.

    `canary`: the tenants of the wave that goes first, if this gate follows it; each must be free of drift in `drift`.
    """
    limit = fleet.guards.tenants_changed_by_defaults
    if limit is None or affected is None or len(affected.by_defaults) <= limit:
        return None
    found = f"defaults, a group or the program change {pluralize(len(affected.by_defaults), 'tenant')}"
    found += f", the limit is {limit:,}"
    if not fleet.waves:
        return FleetVerdict(BY_DEFAULTS, found, "Name `waves` in fleet.yaml, to apply it wave by wave.")
    if canary is None:
        return None
    unproven = [name for name in sorted(canary) if drift is None or not _is_free_of_drift(drift, name)]
    if not unproven:
        return None
    found += f"; {pluralize(len(unproven), 'tenant')} of the first wave without a drift that shows no differences"
    return FleetVerdict(BY_DEFAULTS, found, "Run `reconciler fleet drift` for this wave, and name its directory, too.")


def _is_free_of_drift(drift: Gathered, name: str) -> bool:
    result = drift.results.get(name)
    return (
        result is not None
        and result.exit_code == 0
        and not any(result.counts.get(each, 0) for each in (*DIFFERENCES, "failed"))
    )


def _exceeds(limit: FleetLimit, found: int, total: int) -> str:
    """Return how a limit is exceeded, for a message; "" if it is not. Percentages are exact: no limit rounds up."""
    if limit.count is not None and found > limit.count:
        return f"the limit is {limit.count:,}"
    if limit.percent is not None and found * 100 > limit.percent * total:
        return f"the limit is {limit.percent:g} %"
    return ""
