"""`fleet apply`: the reviewed plan of each tenant, each by a process that has only the tenant's token.

Without reviewed plans it plans all tenants, shows the totals and asks; then exactly these plans are applied.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.text import format_names, pluralize, quote, shorten
from reconciler.errors import ExitCode, RepositoryError, UsageError
from reconciler.fleet.exit_codes import GOOD, fold_exit_codes
from reconciler.fleet.fleet_guards import DIFFERENCES
from reconciler.fleet.later_apply import find_later_apply
from reconciler.fleet.result import TenantResult
from reconciler.git.repository import explain_missing_commit
from reconciler.session.approval import ask_for_approval
from reconciler.session.fleet.before_apply import check_before_apply, check_plans, find_approved, refuse_unknown_base
from reconciler.session.fleet.fleet_run import (
    FleetRunOptions,
    build_tasks,
    open_out,
    report_run,
    run_tasks,
    select,
)
from reconciler.session.fleet.reviewed_plans import ReviewedPlans, read_reviewed_plans
from reconciler.session.fleet.run_guard import RunGuard
from reconciler.session.fleet.selected import Selected
from reconciler.session.fleet.task import TenantTask, build_failure, clear_results, keep_result
from reconciler.session.fleet.wave_gate import check_earlier_waves
from reconciler.session.terminal import Terminal


@dataclass(frozen=True, slots=True)
class FleetApplyOptions:
    """The command line of `fleet apply`. `plans`: a directory of reviewed plans, or the fleet plan in one.

    `newest`: the newest commit of the branch, which can switch provisioning off after the commit of this run.
    `results`: directories with the results of the earlier waves.
    """

    run: FleetRunOptions
    plans: Path | None = None
    auto_approve: bool = False
    strict: bool = False
    retry_failed: bool = False
    lock_timeout: float = 0.0
    newest: str | None = None
    results: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class _Judged:
    """What is decided before a tenant is begun: guards that are lifted, and results of tenants that are left out."""

    lifted: Collection[str]
    results: Sequence[TenantResult] = ()


def run_fleet_apply(options: FleetApplyOptions, terminal: Terminal) -> ExitCode:
    """Apply each tenant. Raises `UsageError` if there are no reviewed plans and no terminal to ask on.

    Raises `RepositoryError` if the newest commit is not here: it is not known whether provisioning is on.
    """
    if options.plans is not None and options.auto_approve:
        raise UsageError("--auto-approve cannot be combined with --plans", "Reviewed plans need no other approval.")
    if options.plans is None and not options.auto_approve and not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", "Give reviewed plans (--plans DIR), or add --auto-approve.")
    reviewed = read_reviewed_plans(options.plans) if options.plans is not None else None
    selected = select(options.run, terminal)
    if options.newest is not None:
        _check_newest(selected.fleet.root, options.newest)
    selection = replace(options.run.selection, plans=options.plans)
    refuse_unknown_base(selected, selection)
    judged = not options.run.sandbox or selection.base is not None
    lifted = (check_before_apply if judged else find_approved)(selected, selection)
    if not options.run.sandbox:
        check_earlier_waves(selected, selection, options.results)
    with open_out(options.run.out, terminal) as out:
        tasks = [_add_options(task, options) for task in build_tasks("apply", selected, options.run, out)]
        clear_results(tasks)
        tasks, older = _leave_out_older(tasks, selected, terminal)
        if reviewed is not None:
            return _apply_reviewed(tasks, reviewed, (selected, options.run), terminal, _Judged(lifted, older))
        if options.auto_approve or not tasks:
            return _run(tasks, (selected, options.run), terminal, _Judged(lifted, older))
        code = _ask_and_apply(tasks, out, (selected, options.run), terminal)
        return fold_exit_codes([code, *(each.exit_code for each in older)])


def _leave_out_older(
    tasks: Sequence[TenantTask], selected: Selected, terminal: Terminal
) -> tuple[list[TenantTask], list[TenantResult]]:
    """Return the tasks that undo no later commit that was applied, and a result for each of the others: stale."""
    later = find_later_apply(selected.fleet) if not all(task.sandbox for task in tasks) else None
    older = [task for task in tasks if later is not None and task.tenant in later.different]
    if later is None or not older:
        return list(tasks), []
    commit, names = later.applied.commit[:12], format_names([task.tenant for task in older], 20)
    terminal.note(
        f"The later commit {commit} has been applied, and the files of {pluralize(len(older), 'tenant')} differ there,"
        f" left as they are: {names}. Run the newest commit instead."
    )
    why = f"the later commit {commit} has been applied, and this one would undo it"
    results = [keep_result(task, build_failure(task, ExitCode.STALE, why)) for task in older]
    return [task for task in tasks if task.tenant not in later.different], results


def _add_options(task: TenantTask, options: FleetApplyOptions) -> TenantTask:
    return replace(
        task,
        strict=options.strict,
        retry_failed=options.retry_failed,
        lock_timeout=options.lock_timeout,
        newest=options.newest,
    )


def _check_newest(root: Path, commit: str) -> None:
    """Raise `RepositoryError` unless the whole id of a commit that is here was given."""
    if (why := explain_missing_commit(root, commit)) is not None:
        raise RepositoryError(
            f"commit {quote(shorten(commit, 80))} {why}",
            "Nothing is applied without the newest commit. `reconciler github fleet-newest` fetches it.",
        )


def _apply_reviewed(
    tasks: Sequence[TenantTask],
    reviewed: ReviewedPlans,
    run: tuple[Selected, FleetRunOptions],
    terminal: Terminal,
    judged: _Judged,
) -> ExitCode:
    """Apply the plans that were reviewed; a tenant without one is stale."""
    ready: list[TenantTask] = []
    stale: list[TenantResult] = []
    for task in tasks:
        found = reviewed.find(task.tenant)
        if found is None:
            result = build_failure(task, ExitCode.STALE, "no plan of this tenant was reviewed")
            stale.append(keep_result(task, result))
        else:
            ready.append(replace(task, reviewed=os.fspath(found[0]), plan_id=found[1]))
    return _run(ready, run, terminal, replace(judged, results=(*judged.results, *stale)))


def _run(
    tasks: Sequence[TenantTask],
    run: tuple[Selected, FleetRunOptions],
    terminal: Terminal,
    judged: _Judged,
) -> ExitCode:
    """Run the tasks until the fleet's guards stop it: then the exit code is 3."""
    guard = RunGuard(run[0].fleet, run[0].total, judged.lifted)
    code = report_run([*judged.results, *run_tasks(tasks, *run, terminal, guard)], terminal)
    return ExitCode.BLOCKED if guard.stopped and code != ExitCode.INTERRUPTED else code


def _ask_and_apply(
    tasks: Sequence[TenantTask], out: Path, run: tuple[Selected, FleetRunOptions], terminal: Terminal
) -> ExitCode:
    """Plan, ask, and apply what was shown."""
    planning = [replace(task, verb="plan") for task in tasks]
    clear_results(planning)
    plans = run_tasks(planning, *run, terminal)
    code = report_run(plans, terminal)
    planned = {each.tenant: each.plan_id for each in plans if each.exit_code in GOOD}
    if code == ExitCode.INTERRUPTED or not planned:
        return code
    lifted = check_plans(run[0], plans)
    if not any(each.counts.get(name) for each in plans for name in DIFFERENCES):
        terminal.note("No plan has changes: there is nothing to approve.")
    elif not ask_for_approval(terminal):
        return ExitCode.ERROR
    reviewed = ReviewedPlans(out, {name: plan_id for name, plan_id in planned.items() if plan_id is not None})
    ready = [task for task in tasks if task.tenant in planned]
    applied = _apply_reviewed(ready, reviewed, run, terminal, _Judged(lifted))
    return fold_exit_codes([applied, *(each.exit_code for each in plans if each.tenant not in planned)])
