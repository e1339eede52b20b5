"""The guards across tenants: how much of a fleet one run may break, remove, add or change by one edit. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from reconciler.core.policy import MAX_APPROVAL_PERIOD
from reconciler.core.text import pluralize
from reconciler.fleet.affected import Affected
from reconciler.fleet.gathered import Gathered
from reconciler.fleet.model import Fleet, FleetLimit
from reconciler.fleet.wave_members import assign_waves

FAILED, REMOVALS, NEW_TENANTS, BY_DEFAULTS = "failed", "removals", "new_tenants", "tenants_changed_by_defaults"
LIFTABLE = (FAILED, REMOVALS, NEW_TENANTS, BY_DEFAULTS)
"""Guards that an approval of the fleet plan can lift: `failed` only of tenants without a plan, before an apply."""
_MANAGED = ("update", "relink", "reactivate", "deactivate", "delete", "unchanged", "removals_not_applied")
"""Counts of accounts that were managed before the run."""
_REMOVALS = ("deactivate", "delete", "removals_not_applied")
"""A plan that drift made has what waits for an apply, too."""
DIFFERENCES = ("create", "adopt", "update", "relink", "reactivate", "deactivate", "delete")
"""Counts of users that are not as desired."""
_ALWAYS = 1
"""Percent never stops a run for so few, as in a tenant's guards: small fleets have to work, too."""


@dataclass(frozen=True, slots=True)
class FleetVerdict:
    """A guard that is exceeded: what was found and the limit, and how to go on."""

    guard: str
    found: str
    way_on: str


@dataclass(frozen=True, slots=True)
class Totals:
    """What guards count of many tenants. `managed`: accounts that were managed before the run."""

    tenants: int
    failed: int
    removals: int
    managed: int


def sum_totals(gathered: Gathered) -> Totals:
    """Return the totals of results."""
    counts = gathered.counts
    return Totals(gathered.total, len(gathered.failed), count_removals(counts), count_managed(counts))


def judge_fleet(
    fleet: Fleet, gathered: Gathered, affected: Affected | None, wave: str | None = None
) -> Iterator[FleetVerdict]:
    """Yield the guards that are exceeded, but for those that changes by defaults concern.

    `wave`: the tenants are this wave, which has to prove something for the next one, so that one of them must go well.
    """
    totals = sum_totals(gathered)
    failed, held = totals.failed, sum(gathered.results[name].verb == "apply" for name in gathered.held)
    yield from judge_totals(fleet, totals, wave)
    if wave is not None and held and failed + held == gathered.total and failed < gathered.total:
        found = f"{pluralize(held, 'tenant')} of {gathered.total:,} sent nothing, and none went well"
        yield FleetVerdict(FAILED, found, "Switch provisioning on for one of them, or name another tenant in the wave.")
    if affected is not None:
        yield from judge_new_tenants(fleet, affected)


def judge_totals(fleet: Fleet, totals: Totals, wave: str | None = None) -> Iterator[FleetVerdict]:
    """Yield the guards that are exceeded by how many tenants failed, and by how many users they remove."""
    over = exceeds_limit(fleet.guards.failed, totals.failed, totals.tenants)
    over = over or _judge_wave(fleet, totals, wave)
    if over:
        found = f"{pluralize(totals.failed, 'tenant')} of {totals.tenants:,} failed, {over}"
        yield FleetVerdict(
            FAILED, found, "Correct the cause, then run only these again: `reconciler fleet retry DIR…`."
        )
    if over := exceeds_limit(fleet.guards.removals, totals.removals, totals.managed):
        found = f"{pluralize(totals.removals, 'user')} of {totals.managed:,} would be removed in all tenants, {over}"
        yield FleetVerdict(REMOVALS, found, "Review who is removed. If that is right, approve the fleet plan.")


def _judge_wave(fleet: Fleet, totals: Totals, wave: str | None) -> str:
    """Return why the failures of a wave prove nothing for the next one, below each limit."""
    if wave is None or not totals.failed:
        return ""
    if len(fleet.waves) > 1 and wave == fleet.waves[0].name:
        return "the first wave allows none"
    return "and none went well" if totals.failed == totals.tenants else ""


def judge_new_tenants(fleet: Fleet, affected: Affected) -> Iterator[FleetVerdict]:
    """Yield the verdict about tenants that were never applied, if there are too many."""
    new, limit = len(affected.added), fleet.guards.new_tenants
    if limit is not None and new > limit:
        found = f"{pluralize(new, 'new tenant')}, the limit is {limit:,}"
        yield FleetVerdict(NEW_TENANTS, found, "Add them in several changes, or approve the fleet plan.")


def judge_before_apply(fleet: Fleet, affected: Affected, wave: str | None) -> Iterator[FleetVerdict]:
    """Yield the guards that an apply exceeds by what it is about, before it writes anything. `wave`: None: all."""
    yield from judge_new_tenants(fleet, affected)
    if not exceeds_blast_radius(fleet, affected):
        return
    found = _describe_change(fleet, affected)
    if not fleet.waves:
        yield FleetVerdict(BY_DEFAULTS, found, "Name `waves` in fleet.yaml, and apply it wave by wave: --wave.")
    elif wave is None:
        yield FleetVerdict(BY_DEFAULTS, found, "Apply it wave by wave: --wave, beginning with the first one.")
    elif find_proving_wave(fleet, affected) == fleet.waves[-1].name:
        found += "; none of them is in a wave before the last one"
        yield FleetVerdict(BY_DEFAULTS, found, "Let one of them go first: name it in an earlier wave of fleet.yaml.")


def exceeds_blast_radius(fleet: Fleet, affected: Affected) -> bool:
    """Whether something shared changes more tenants than the guard allows at once."""
    limit = fleet.guards.tenants_changed_by_defaults
    return limit is not None and len(affected.by_defaults) > limit


def find_proving_wave(fleet: Fleet, affected: Affected) -> str | None:
    """Return the first wave with a tenant that something shared changes: it proves the change for the others."""
    members = assign_waves(fleet)
    going = {members[name] for name in affected.by_defaults if name in members}
    return next((wave.name for wave in fleet.waves if wave.name in going), None)


def find_unproven(fleet: Fleet, affected: Affected, done: Collection[str], drift: Gathered) -> frozenset[str]:
    """Return the tenants that a change by something shared concerns, if its first wave has not proven it.

    `done`: tenants whose apply went well; `drift`: of the first wave. What later waves did proves nothing: it can be
    the result of another change, or of a tenant that failed.
    """
    members, wave = assign_waves(fleet), find_proving_wave(fleet, affected)
    if wave is None or not exceeds_blast_radius(fleet, affected):
        return frozenset()
    first = [name for name in affected.by_defaults if members[name] == wave]
    proven = not drift.sandbox and all(name in done and _is_free_of_drift(drift, name) for name in first)
    return frozenset() if proven else frozenset(affected.by_defaults)


def find_lifted(fleet: Fleet, plan_id: str | None, today: date) -> frozenset[str]:
    """Return the guards that approvals in fleet.yaml lift: those of this fleet plan, until their last day."""
    valid = [each for each in fleet.approvals if today <= each.until <= today + MAX_APPROVAL_PERIOD]
    return frozenset(guard for each in valid if each.plan == plan_id for guard in each.lifts).intersection(LIFTABLE)


def judge_blast_radius(
    fleet: Fleet, affected: Affected | None, canary: Collection[str] | None, drift: Gathered | None
) -> FleetVerdict | None:
    """Return the verdict about a change by defaults that concerns more tenants than the guard allows.

    `canary`: the tenants of the wave that goes first, if this gate follows it; each must be free of drift in `drift`.
    """
    if affected is None or not exceeds_blast_radius(fleet, affected):
        return None
    found = _describe_change(fleet, affected)
    if not fleet.waves:
        return FleetVerdict(BY_DEFAULTS, found, "Name `waves` in fleet.yaml, to apply it wave by wave.")
    if canary is None:
        return None
    unproven = [name for name in sorted(canary) if drift is None or not _is_free_of_drift(drift, name)]
    if not unproven:
        return None
    found += f"; {pluralize(len(unproven), 'tenant')} of the first wave without a drift that shows no differences"
    return FleetVerdict(BY_DEFAULTS, found, "Run `reconciler fleet drift` for this wave, and name its directory, too.")


def _describe_change(fleet: Fleet, affected: Affected) -> str:
    count = pluralize(len(affected.by_defaults), "tenant")
    return f"defaults, a group or the program change {count}, the limit is {fleet.guards.tenants_changed_by_defaults:,}"


def _is_free_of_drift(drift: Gathered, name: str) -> bool:
    result = drift.results.get(name)
    return (
        result is not None
        and result.exit_code == 0
        and not any(result.counts.get(each, 0) for each in (*DIFFERENCES, "failed"))
    )


def count_removals(counts: Mapping[str, int]) -> int:
    """Return how many users were, or would be, removed at a tenant."""
    return sum(counts.get(name, 0) for name in _REMOVALS)


def count_managed(counts: Mapping[str, int]) -> int:
    """Return how many accounts of a tenant were managed before the run."""
    return sum(counts.get(name, 0) for name in _MANAGED)


def exceeds_limit(limit: FleetLimit, found: int, total: int) -> str:
    """Return how a limit is exceeded, for a message; "" if it is not. Percentages are exact: no limit rounds up.

    A percentage above 0 always allows one.
    """
    if limit.count is not None and found > limit.count:
        return f"the limit is {limit.count:,}"
    allowed = _ALWAYS if limit.percent else 0
    if limit.percent is not None and found > allowed and found * 100 > limit.percent * total:
        return f"the limit is {limit.percent:g} %"
    return ""
