"""What an apply changes, as the guards across tenants count it; they stop one before it writes anything."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from reconciler.errors import BlockedError, UsageError
from reconciler.fleet.affected import Affected
from reconciler.fleet.applied import APPLIED
from reconciler.fleet.fleet_guards import (
    exceeds_blast_radius,
    find_lifted,
    find_proving_wave,
    judge_before_apply,
    judge_fleet,
    judge_totals,
)
from reconciler.fleet.fleet_plan import FleetPlan, identify_plans
from reconciler.fleet.gathered import Gathered
from reconciler.fleet.result import TenantResult
from reconciler.session.fleet.reviewed_plans import check_counts, collect_plans, read_reviewed_fleet_plan
from reconciler.session.fleet.selected import FleetSelection, Selected, find_reviewed_names

_RAISE = "Or raise `guards: {%s: …}` in fleet.yaml, with a review."


def find_changed(selected: Selected, selection: FleetSelection) -> Affected:
    """Return what an apply changes, and why: without --base, what changed since the last apply that is on record.

    Of the tenants that were reviewed, or that are run again, if these are known: the run is about no others.
    """
    affected = selected.changed
    for names in (selection.only, find_reviewed_names(selection)):
        affected = affected.restrict(names) if names is not None else affected
    return affected


def check_before_apply(selected: Selected, selection: FleetSelection, today: date | None = None) -> frozenset[str]:
    """Judge the guards that can be judged before an apply: by what changed, and by all plans that were reviewed.

    The plans of all waves count together. Return the guards that an approval lifts. Raises `BlockedError` for others,
    and `PlanFileError` if a plan is not what was counted.
    """
    affected = find_changed(selected, selection)
    reviewed = find_reviewed(selected, selection)
    if reviewed is not None and selection.plans is not None:
        check_counts(reviewed, selection.plans)
    approved = find_lifted(selected.fleet, _get_id(reviewed), today or datetime.now(UTC).date())
    verdicts = list(judge_before_apply(selected.fleet, affected, selection.wave))
    if reviewed is not None:
        verdicts += judge_totals(selected.fleet, reviewed.totals)
    for verdict in verdicts:
        if verdict.guard not in approved:
            why = f" All tenants count, because {affected.why_all}." if affected.why_all else ""
            raise BlockedError(
                f"the guard {verdict.guard} blocks this: {verdict.found}",
                f"{verdict.way_on}{why}\n{_RAISE % verdict.guard}",
            )
    return approved


def refuse_unknown_base(selected: Selected, selection: FleetSelection) -> None:
    """Raise `UsageError` for a base that names no commit: the apply of a few tenants would be one of all.

    Before the first apply on record, `--base applied` means all.
    """
    affected = selected.affected
    if affected is not None and affected.base is None and selection.base != APPLIED:
        raise UsageError(
            affected.why_all,
            "Name a branch, a tag or a commit that is here. Without --base, all tenants are applied.",
        )


def must_prove(selected: Selected, selection: FleetSelection) -> bool:
    """Whether the wave has to be free of drift before the next one: it proves a change for many."""
    if selection.wave is None:
        return False
    affected = find_changed(selected, selection)
    over = exceeds_blast_radius(selected.fleet, affected)
    return over and selection.wave == find_proving_wave(selected.fleet, affected)


def find_approved(selected: Selected, selection: FleetSelection, today: date | None = None) -> frozenset[str]:
    """Return the guards that an approval of the reviewed fleet plan lifts today."""
    plan_id = _get_id(find_reviewed(selected, selection))
    return find_lifted(selected.fleet, plan_id, today or datetime.now(UTC).date())


def check_plans(selected: Selected, plans: Sequence[TenantResult], today: date | None = None) -> frozenset[str]:
    """Judge plans that were just made; return the guards that an approval lifts. Raises `BlockedError`."""
    gathered = Gathered({each.tenant: each for each in plans})
    approved = find_lifted(selected.fleet, identify_plans(gathered), today or datetime.now(UTC).date())
    for verdict in judge_fleet(selected.fleet, gathered, None):
        if verdict.guard not in approved:
            raise BlockedError(f"the guard {verdict.guard} blocks this: {verdict.found}", verdict.way_on)
    return approved


def find_reviewed(selected: Selected, selection: FleetSelection) -> FleetPlan | None:
    """Return the reviewed fleet plan; in a directory without one, what its plans are together."""
    if selection.plans is None:
        return None
    found = read_reviewed_fleet_plan(selection.plans)
    return found or collect_plans(selection.plans, [tenant.name for tenant in selected.fleet.tenants])


def _get_id(reviewed: FleetPlan | None) -> str | None:
    return reviewed.plan_id if reviewed is not None else None
