"""`fleet submit`: queue tenants for the workers, and wait for them if asked to."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler.commands.fleet.matrix import check_verb
from reconciler.core.text import format_names, pluralize
from reconciler.errors import ExitCode, FleetError, StalePlanError, UsageError
from reconciler.fleet.cluster_job import STALLED, ClusterJob
from reconciler.fleet.cluster_task import ClusterTask, name_submission
from reconciler.fleet.exit_codes import fold_exit_codes
from reconciler.fleet.fleet_plan import read_fleet_plan
from reconciler.fleet.later_apply import find_later_apply
from reconciler.fleet.result import TenantResult, to_json
from reconciler.fleet.run_identity import identify_run
from reconciler.record.files import make_private_directory, write_private
from reconciler.record.layout import RESULT
from reconciler.render.fleet_jobs import describe_result, explain_stalled, render_summary
from reconciler.session.fleet.before_apply import check_before_apply
from reconciler.session.fleet.cluster_checkout import describe_changed_files, find_changed_files, find_commit
from reconciler.session.fleet.cluster_extra import import_cluster
from reconciler.session.fleet.reviewed_plans import find_fleet_plan
from reconciler.session.fleet.selected import (
    FleetSelection,
    Selected,
    find_reviewed_names,
    load_selected,
    note_released,
)
from reconciler.session.fleet.wave_gate import check_earlier_waves
from reconciler.session.terminal import Terminal


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """`plans`: the fleet plan that was reviewed, for apply; `auto_approve`: apply what the workers find.

    `out`: receives the results; `minutes`: how long to wait at most. `results`: directories with the results of the
    earlier waves.
    """

    selection: FleetSelection
    queue: str
    verb: str = "plan"
    plans: Path | None = None
    auto_approve: bool = False
    wait: bool = False
    out: Path | None = None
    minutes: int = 360
    results: tuple[Path, ...] = ()


def run_submit(options: SubmitOptions, terminal: Terminal) -> ExitCode:
    """Queue the selected tenants, all or none. With --wait the exit code is that of the run; no result is a failure.

    Of an apply, tenants without a reviewed plan are left out, and count as stale.
    """
    _check(options)
    cluster = import_cluster("cluster")
    selected = load_selected(options.selection, terminal)
    if options.verb == "apply":
        selection = replace(options.selection, plans=options.plans)
        _refuse_older(selected)
        check_before_apply(selected, selection)
        check_earlier_waves(selected, selection, options.results)
    tasks = _build_tasks(options, selected)
    reviewed = find_reviewed_names(replace(options.selection, plans=options.plans)) or frozenset()
    note_released(reviewed - {tenant.name for tenant in selected.fleet.tenants}, terminal)
    stale = _note_stale(selected.names - {task.tenant for task in tasks}, terminal)
    if not tasks:
        terminal.result("No tenant is queued.\n")
        return stale
    numbers: Mapping[int, ClusterTask] = cluster.submit(options.queue, tasks)
    terminal.result(f"Queued: {pluralize(len(numbers), 'tenant')} of commit {tasks[0].commit[:12]}.\n")
    if not options.wait:
        return stale
    waited = _Waited(options.out, terminal)
    left: Sequence[ClusterJob] = cluster.watch(options.queue, numbers, waited.end, options.minutes * 60)
    return fold_exit_codes([stale, _report(waited, len(numbers), left, terminal)])


def _refuse_older(selected: Selected) -> None:
    """Raise `StalePlanError` if a later commit was applied, and the apply of this one would undo it."""
    later = find_later_apply(selected.fleet)
    older = sorted(selected.names & later.different) if later is not None else []
    if later is not None and older:
        raise StalePlanError(
            f"the later commit {later.applied.commit[:12]} has been applied, and this one would undo it:"
            f" {format_names(older, 20)}",
            "Nothing is queued. Submit the newest commit instead.",
        )


def _note_stale(names: Collection[str], terminal: Terminal) -> ExitCode:
    if not names:
        return ExitCode.OK
    count = pluralize(len(names), "tenant")
    terminal.note(f"No plan was reviewed of {count}, left out: {format_names(sorted(names))}.")
    return ExitCode.STALE


def _check(options: SubmitOptions) -> None:
    check_verb(options.verb)
    if options.verb != "apply" and (options.plans is not None or options.auto_approve or options.results):
        raise UsageError(
            "--plans, --auto-approve and --results are for applies",
            f"Add --verb apply, or leave them out for --verb {options.verb}.",
        )
    if options.verb == "apply" and (options.plans is None) is not options.auto_approve:
        raise UsageError(
            "an apply needs either --plans or --auto-approve",
            "Give the reviewed plans, --plans DIR, or --auto-approve to apply without a review. Not both.",
        )
    if options.out is not None and not options.wait:
        raise UsageError(
            "-o needs --wait", "Results are saved as they come: add --wait. The workers keep theirs in their own -o."
        )


def _build_tasks(options: SubmitOptions, selected: Selected) -> list[ClusterTask]:
    root = selected.fleet.root
    commit, run = find_commit(root), identify_run(os.environ)
    changed = describe_changed_files(find_changed_files(root, [tenant.folder for tenant in selected.tenants]))
    if changed is not None:
        raise FleetError(changed, "Workers run the commit: commit the files and push them, then submit.")
    names = [tenant.name for tenant in selected.tenants]
    if options.plans is None:
        return _put_together([ClusterTask(name, options.verb, commit, run) for name in names])
    ids = read_fleet_plan(find_fleet_plan(options.plans)).tenants
    return _put_together([ClusterTask(name, options.verb, commit, run, ids[name]) for name in names if name in ids])


def _put_together(tasks: Sequence[ClusterTask]) -> list[ClusterTask]:
    submission = name_submission(len(tasks))
    return [replace(task, submission=submission) for task in tasks]


@dataclass(slots=True)
class _Waited:
    """What has ended so far."""

    out: Path | None
    terminal: Terminal
    results: list[TenantResult] = field(default_factory=list)

    def end(self, job: ClusterJob) -> None:
        """Note a job that is over, and keep its result."""
        result, tenant = job.result, job.task.tenant if job.task is not None else "?"
        if result is None:
            self.terminal.note(f"Job {job.number}: {tenant} has no result ({job.state}).")
            return
        self.results.append(result)
        self.terminal.note(f"Job {job.number}: {tenant} {result.verb}, {describe_result(result)}")
        if self.out is not None:
            make_private_directory(self.out / tenant)
            write_private(self.out / tenant / RESULT, to_json(result))


def _report(waited: _Waited, count: int, left: Sequence[ClusterJob], terminal: Terminal) -> ExitCode:
    missing = count - len(waited.results)
    terminal.result(render_summary(waited.results, missing) + "\n")
    stalled = [job.number for job in left if job.state == STALLED]
    if stalled:
        terminal.result("\n" + explain_stalled(stalled) + "\n")
    if len(left) > len(stalled):
        terminal.result(f"{pluralize(len(left) - len(stalled), 'job')} of the queue still waiting or running.\n")
    return fold_exit_codes([*(each.exit_code for each in waited.results), *([ExitCode.ERROR] if missing else [])])
