"""What an apply changes, as the guards across tenants count it; they stop one before it writes anything."""

from __future__ import annotations

from datetime import UTC, date, datetime

from reconciler.errors import BlockedError
from reconciler.fleet.affected import Affected, find_affected
from reconciler.fleet.applied import APPLIED
from reconciler.fleet.fleet_guards import (
    exceeds_blast_radius,
    find_lifted,
    find_proving_wave,
    judge_before_apply,
)
from reconciler.fleet.fleet_plan import read_fleet_plan
from reconciler.session.fleet.reviewed_plans import find_fleet_plan
from reconciler.session.fleet.selected import FleetSelection, Selected, find_reviewed_names

_RAISE = "Or raise `guards: {%s: …}` in fleet.yaml, with a review."


def find_changed(selected: Selected, selection: FleetSelection) -> Affected:
    """Return what an apply changes, and why: without --base, what changed since the last apply that is on record.

    Of the tenants that were reviewed, or that are run again, if these are known: the run is about no others.
    """
    affected = selected.affected or find_affected(selected.fleet, APPLIED)
    for names in (selection.only, find_reviewed_names(selection)):
        affected = affected.restrict(names) if names is not None else affected
    return affected


def check_before_apply(selected: Selected, selection: FleetSelection, today: date | None = None) -> None:
    """Judge the guards that can be judged before an apply. Raises `BlockedError` unless an approval lifts them."""
    affected = find_changed(selected, selection)
    approved = find_lifted(selected.fleet, _find_plan_id(selection), today or datetime.now(UTC).date())
    for verdict in judge_before_apply(selected.fleet, affected, selection.wave):
        if verdict.guard not in approved:
            why = f" All tenants count, because {affected.why_all}." if affected.why_all else ""
            raise BlockedError(
                f"the guard {verdict.guard} blocks this: {verdict.found}",
                f"{verdict.way_on}{why}\n{_RAISE % verdict.guard}",
            )


def must_prove(selected: Selected, selection: FleetSelection) -> bool:
    """Whether the wave has to be free of drift before the next one: it proves a change for many."""
    if selection.wave is None:
        return False
    affected = find_changed(selected, selection)
    over = exceeds_blast_radius(selected.fleet, affected)
    return over and selection.wave == find_proving_wave(selected.fleet, affected)


def _find_plan_id(selection: FleetSelection) -> str | None:
    """Return the ID of the fleet plan that was reviewed; None if there is none."""
    file = find_fleet_plan(selection.plans) if selection.plans is not None else None
    return read_fleet_plan(file).plan_id if file is not None and file.exists() else None
