"""The execution of a selection of changes: client, receipt, progress, provisioning log and readable page."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from reconciler.apply import verification
from reconciler.apply.execution import Execution
from reconciler.apply.executor import FailurePolicy, execute
from reconciler.apply.interrupt import finish_on_interrupt
from reconciler.apply.report import Report
from reconciler.apply.selection import Selection
from reconciler.apply.time_limit import TimeLimit, stop_in_time
from reconciler.core.plan import Outcome, Plan, Result
from reconciler.core.planning.guards.disconnect import DISCONNECT
from reconciler.core.planning.live_user import LiveReader
from reconciler.desired.layers import list_top_files
from reconciler.desired.loader import DesiredState
from reconciler.github.environment import read_workflow
from reconciler.record.files import write_private
from reconciler.record.layout import PAGE, PLAN
from reconciler.record.plan_record import to_record
from reconciler.record.receipt import ApplyNotes, Receipt
from reconciler.record.recorded_accounts import RecordedAccounts
from reconciler.render.apply_report import was_not_started
from reconciler.scim.rate_limiter import RateLimiter
from reconciler.session import connection
from reconciler.session.absent_users import build_creation_lookups
from reconciler.session.audit_record import prepare_record_directory, write_page
from reconciler.session.provisioning_log import ProvisioningLog
from reconciler.session.session import Session
from reconciler.session.terminal import Progress, Terminal
from reconciler.session.waiting import WaitReport
from reconciler.session.workspace import current_time
from reconciler.tracing import trace_phase


@dataclass(frozen=True, slots=True)
class Job:
    """What is executed: `selection` of the plan `recorded` under; `whole`: not limited to some users.

    `unattended`: the plan was not reviewed.
    """

    selection: Selection
    recorded: Plan
    whole: bool
    unattended: bool = False


def execute_selection(job: Job, session: Session, log: ProvisioningLog, terminal: Terminal) -> Report:
    """Execute the selected changes and keep their record. Ctrl-C finishes the requests under way."""
    stop = threading.Event()
    limiter, waits = RateLimiter(stop, learned=session.learned_rate), WaitReport(terminal)
    with ExitStack() as stack:
        progress = stack.enter_context(terminal.progress())
        client = stack.enter_context(
            connection.open_client(session.connection, writes=True, limiter=limiter, on_wait=waits)
        )
        receipt = _open_receipt(job, session)
        limit = TimeLimit()
        watch = _Watch(len(job.selection.plan.changes), progress, terminal, log, limit)
        state, plan = session.state, job.selection.plan
        execution = Execution(
            service=client,
            record=receipt,
            reader=_build_reader(state, plan),
            mappings=state.mappings,
            profile=state.profile,
            on_outcome=watch,
            stop=stop,
            relinks=_is_lifted("relink", plan),
            lost=_is_lifted(DISCONNECT, plan),
            creations=build_creation_lookups(plan, session, whole=job.whole),
            recorded=RecordedAccounts() if session.workspace.sandbox else session.history().recorded,
            now=current_time,
            on_wait=waits.wait_for,
            admission=limiter.admission,
            on_habit=terminal.note,
        )
        policy = FailurePolicy(state.policy.failures, job.selection.probe, job.selection.deferred)
        with finish_on_interrupt(stop), stop_in_time(limit, stop), trace_phase("apply changes") as span:
            report = execute(plan, execution, policy=policy)
            span.set({f"reconciler.{name}": count for name, count in _count_results(report, job).items()})
        report.timed_out = limit.exceeded
        _close_receipt(receipt, report, job)
        write_page(receipt.path.parent, session.workspace, terminal)
    terminal.note(f"Receipt: {receipt.path}")
    return report


def _is_lifted(name: str, plan: Plan) -> bool:
    return any(guard.name == name and guard.approved for guard in plan.guards)


def _build_reader(state: DesiredState, plan: Plan) -> LiveReader:
    mappings = verification.reads_everything(state.mappings)
    return LiveReader(state.profile, mappings, state.owned, omitted_active=plan.omitted_active)


def record_nothing_to_do(plan: Plan, session: Session, terminal: Terminal) -> Path:
    """Write a receipt of an apply of all users that had no changes to make, and return its path."""
    receipt = _create_receipt(Job(Selection(plan, (), frozenset()), plan, whole=True), session)
    receipt.close({})
    write_page(receipt.path.parent, session.workspace, terminal)
    return receipt.path


def _create_receipt(job: Job, session: Session) -> Receipt:
    directory = prepare_record_directory(session.workspace, job.recorded)
    write_private(directory / PLAN, to_record(job.recorded, session.redactor))
    # Without a page, the next apply sees that it has to be written.
    (directory / PAGE).unlink(missing_ok=True)
    notes = ApplyNotes(
        whole=job.whole,
        made_now=job.selection.plan,
        run=read_workflow().run_identity,
        service_ahead=session.service_ahead,
        top_files=list_top_files(session.state.files),
        unattended=job.unattended,
    )
    return Receipt(directory, job.recorded, current_time, notes, redactor=session.redactor)


def _open_receipt(job: Job, session: Session) -> Receipt:
    receipt = _create_receipt(job, session)
    for outcome in job.selection.skipped:
        receipt.finished(outcome)
    return receipt


def _close_receipt(receipt: Receipt, report: Report, job: Job) -> None:
    receipt.close(_count_results(report, job), how=_name_ending(report), left=report.left)


def _count_results(report: Report, job: Job) -> Counter[Result]:
    return Counter(outcome.result for outcome in (*report.outcomes, *job.selection.skipped))


def _name_ending(report: Report) -> str:
    if report.quarantine is not None:
        return "quarantined"
    return "interrupted" if report.interrupted or report.stopped is not None else "complete"


@dataclass(slots=True)
class _Watch:
    """Reports each outcome to the terminal and the log, and the progress of the whole."""

    total: int
    progress: Progress
    terminal: Terminal
    log: ProvisioningLog
    limit: TimeLimit
    done: int = 0

    def __call__(self, outcome: Outcome) -> None:
        self.done += 1
        self.limit.record_outcome()
        self.log.outcome(outcome)
        if not was_not_started(outcome):
            self.terminal.outcome(outcome)
        # A rename may be undone after it was done.
        self.progress("Applying", min(self.done, self.total), self.total)
