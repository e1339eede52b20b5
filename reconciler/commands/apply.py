"""`apply`: execute a plan, after checking that it still is what would be done."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.apply.quarantine import Health
from reconciler.apply.report import Report
from reconciler.apply.selection import Selection, defer, select_changes
from reconciler.core.plan import Outcome, Plan, Result
from reconciler.core.planning.forms import describe_forms
from reconciler.core.planning.guards.approvals import carry_over_approval, reevaluate_guards
from reconciler.core.provisioning import SWITCH_ON, Provisioning
from reconciler.core.text import pluralize
from reconciler.desired.loader import DesiredState
from reconciler.desired.provisioning import read_provisioning
from reconciler.errors import (
    ExitCode,
    FullPlanNeededError,
    MachineLimitError,
    PlanFileError,
    QuarantineError,
    TargetError,
    TimeLimitError,
    UsageError,
)
from reconciler.history.unapplied import UnappliedCommits
from reconciler.record.lock import LockWait
from reconciler.record.reader import read_started_addresses
from reconciler.record.refusal import clear_refusal, read_refusal, save_refusal
from reconciler.render.apply_report import explain_conflicts, render_report
from reconciler.render.text import render_text
from reconciler.session import unattended
from reconciler.session.apply_findings import ApplyFindings
from reconciler.session.approval import ask_for_approval, build_given_approval, check_approval, check_lifts
from reconciler.session.audit_record import build_redactor, write_missing_pages
from reconciler.session.execution import Job, execute_selection, record_nothing_to_do
from reconciler.session.health import assess_health, report_health
from reconciler.session.incremental.attempt import begin_attempt
from reconciler.session.incremental.options import check_incremental, describe_full, is_incremental
from reconciler.session.incremental.start import is_due
from reconciler.session.notifications import notify
from reconciler.session.older_checkout import refuse_older_checkout
from reconciler.session.plan_report import plan_exit_code
from reconciler.session.planners import Planner, WholePlanner
from reconciler.session.provisioning_log import ProvisioningLog, open_log
from reconciler.session.recorded_applies import read_applies
from reconciler.session.review_check import check_binding, check_expiry, find_unreviewed
from reconciler.session.run_metrics import RunMetrics, measure, measure_failure
from reconciler.session.saved_plan import read_live_plan
from reconciler.session.session import Session, open_session
from reconciler.session.state_run import run_with_state
from reconciler.session.target_locks import hold_target_locks
from reconciler.session.terminal import Terminal
from reconciler.session.unapplied import find_unapplied_commits
from reconciler.session.workspace import Workspace, current_time, follow_plan, read_settings


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """The command line of `apply`. `lock_timeout` in seconds. `reviewed`: the ID that the plan in `file` must have."""

    file: Path | None
    auto_approve: bool
    approve: str | None
    users: tuple[str, ...]
    summary: bool
    strict: bool = False
    retry_failed: bool = False
    lock_timeout: float = 0
    log: Path | None = None
    lifts: tuple[str, ...] = ()
    metrics: Path | None = None
    incremental: bool = False
    unattended: bool = False
    reviewed: str | None = None


def run_apply(
    workspace: Workspace, options: ApplyOptions, terminal: Terminal, findings: ApplyFindings | None = None
) -> ExitCode:
    """Plan, compare or ask, execute, report; the only writer to its target until it ends."""
    found = findings or ApplyFindings()
    check_lifts(options.approve, options.lifts)
    if options.incremental:
        check_incremental(users=options.users)
    unattended.check_options(options, workspace.now)
    try:
        reviewed = _read_reviewed_plan(options)
    except PlanFileError as exc:
        measure_failure(options.metrics, found.metrics, workspace, terminal, exc)
        raise
    workspace = _follow_plan(workspace, reviewed, terminal)

    def apply() -> ExitCode:
        return _apply(workspace, options, reviewed, found, terminal)

    def apply_and_notify() -> ExitCode:
        return notify(found.events, workspace, terminal, apply)

    return measure(options.metrics, found.metrics, workspace, terminal, apply_and_notify)


def _apply(
    workspace: Workspace, options: ApplyOptions, reviewed: Plan | None, findings: ApplyFindings, terminal: Terminal
) -> ExitCode:
    how = options, reviewed, findings
    if is_incremental(reviewed, terminal, wanted=options.incremental):
        try:
            return _apply_planned(workspace, begin_attempt(workspace, terminal), how, terminal)
        except FullPlanNeededError as exc:
            terminal.note(describe_full(exc.summary))

    def apply(state: DesiredState) -> ExitCode:
        return _apply_planned(workspace, WholePlanner(state, options.users), how, terminal)

    return run_with_state(workspace, terminal, apply)


def _apply_planned(
    workspace: Workspace,
    planner: Planner,
    how: tuple[ApplyOptions, Plan | None, ApplyFindings],
    terminal: Terminal,
) -> ExitCode:
    """Apply what `planner` plans. Raises `FullPlanNeededError` for an incremental one, before anything is written."""
    options, reviewed, findings = how
    state = planner.state
    if options.unattended:
        unattended.require_limits(state.policy.unattended)
    if not state.provisioning.enabled:
        return _show_without_applying(workspace, planner, options, findings.metrics, terminal)
    redactor = build_redactor(workspace, state)

    first = state.content

    def report_wait(text: str) -> None:
        first.wait()  # with errors in it there is nothing to wait for
        terminal.note(text)

    with (
        open_log(options.log, terminal) as log,
        hold_target_locks(workspace, state.target, LockWait(options.lock_timeout, report_wait)) as waited,
    ):
        if waited:
            first.wait()
            again = planner.load_again(workspace, terminal)
            if again is None:
                return ExitCode.ERROR
            planner, state = again, again.state
            if not state.provisioning.enabled:
                return _show_without_applying(workspace, planner, options, findings.metrics, terminal)
            redactor = build_redactor(workspace, state)
        with open_session(workspace, state, terminal, redactor) as session:
            write_missing_pages(session.workspace, terminal)
            return _Apply(session, planner, options, reviewed, terminal, RunReports(log, findings)).run()


def _show_without_applying(
    workspace: Workspace, planner: Planner, options: ApplyOptions, metrics: RunMetrics, terminal: Terminal
) -> ExitCode:
    """Plan by a client that cannot write, and say why nothing is applied. Nothing is recorded: it is no apply.

    The settings of the work tree count, not those that a saved plan was made with. OK even if the plan is blocked.
    """
    state = planner.state
    with open_session(workspace, state, terminal) as session:
        plan = planner.make_plan(session, terminal)
    metrics.planned(plan)
    terminal.result(render_text(plan, state.profile, terminal.style, summary_only=options.summary))
    return _say_that_it_is_off(state.provisioning, terminal)


def _say_that_it_is_off(provisioning: Provisioning, terminal: Terminal) -> ExitCode:
    why = terminal.style.message(f"Provisioning is {provisioning}")
    terminal.result(f"\nApply sent nothing. {why}.\n{SWITCH_ON}")
    return ExitCode.OK


def _follow_plan(workspace: Workspace, reviewed: Plan | None, terminal: Terminal) -> Workspace:
    found = follow_plan(workspace, reviewed)
    if found != workspace:
        terminal.note("The plan was made on the sandbox, and is applied there.")
    return found


def _read_reviewed_plan(options: ApplyOptions) -> Plan | None:
    if options.file is None:
        return None
    if options.users:
        raise UsageError("--user cannot be combined with a saved plan", "A saved plan is applied as a whole.")
    return read_live_plan(options.file, options.reviewed)


@dataclass(frozen=True, slots=True)
class RunReports:
    """What an apply reports to, in addition to the terminal."""

    log: ProvisioningLog
    findings: ApplyFindings


class _Apply:
    """One apply: its options, and the session it runs in."""

    def __init__(  # noqa: PLR0917 - what an apply is made of
        self,
        session: Session,
        planner: Planner,
        options: ApplyOptions,
        reviewed: Plan | None,
        terminal: Terminal,
        reports: RunReports,
    ) -> None:
        self._session, self._planner = session, planner
        self._options = options
        self._reviewed = reviewed
        self._terminal = terminal
        self._log = reports.log
        self._findings = reports.findings
        workspace = session.workspace
        self._runs = read_applies(workspace, session.target)
        self._unapplied = find_unapplied_commits(workspace, self._runs)

    def run(self) -> ExitCode:
        """Plan, check and execute. Errors are raised before anything is written."""
        if self._reviewed is not None:
            check_binding(self._reviewed, self._session)
        refuse_older_checkout(self._session.workspace, self._runs)
        if self._unapplied is not None and self._planner.whole:
            self._note_earlier_merges(self._unapplied)
        plan, unreviewed = self._plan()
        if self._options.unattended:
            unattended.check_plan(plan, self._session)
        health = assess_health(self._session, plan)
        self._findings.planned(plan, whole=self._planner.whole)
        self._show(plan)
        if plan.blocked or not plan.changes:
            return self._end_without_changes(plan, health)
        selection = self._select(plan, unreviewed, health)
        if self._options.unattended and not unattended.may_apply(
            plan, health, self._runs, self._session, self._terminal
        ):
            self._log.begin(plan, self._session, person=False)
            self._log.planned(plan)
            return ExitCode.BLOCKED
        if selection.plan.changes and not self._is_approved():
            self._terminal.result("Apply cancelled.")
            return ExitCode.ERROR
        if selection.plan.changes and (code := self._end_if_switched_off()) is not None:
            return code
        asked = self._reviewed is None and not (self._options.auto_approve or self._options.unattended)
        self._log.begin(plan, self._session, person=asked)
        return self._execute(selection, self._reviewed or plan)

    def _note_earlier_merges(self, found: UnappliedCommits) -> None:
        """Note which pull requests before the newest one had no complete apply of their own."""
        if found.earlier_merges:
            listed = "; ".join(map(str, found.earlier_merges))
            self._terminal.note(
                f"Merged after the last complete apply on record ({found.since}), and not completely applied since:\n"
                f"{listed}. A plan of this commit includes what they changed."
            )

    def _plan(self) -> tuple[Plan, list[Outcome]]:
        """Return the plan as it is now, and the changes of it that were not reviewed."""
        workspace = self._session.workspace
        plan = self._read_and_plan()
        approvals = [*self._session.approvals(), *build_given_approval(self._options.approve, self._options.lifts)]
        if self._options.unattended:
            approvals = []  # They are for a plan that was reviewed, and would be used up.
        plan = reevaluate_guards(plan, approvals, self._session.approval_date)
        reviewed = self._reviewed
        check_approval(self._options.approve, [plan, reviewed or plan], self._terminal)
        if reviewed is None:
            return plan, []
        check_expiry(reviewed, self._session)
        begun, redactor = read_started_addresses(workspace.history, reviewed.plan_id), self._session.redactor
        started = {each.address for each in reviewed.changes if {each.address, redactor.address(each.address)} & begun}
        # A plan of some users is applied as it is, or not at all.
        strict = self._options.strict or reviewed.incremental is not None
        unreviewed = find_unreviewed(reviewed, plan, started, strict=strict)
        # What is left of a plan that was approved as a whole is approved too.
        return carry_over_approval(plan, approvals, self._session.approval_date, reviewed), unreviewed

    def _read_and_plan(self) -> Plan:
        """Plan, and remember a service that refuses: there is no receipt of it."""
        workspace, target = self._session.workspace, self._session.target
        try:
            plan = self._planner.make_plan(self._session, self._terminal)
        except MachineLimitError:
            raise  # the service did not refuse anything
        except TargetError as exc:
            before = read_refusal(workspace.history, target)
            message = self._session.redactor.text(exc.summary)
            save_refusal(workspace.record, before, target, message, current_time(), report=self._terminal.note)
            raise
        clear_refusal(workspace.record, workspace.history, target, current_time(), report=self._terminal.note)
        return plan

    def _show(self, plan: Plan) -> None:
        terminal = self._terminal
        if self._reviewed is None or plan.blocked or not plan.changes:
            profile = self._session.state.profile
            terminal.result(render_text(plan, profile, terminal.style, summary_only=self._options.summary))
        elif plan.diagnostics:
            terminal.diagnostics(plan.diagnostics)

    def _end_without_changes(self, plan: Plan, health: Health) -> ExitCode:
        self._log.begin(plan, self._session, person=False)
        if plan.blocked:
            self._log.planned(plan)
            return plan_exit_code(plan, detailed=False)
        self._findings.applied(Report())
        if self._planner.whole:
            self._record_nothing_to_do(plan, health)
        return plan_exit_code(plan, detailed=False)

    def _record_nothing_to_do(self, plan: Plan, health: Health) -> None:
        """Write a receipt if it is the first, ends failures, is of newer commits, or notes what no other says."""
        commits = self._unapplied.count if self._unapplied is not None and plan.complete else 0
        first = health.last is None and health.quarantine is None
        if plan.tally.failed or (health.healthy and not commits and not first):
            if plan.protection.differs:
                path = record_nothing_to_do(plan, self._session, self._terminal)
                self._terminal.note(f"Noted which accounts are protected by their entries. Receipt: {path}")
            elif plan.seen is not None and health.healthy and not plan.tally.failed:
                # Not after failures: a receipt that says "nothing to do" would look like their end.
                path = record_nothing_to_do(plan, self._session, self._terminal)
                self._terminal.note(f"Noted which accounts the users have. Receipt: {path}")
            elif health.healthy and is_due(plan, self._runs):
                path = record_nothing_to_do(plan, self._session, self._terminal)
                self._terminal.note(f"Noted that all users are as desired, for incremental plans. Receipt: {path}")
            return
        path = record_nothing_to_do(plan, self._session, self._terminal)
        what = (
            "by this first apply on record"
            if first
            else f"for {pluralize(commits, 'commit')} after the last apply"
            if health.healthy
            else "after earlier failures"
        )
        self._terminal.note(f"No changes were left to make {what}. Receipt: {path}")

    def _select(self, plan: Plan, unreviewed: list[Outcome], health: Health) -> Selection:
        """Return the changes to make now. A user is skipped for one reason only."""
        deferred: list[Outcome] = []
        if not (self._options.retry_failed or self._options.users):
            skipped = {outcome.change.address for outcome in unreviewed}
            deferred = [each for each in defer(plan, health, current_time()) if each.change.address not in skipped]
        selection = select_changes(plan, [*unreviewed, *deferred], health)
        report_health(health, len(deferred), len(selection.probe), self._terminal)
        return selection

    def _is_approved(self) -> bool:
        approved = self._reviewed is not None or self._options.auto_approve or self._options.unattended
        return approved or ask_for_approval(self._terminal)

    def _end_if_switched_off(self) -> ExitCode | None:
        """Read the switch right before the first write: reading the service and the question can take hours."""
        settings = read_settings(self._session.workspace, self._terminal)
        if settings is None:
            return ExitCode.ERROR
        found = read_provisioning(settings)
        return None if found.enabled else _say_that_it_is_off(found, self._terminal)

    def _execute(self, selection: Selection, recorded: Plan) -> ExitCode:
        report = Report()
        if selection.plan.changes:
            job = Job(selection, recorded, whole=self._planner.whole, unattended=self._options.unattended)
            report = execute_selection(job, self._session, self._log, self._terminal)
        report.outcomes += selection.skipped
        self._findings.applied(report)
        for outcome in selection.skipped:
            self._log.outcome(outcome)
        self._terminal.result("\n" + render_report(report.outcomes, self._terminal.style))
        if causes := explain_conflicts(report.outcomes, self._session.state.profile):
            self._terminal.result(causes)
        forms = [each for outcome in report.outcomes for each in outcome.forms]
        for line in describe_forms(forms, self._session.state.mappings):
            self._terminal.note(line)
        if report.stopped is not None:
            self._terminal.error(report.stopped)
        elif report.quarantine is not None:
            self._terminal.error(QuarantineError(report.quarantine.message))
        elif report.timed_out:
            self._terminal.error(TimeLimitError(report.timed_out))
        return apply_exit_code(selection.plan, report)


def apply_exit_code(plan: Plan, report: Report) -> ExitCode:
    """Return the exit code of an apply: interrupted before stopped before partial."""
    if report.interrupted and not report.timed_out:
        return ExitCode.INTERRUPTED
    if report.stopped is not None:
        return ExitCode.ERROR
    failed = any(outcome.result is not Result.DONE for outcome in report.outcomes)
    return ExitCode.PARTIAL if failed or plan.tally.failed else ExitCode.OK
