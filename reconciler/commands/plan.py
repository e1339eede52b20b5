"""`plan`: what would change, by a client that cannot write."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.desired.loader import DesiredState
from reconciler.errors import ExitCode, FullPlanNeededError, UsageError
from reconciler.record.files import write_private_pieces
from reconciler.record.plan_file import list_json
from reconciler.render.formats import OutputOptions, render_plan
from reconciler.session.baseline import CommitBaseline, compare_offline, load_baseline
from reconciler.session.health import assess_health
from reconciler.session.incremental.attempt import open_incremental
from reconciler.session.incremental.options import NO_PLAN, check_incremental, describe_full
from reconciler.session.live_plan import check_users_exist, make_plan
from reconciler.session.older_checkout import note_older_checkout
from reconciler.session.plan_report import PlanReport, plan_exit_code, report_plan
from reconciler.session.provisioning_log import open_log
from reconciler.session.recorded_applies import read_applies
from reconciler.session.run_metrics import RunMetrics, measure
from reconciler.session.session import open_session
from reconciler.session.state_run import run_with_state
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """The command line of `plan`."""

    out: Path | None
    output: OutputOptions
    users: tuple[str, ...]
    detailed_exitcode: bool
    log: Path | None = None
    base: str | None = None
    offline: bool = False
    metrics: Path | None = None
    incremental: bool = False
    no_full: bool = False


def run_plan(
    workspace: Workspace, options: PlanOptions, terminal: Terminal, metrics: RunMetrics | None = None
) -> ExitCode:
    """Plan, print, save; `metrics` get what is found. Raises `UsageError` for options that do not go together."""
    options.output.check()
    _check_template(options.output.template, workspace)
    if options.incremental:
        check_incremental(users=options.users, base=options.base, offline=options.offline)
    elif options.no_full:
        raise UsageError("--no-full needs --incremental", "Without it every plan is a full one.")
    _check_offline(options)
    found = metrics or RunMetrics("plan")
    return measure(options.metrics, found, workspace, terminal, lambda: _plan(workspace, options, found, terminal))


def _plan(workspace: Workspace, options: PlanOptions, metrics: RunMetrics, terminal: Terminal) -> ExitCode:
    if options.incremental:
        try:
            return _plan_incrementally(workspace, (options, metrics), terminal)
        except FullPlanNeededError as exc:
            terminal.note(describe_full(exc.summary))
        if options.no_full:
            terminal.note(NO_PLAN)
            return ExitCode.OK

    def plan(state: DesiredState) -> ExitCode:
        return _plan_state(workspace, state, options, metrics, terminal)

    return run_with_state(workspace, terminal, plan)


def _plan_state(
    workspace: Workspace, state: DesiredState, options: PlanOptions, metrics: RunMetrics, terminal: Terminal
) -> ExitCode:
    baseline = (
        load_baseline(workspace, state, options.base, offline=options.offline) if options.base is not None else None
    )
    if baseline is not None and options.offline:
        return _plan_offline(workspace, state, baseline, options, terminal)
    return _plan_live(workspace, state, baseline, (options, metrics), terminal)


def _check_template(template: Path | None, workspace: Workspace) -> None:
    """Raise for templates in the desired state: a pull request must not choose what it looks like."""
    if template is not None and template.resolve().is_relative_to(workspace.state.resolve()):
        raise UsageError("--template is inside of the desired state", "Keep templates where a change of data cannot.")


def _check_offline(options: PlanOptions) -> None:
    """Raise for what has no meaning without a service."""
    if options.offline and options.base is None:
        which = "Such as --base origin/main, or --base HEAD for edits that are not committed."
        raise UsageError("--offline compares with a commit: --base is missing", which)
    if options.offline and options.log is not None:
        raise UsageError("--offline cannot be combined with --log", "The log is about accounts of the service.")


def _plan_live(
    workspace: Workspace,
    state: DesiredState,
    baseline: CommitBaseline | None,
    how: tuple[PlanOptions, RunMetrics],
    terminal: Terminal,
) -> ExitCode:
    options, metrics = how
    with open_log(options.log, terminal) as log, open_session(workspace, state, terminal) as session:
        note_older_checkout(session.workspace, read_applies(session.workspace, session.target), terminal)
        plan = make_plan(session, options.users, terminal, baseline)
        health = assess_health(session, plan)
        log.begin(plan, session, person=False)
        log.planned(plan)
    report = PlanReport(
        *(workspace, options.output, options.out, options.detailed_exitcode),
        narrowed=bool(options.users),
        metrics=metrics,
    )
    return report_plan(plan, state.profile, health, report, terminal)


def _plan_incrementally(workspace: Workspace, how: tuple[PlanOptions, RunMetrics], terminal: Terminal) -> ExitCode:
    """Plan the users that may differ. Raises `FullPlanNeededError` before anything is shown."""
    options, metrics = how
    with open_log(options.log, terminal) as log, open_incremental(workspace, terminal) as (session, plan, attempt):
        note_older_checkout(session.workspace, read_applies(session.workspace, session.target), terminal)
        health = assess_health(session, plan)
        log.begin(plan, session, person=False)
        log.planned(plan)
    report = PlanReport(workspace, options.output, options.out, options.detailed_exitcode, metrics=metrics)
    return report_plan(plan, attempt.state.profile, health, report, terminal)


def _plan_offline(
    workspace: Workspace, state: DesiredState, baseline: CommitBaseline, options: PlanOptions, terminal: Terminal
) -> ExitCode:
    """Compare desired users only; no network, no token."""
    plan, live = compare_offline(workspace, state, baseline, options.users)
    check_users_exist(options.users, state, live)
    terminal.result(render_plan(plan, state.profile, options.output, terminal.style))
    if options.out is not None:
        write_private_pieces(options.out, map(str.encode, list_json(plan)))
        terminal.note(f"Saved the comparison to: {options.out} (for `show`: it cannot be applied)")
    return plan_exit_code(plan, detailed=options.detailed_exitcode)
