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
LIFTABLE = (REMOVALS, NEW_TENANTS, BY_DEFAULTS)
"""Guards that an approval of the fleet plan can lift. What failed has to be run again."""
_MANAGED = ("update", "relink", "reactivate", "deactivate", "delete", "unchanged", "removals_not_applied")
"""Counts of accounts that were managed before the run."""
_REMOVALS = ("deactivate", "delete", "removals_not_applied")
"""A plan that drift made has what waits for an apply, too."""
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
    failed, held = len(gathered.failed), sum(gathered.results[name].verb == "apply" for name in gathered.held)
    yield from judge_totals(fleet, failed, gathered.total, gathered.counts, proves=proves)
    if proves and held and failed + held == gathered.total and failed < gathered.total:
        found = f"{pluralize(held, 'tenant')} of {gathered.total:,} sent nothing, and none went well"
        yield FleetVerdict(FAILED, found, "Switch provisioning on for one of them, or name another tenant in the wave.")
    if affected is not None:
        yield from judge_new_tenants(fleet, affected)


def judge_totals(
    fleet: Fleet, failed: int, total: int, counts: Mapping[str, int], *, proves: bool = False
) -> Iterator[FleetVerdict]:
    """Yield the guards that are exceeded by how many tenants failed, of `total`, and by the counts of their users."""
    over = exceeds_limit(fleet.guards.failed, failed, total)
    if over or (proves and failed == total > 0):
        found = f"{pluralize(failed, 'tenant')} of {total:,} failed, {over or 'and none went well'}"
        yield FleetVerdict(
            FAILED, found, "Correct the cause, then run only these again: `reconciler fleet retry DIR…`."
        )
    removals, managed = count_removals(counts), sum(counts.get(name, 0) for name in _MANAGED)
    if over := exceeds_limit(fleet.guards.removals, removals, managed):
        found = f"{pluralize(removals, 'user')} of {managed:,} would be removed in all tenants, {over}"
        yield FleetVerdict(REMOVALS, found, "Review who is removed. If that is right, approve the fleet plan.")


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


def find_unproven(fleet: Fleet, affected: Affected, reached: Collection[str], drift: Gathered) -> frozenset[str]:
    """Return the tenants that a change by something shared concerns, if it was stopped at the first wave.

    `reached`: tenants with a result; one of a later wave says that the gate was open. `drift`: of the first wave.
    """
    members, wave = assign_waves(fleet), find_proving_wave(fleet, affected)
    if wave is None or not exceeds_blast_radius(fleet, affected):
        return frozenset()
    first = [name for name in affected.by_defaults if members[name] == wave]
    went_on = any(name in reached for name in affected.by_defaults if members[name] != wave)
    proven = went_on or (not drift.sandbox and all(_is_free_of_drift(drift, name) for name in first))
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


def exceeds_limit(limit: FleetLimit, found: int, total: int) -> str:
    """Return how a limit is exceeded, for a message; "" if it is not. Percentages are exact: no limit rounds up."""
    if limit.count is not None and found > limit.count:
        return f"the limit is {limit.count:,}"
    if limit.percent is not None and found * 100 > limit.percent * total:
        return f"the limit is {limit.percent:g} %"
    return ""
