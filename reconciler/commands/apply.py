"""`apply`: does what a plan says, after making sure that the plan is still what would be done."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from reconciler.apply import verification
from reconciler.apply.change import Execution
from reconciler.apply.executor import FailurePolicy, Report, execute
from reconciler.apply.interrupt import finish_on_interrupt
from reconciler.apply.quarantine import Health
from reconciler.apply.selection import Selection, defer, select_changes
from reconciler.commands.plan import exit_code as plan_exit_code
from reconciler.commands.plan import make_plan
from reconciler.core.plan import Outcome, Plan, Result
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.planning.planner import carry_over_approval, reevaluate_guards
from reconciler.core.policy import Approval
from reconciler.core.profile import TargetProfile
from reconciler.core.text import pluralize, quote
from reconciler.errors import ExitCode, PlanFileError, QuarantineError, StalePlanError, TargetError, UsageError
from reconciler.record.files import read_file, write_private
from reconciler.record.lock import Wait, one_writer
from reconciler.record.plan_file import from_json, to_record
from reconciler.record.reader import PAGE, PLAN
from reconciler.record.receipt import Receipt, started_addresses
from reconciler.record.refusal import clear_refusal, read_refusal, save_refusal
from reconciler.render.apply_report import render_report, was_not_started
from reconciler.render.text import render_text
from reconciler.scim.client import ScimClient
from reconciler.scim.rate_limiter import RateLimiter
from reconciler.session import connection
from reconciler.session.health import describe_health, health_of, real_now, report_lines
from reconciler.session.provisioning_log import Log, open_log
from reconciler.session.record import build_redactor, record_of, tell_lost_keys, write_missing_pages, write_page
from reconciler.session.reviewed_plan import check_binding, find_unreviewed
from reconciler.session.session import Session, open_session
from reconciler.session.terminal import Progress, Terminal
from reconciler.session.workspace import Workspace, load_state


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """The command line of `apply`. `lock_timeout` in seconds."""

    file: Path | None
    auto_approve: bool
    approve: str | None
    users: tuple[str, ...]
    summary: bool
    strict: bool = False
    retry_failed: bool = False
    lock_timeout: float = 0
    log: Path | None = None


def run_apply(workspace: Workspace, options: ApplyOptions, terminal: Terminal) -> ExitCode:
    """Plans, compares or asks, executes, reports; the only writer to its target as long as it lasts."""
    if options.file is not None and options.users:
        raise UsageError("--user cannot be combined with a saved plan", "A saved plan is applied as a whole.")
    reviewed = from_json(read_file(options.file)) if options.file is not None else None
    if reviewed is not None and reviewed.offline:
        said = f"the plan was made offline: it compares with {reviewed.base}, not with the live service"
        raise PlanFileError(said, "Make one that can be applied: `reconciler plan -o FILE`, without --offline.")
    state = load_state(workspace, terminal)
    if state is None:
        return ExitCode.ERROR
    redactor = build_redactor(workspace, state)
    with (
        open_log(options.log, terminal) as log,
        one_writer(workspace.lock(state.target), Wait(options.lock_timeout, terminal.note)),
        open_session(workspace, state, terminal, redactor) as session,
    ):
        write_missing_pages(session.workspace, terminal)
        tell_lost_keys(session.workspace, redactor, terminal)
        return _Apply(session, options, reviewed, terminal, log).run()


class _Apply:
    """One apply: what it was asked, and what it finds."""

    def __init__(
        self, session: Session, options: ApplyOptions, reviewed: Plan | None, terminal: Terminal, log: Log
    ) -> None:
        self._session = session
        self._options = options
        self._reviewed = reviewed
        self._terminal = terminal
        self._log = log

    def run(self) -> ExitCode:
        """Raises what ends it before anything is written."""
        if self._reviewed is not None:
            check_binding(self._reviewed, self._session)
        plan, changed = self._plan()
        health = health_of(self._session, plan)
        self._show(plan)
        if plan.blocked:
            self._log.begin(plan, self._session, person=False)
            self._log.planned(plan)
            return plan_exit_code(plan, detailed=False)
        if not plan.changes:
            self._log.begin(plan, self._session, person=False)
            self._close_the_books(plan, health)
            return plan_exit_code(plan, detailed=False)
        tried = self._options.retry_failed or bool(self._options.users)
        deferred = [] if tried else _others(defer(plan, health, real_now()), changed)
        choice = select_changes(plan, [*changed, *deferred], health)
        report_lines(self._terminal, describe_health(health, len(deferred), len(choice.probe)))
        if choice.plan.changes and not self._agreed():
            self._terminal.result("Apply cancelled.")
            return ExitCode.ERROR
        self._log.begin(plan, self._session, person=self._reviewed is None and not self._options.auto_approve)
        return self._carry_out(choice, self._reviewed or plan)

    def _plan(self) -> tuple[Plan, list[Outcome]]:
        """The plan as it is now, and which of its users are not as reviewed."""
        workspace, policy = self._session.workspace, self._session.state.policy
        plan = self._read_and_plan()
        by_hand = [Approval(self._options.approve)] if self._options.approve is not None else []
        approvals = [*policy.approvals, *by_hand]
        plan = reevaluate_guards(plan, approvals, today(workspace))
        reviewed = self._reviewed
        _check_approval(self._options.approve, [plan, reviewed or plan], self._terminal)
        if reviewed is None:
            return plan, []
        begun, redactor = started_addresses(workspace.history, reviewed.plan_id), self._session.redactor
        started = {each.address for each in reviewed.changes if {each.address, redactor.address(each.address)} & begun}
        changed = find_unreviewed(reviewed, plan, started, strict=self._options.strict)
        # What is left of a plan that was approved as a whole is approved too.
        return carry_over_approval(plan, approvals, today(workspace), reviewed), changed

    def _read_and_plan(self) -> Plan:
        """A service that refuses us before there is a plan is remembered: no receipt could tell."""
        workspace, target = self._session.workspace, self._session.target
        try:
            plan = make_plan(self._session, self._options.users, self._terminal)
        except TargetError as refusal:
            before = read_refusal(workspace.history, target)
            said = self._session.redactor.text(refusal.summary)
            save_refusal(workspace.record, before, target, said, real_now())
            raise
        clear_refusal(workspace.record, workspace.history, real_now())
        return plan

    def _show(self, plan: Plan) -> None:
        terminal = self._terminal
        if self._reviewed is None or plan.blocked or not plan.changes:
            profile = self._session.state.profile
            terminal.result(render_text(plan, profile, terminal.style, summary_only=self._options.summary))
        elif plan.diagnostics:
            terminal.diagnostics(plan.diagnostics)

    def _agreed(self) -> bool:
        return self._reviewed is not None or self._options.auto_approve or _asked(self._terminal)

    def _close_the_books(self, plan: Plan, health: Health) -> None:
        """Nothing is left to do: what earlier receipts say about failures is over."""
        if plan.tally.failed or self._options.users or health.healthy:
            return
        workspace = self._session.workspace
        receipt = Receipt(record_of(workspace, plan), plan, real_now, redactor=self._session.redactor)
        receipt.close({})
        write_page(receipt.path.parent, workspace, self._terminal)
        self._terminal.note(f"Nothing is left of what failed before. Receipt: {receipt.path}")

    def _carry_out(self, choice: Selection, planned: Plan) -> ExitCode:
        report = self._execute(choice, planned) if choice.plan.changes else Report()
        report.outcomes += choice.skipped
        for outcome in choice.skipped:
            self._log.outcome(outcome)
        self._terminal.result("\n" + render_report(report.outcomes, self._terminal.style))
        _explain_conflicts(report, self._session.state.profile, self._terminal)
        if report.stopped is not None:
            self._terminal.error(report.stopped)
        elif report.quarantine is not None:
            self._terminal.error(QuarantineError(report.quarantine.message))
        return exit_code(choice.plan, report)

    def _execute(self, choice: Selection, planned: Plan) -> Report:
        session, terminal = self._session, self._terminal
        stop = threading.Event()
        limiter = RateLimiter(
            stop, on_pause=lambda seconds: terminal.note(f"The service wants a pause of {seconds:.0f} seconds.")
        )
        with (
            terminal.progress() as progress,
            connection.open_client(session.connection, writes=True, limiter=limiter) as client,
        ):
            directory = record_of(session.workspace, planned)
            write_private(directory / PLAN, to_record(planned, session.redactor))
            # Until it is written anew there is none: the next apply then sees that a page is missing.
            (directory / PAGE).unlink(missing_ok=True)
            whole = not self._options.users
            receipt = Receipt(
                directory, planned, real_now, whole=whole, redactor=session.redactor, made_now=choice.plan
            )
            for outcome in choice.skipped:
                receipt.finished(outcome)
            watch = _Watch(len(choice.plan.changes), progress, terminal, self._log, stop)
            execution = _execution(session, client, receipt, watch, limiter)
            policy = FailurePolicy(session.state.policy.failures, choice.probe, choice.deferred)
            with finish_on_interrupt(stop):
                report = execute(choice.plan, execution, policy=policy)
            counts = Counter(outcome.result for outcome in (*report.outcomes, *choice.skipped))
            receipt.close(counts, how=_how(report), left=report.left)
            write_page(directory, session.workspace, terminal)
        terminal.note(f"Receipt: {receipt.path}")
        return report


def _others(deferred: list[Outcome], changed: list[Outcome]) -> list[Outcome]:
    """A user is skipped for one reason only."""
    named = {outcome.change.address for outcome in changed}
    return [outcome for outcome in deferred if outcome.change.address not in named]


def _how(report: Report) -> str:
    if report.quarantine is not None:
        return "quarantined"
    return "interrupted" if report.interrupted else "complete"


def _check_approval(given: str | None, plans: list[Plan], terminal: Terminal) -> None:
    """An id that is not this plan's: the plan somebody had in mind is another one."""
    if given is None or given in [plan.plan_id for plan in plans]:
        return
    said = f"--approve {quote(given)} is not the id of this plan, which is {plans[0].plan_id}"
    if not plans[0].blocked:
        raise StalePlanError(said, "Look at the plan as it is now, then approve or apply it.")
    terminal.note(said)


def today(workspace: Workspace) -> date:
    """The day approvals are judged by: `--now` looks ahead, it doesn't bring back what has run out."""
    return max(workspace.now, datetime.now(UTC)).date()


def _asked(terminal: Terminal) -> bool:
    """Whether somebody typed yes."""
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on", "Apply a saved plan (`apply FILE`), or add --auto-approve.")
    terminal.result(
        "\nDo you want to perform these actions?\n"
        "  Reconciler will perform the actions described above.\n"
        "  Only 'yes' will be accepted to approve.\n"
    )
    try:
        return input("  Enter a value: ").strip() == "yes"
    except EOFError:
        return False


def _explain_conflicts(report: Report, profile: TargetProfile, terminal: Terminal) -> None:
    """What can hold the names that the service refused without saying why, once for all of them."""
    held = sum(profile.conflict_hint in outcome.message for outcome in report.outcomes)
    if held and profile.conflict_causes:
        causes = "\n".join(f"  - {cause}" for cause in profile.conflict_causes)
        terminal.result(
            f"\n{profile.title} does not say over SCIM what holds {pluralize(held, 'user name')}; "
            f"its activity log does. Likely one of:\n{causes}"
        )


@dataclass(slots=True)
class _Watch:
    """Tells the terminal what happened, and how much of the plan has."""

    total: int
    progress: Progress
    terminal: Terminal
    log: Log
    stop: threading.Event
    done: int = 0

    def __call__(self, outcome: Outcome) -> None:
        self.done += 1
        self.log.outcome(outcome)
        if not was_not_started(outcome):
            self.terminal.outcome(outcome)
        self.progress("Applying", self.done, self.total)


def _execution(
    session: Session, client: ScimClient, receipt: Receipt, watch: _Watch, limiter: RateLimiter
) -> Execution:
    state = session.state
    return Execution(
        service=client,
        record=receipt,
        reader=LiveReader(state.profile, verification.reads_everything(state.mappings), state.owned),
        mappings=state.mappings,
        profile=state.profile,
        on_outcome=watch,
        stop=watch.stop,
        room=limiter.room,
    )


def exit_code(plan: Plan, report: Report) -> ExitCode:
    """What the apply ends with."""
    if report.interrupted:
        return ExitCode.INTERRUPTED
    if report.stopped is not None:
        return ExitCode.ERROR
    failed = any(outcome.result is not Result.DONE for outcome in report.outcomes)
    return ExitCode.PARTIAL if failed or plan.tally.failed else ExitCode.OK
