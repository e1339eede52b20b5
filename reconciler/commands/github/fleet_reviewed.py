"""`github fleet-reviewed`: the plans of all tenants that were reviewed in the pull request of this run's commit."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.text import pluralize, quote
from reconciler.errors import ExitCode, PlanFileError, UsageError
from reconciler.fleet.fleet_plan import FleetPlan, read_fleet_plan
from reconciler.github import reviewed_plan
from reconciler.github.api import GitHub
from reconciler.github.apply_runs import refuse_after_later_runs
from reconciler.github.environment import (
    APPLY_WORKFLOW,
    DRIFT_WORKFLOW,
    PLAN_WORKFLOW,
    Workflow,
    open_github,
    read_workflow,
)
from reconciler.github.fleet_plans import read_archive
from reconciler.github.reviewed_plan import NotReviewedError, RecordedPlan
from reconciler.record.files import make_private_directory, write_private_bytes
from reconciler.record.layout import FLEET_PLAN, PLAN
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal


@dataclass(frozen=True, slots=True)
class NamedRun:
    """What a person names who starts an apply: the id of the fleet's plan, and the run that made it."""

    plan_id: str
    run: int


def run_fleet_reviewed(out: Path, named: NamedRun | None, terminal: Terminal) -> ExitCode:
    """Save the plans to `out`, each as TENANT/plan.json, with fleet-plan.json that names them.

    `named`: these plans of a run that looked for drift, instead of those of a pull request. Raises `NotReviewedError`
    if they are not kept, or are others, or if a later commit has been applied.
    """
    if out.exists():
        raise UsageError(f"{out} exists already", "Name a new directory: what else is in one was not reviewed.")
    here = read_workflow()
    with open_github(read_network()) as hub:
        refuse_after_later_runs(hub, APPLY_WORKFLOW, here.branch, here.run_number)
        what, found, archives = _find_archives(hub, named, here)
    for archive in archives:
        plan = _save(read_archive(archive), found.plan_id, out)
        if plan is not None:
            terminal.note(f"Reviewed {what}: {plan.plan_id}, {pluralize(len(plan.tenants), 'tenant')}")
            return ExitCode.OK
    raise NotReviewedError(f"the plans reviewed {what} ({found.plan_id}) are not kept any more, or others are")


def _find_archives(hub: GitHub, named: NamedRun | None, here: Workflow) -> tuple[str, RecordedPlan, list[bytes]]:
    """Return what was reviewed, where it was recorded, and the artifacts."""
    if named is not None:
        found = RecordedPlan(named.plan_id, named.run)
        archives = reviewed_plan.download_archives(hub, None, named.run, DRIFT_WORKFLOW, here)
        return f"in run {named.run}", found, list(archives)
    pull = reviewed_plan.at_last_approval(hub, reviewed_plan.find_merged_pull(hub, here.commit, here.branch))
    found = reviewed_plan.find_recorded_plan(hub, pull)
    archives = reviewed_plan.download_archives(hub, pull, found.run, PLAN_WORKFLOW, here)
    return f"in pull request {pull.number} at {pull.head[:12]}", found, list(archives)


def _save(files: Mapping[str, bytes], plan_id: str, out: Path) -> FleetPlan | None:
    """Save the plans if they are those of the id, all or none; return what was saved."""
    if FLEET_PLAN not in files:
        return None
    with tempfile.TemporaryDirectory(prefix="reconciler-reviewed-") as folder:
        inside = Path(folder)
        write_private_bytes(inside / FLEET_PLAN, files[FLEET_PLAN])
        try:
            plan = read_fleet_plan(inside / FLEET_PLAN)
        except PlanFileError:  # of another version
            return None
        if plan.plan_id != plan_id:
            return None
        for name in plan.tenants:
            member = f"{name}/{PLAN}"
            if member not in files:
                raise NotReviewedError(f"the reviewed plan of tenant {quote(name)} is not in the artifact")
            make_private_directory(inside / name)
            write_private_bytes(inside / member, files[member])
        shutil.copytree(inside, out)
    return plan
