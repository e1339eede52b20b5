"""The plans of tenants that were reviewed: an apply takes these, or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.errors import PlanFileError, UsageError
from reconciler.fleet.fleet_guards import count_managed, count_removals
from reconciler.fleet.fleet_plan import FleetPlan, compute_fleet_plan_id, read_fleet_plan
from reconciler.fleet.plan_counts import count_saved_plan
from reconciler.record.layout import FLEET_PLAN, PLAN
from reconciler.session.saved_plan import read_saved_plan


@dataclass(frozen=True, slots=True)
class ReviewedPlans:
    """Plans in `DIR/TENANT/plan.json`. `ids`: the plan that was reviewed of each tenant; None: those in the files."""

    directory: Path
    ids: Mapping[str, str] | None

    def find(self, tenant: str) -> tuple[Path, str | None] | None:
        """Return the saved plan of a tenant and the ID that it must have, if that is known; None: none was reviewed."""
        file = self.directory / tenant / PLAN
        if self.ids is not None:
            return (file, self.ids[tenant]) if tenant in self.ids else None
        return (file, None) if file.is_file() else None


def find_fleet_plan(path: Path) -> Path:
    """Return where the fleet plan is that --plans names: the file, or the one in the directory."""
    return path / FLEET_PLAN if path.is_dir() else path


def read_reviewed_fleet_plan(path: Path | None) -> FleetPlan | None:
    """Read the fleet plan that --plans names; None without --plans, or if the directory has none."""
    file = find_fleet_plan(path) if path is not None else None
    return read_fleet_plan(file) if file is not None and file.exists() else None


def collect_plans(directory: Path, names: Iterable[str]) -> FleetPlan:
    """Return what the plans of these tenants would be as a fleet plan: for a directory without one.

    A tenant without a plan is left out; one whose plan cannot be read has failed.
    """
    tenants: dict[str, str] = {}
    counts: dict[str, Mapping[str, int]] = {}
    failed: set[str] = set()
    for name in names:
        file = directory / name / PLAN
        if not file.is_file():
            continue
        try:
            plan = read_saved_plan(file)
        except PlanFileError:
            failed.add(name)
            continue
        tenants[name] = plan.plan_id
        counts[name] = Counter(each.action.value for each in plan.changes) + Counter(unchanged=plan.tally.unchanged)
    removals, managed = (sum(map(count, counts.values())) for count in (count_removals, count_managed))
    plan_id = compute_fleet_plan_id(tenants, counts, failed)
    return FleetPlan(plan_id, tenants, frozenset(failed), removals, managed)


def check_counts(reviewed: FleetPlan, path: Path) -> None:
    """Raise `PlanFileError` if a plan has other counts than the fleet plan: these were reviewed, and guards count them.

    `path`: the fleet plan, or its directory. What is not there, or has another id, is not applied, and not counted.
    """
    directory = find_fleet_plan(path).parent
    for name, counts in reviewed.counts.items():
        plan = count_saved_plan(directory / name / PLAN)
        if plan is None or plan.plan_id != reviewed.tenants.get(name):
            continue
        if any(count(plan.counts) != count(counts) for count in (count_removals, count_managed)):
            raise PlanFileError(
                f"the plan of {name} removes {count_removals(plan.counts):,} of {count_managed(plan.counts):,} users, "
                f"and the fleet plan says {count_removals(counts):,} of {count_managed(counts):,}",
                "One of them was changed. Make the plans again: `reconciler fleet plan`.",
            )


def read_reviewed_plans(path: Path) -> ReviewedPlans:
    """Read a directory of plans, or the fleet plan that is in one. Raises `UsageError`, `PlanFileError`."""
    if not path.exists():
        raise UsageError(f"--plans: {path} does not exist", "Name the directory of `fleet plan -o`, or its fleet plan.")
    file = find_fleet_plan(path)
    if not file.exists():
        return ReviewedPlans(path, None)
    return ReviewedPlans(file.parent, read_fleet_plan(file).tenants)
