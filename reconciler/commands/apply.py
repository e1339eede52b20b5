"""`apply`: does what a plan says, after making sure that the plan is still what would be done."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import FrameType

from reconciler import __version__, bootstrap
from reconciler.commands.place import Place, usable_state
from reconciler.commands.plan import exit_code as plan_exit_code
from reconciler.commands.plan import make_plan
from reconciler.commands.session import Session, open_session
from reconciler.core import verify
from reconciler.core.live import LiveReader
from reconciler.core.model import Change, Outcome, Plan, Result
from reconciler.core.planning import canonical, judged_anew, with_approval
from reconciler.core.policy import Approval
from reconciler.core.profile import TargetProfile
from reconciler.core.text import plural, quoted
from reconciler.errors import BlockedError, ExitCode, StalePlanError, UsageError
from reconciler.executor import Report, execute
from reconciler.one_change import Execution
from reconciler.plan_document import from_json, to_json
from reconciler.render.text import render_plan, render_report, was_not_started
from reconciler.scim.client import ScimClient
from reconciler.scim.pace import Pace
from reconciler.store.files import read_file, write_private
from reconciler.store.receipts import Receipt, directory_for, started_addresses
from reconciler.terminal import Progress, Terminal


@dataclass(frozen=True, slots=True)
class ApplyOptions:
    """The command line of `apply`."""

    file: Path | None
    auto_approve: bool
    approve: str | None
    users: tuple[str, ...]
    summary: bool


def run_apply(place: Place, options: ApplyOptions, terminal: Terminal) -> ExitCode:
    """Plans, compares or asks, executes, reports."""
    if options.file is not None and options.users:
        raise UsageError("--user cannot be combined with a saved plan", "A saved plan is applied as a whole.")
    reviewed = from_json(read_file(options.file)) if options.file is not None else None
    state = usable_state(place, terminal)
    if state is None:
        return ExitCode.ERROR
    with open_session(place, state, terminal) as session:
        if reviewed is not None:
            check_binding(reviewed, session)
        plan = make_plan(session, options.users, terminal)
        approvals = [*state.policy.approvals, *([Approval(options.approve)] if options.approve is not None else [])]
        plan = judged_anew(plan, approvals, today(place))
        _check_approval(options.approve, [plan, reviewed or plan], terminal)
        if reviewed is not None:
            check_reviewed(reviewed, plan, started_addresses(place.record, reviewed.plan_id))
            # What is left of a plan that was approved as a whole is approved too.
            plan = with_approval(plan, approvals, today(place), reviewed)
        if reviewed is None or plan.blocked or not plan.changes:
            terminal.result(render_plan(plan, state.profile, terminal.style, summary_only=options.summary))
        elif plan.diagnostics:
            terminal.diagnostics(plan.diagnostics)
        if plan.blocked or not plan.changes:
            return plan_exit_code(plan, detailed=False)
        if reviewed is None and not options.auto_approve and not _asked(terminal):
            terminal.result("Apply cancelled.")
            return ExitCode.ERROR
        return _carry_out(plan, reviewed or plan, session, terminal)


def _check_approval(given: str | None, plans: list[Plan], terminal: Terminal) -> None:
    """An id that is not this plan's: the plan somebody had in mind is another one."""
    if given is None or given in [plan.plan_id for plan in plans]:
        return
    said = f"--approve {quoted(given)} is not the id of this plan, which is {plans[0].plan_id}"
    if not plans[0].blocked:
        raise StalePlanError(said, "Look at the plan as it is now, then approve or apply it.")
    terminal.note(said)


def today(place: Place) -> date:
    """The day approvals are judged by: `--now` looks ahead, it doesn't bring back what has run out."""
    return max(place.now, datetime.now(UTC)).date()


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


def _carry_out(plan: Plan, record_of: Plan, session: Session, terminal: Terminal) -> ExitCode:
    stop = threading.Event()
    pace = Pace(stop, on_pause=lambda seconds: terminal.note(f"The service wants a pause of {seconds:.0f} seconds."))
    with terminal.progress() as progress, bootstrap.client(session.connection, writes=True, pace=pace) as client:
        directory = directory_for(session.place.record, record_of)
        write_private(directory / "plan.json", to_json(record_of))
        receipt = Receipt(directory, record_of, lambda: datetime.now(UTC))
        watch = _Watch(len(plan.changes), progress, terminal, stop)
        execution = _execution(session, client, receipt, watch)
        with _finishing_on_interrupt(stop):
            report = execute(plan, execution)
        receipt.close(Counter(outcome.result for outcome in report.outcomes))
    terminal.result("\n" + render_report(report.outcomes, terminal.style))
    _explain_conflicts(report, session.state.profile, terminal)
    if report.stopped is not None:
        terminal.error(report.stopped)
    terminal.note(f"Receipt: {receipt.path}")
    return exit_code(plan, report)


def _explain_conflicts(report: Report, profile: TargetProfile, terminal: Terminal) -> None:
    """What can hold the names that the service refused without saying why, once for all of them."""
    held = sum(profile.conflict_hint in outcome.message for outcome in report.outcomes)
    if held and profile.conflict_causes:
        causes = "\n".join(f"  - {cause}" for cause in profile.conflict_causes)
        terminal.result(
            f"\n{profile.title} does not say over SCIM what holds {plural(held, 'user name')}; its activity log does. "
            f"Likely one of:\n{causes}"
        )


@contextmanager
def _finishing_on_interrupt(stop: threading.Event) -> Iterator[None]:
    """The first Ctrl-C or SIGTERM lets requests in flight finish and starts no others, the second ends at once.

    A handler runs in the middle of anything, printing too: so it writes past Python's buffers. The second may end the
    process right there, because every line of the receipt is on disk: the next run sees what was started.
    """

    def first(_number: int, _frame: FrameType | None) -> None:
        for number in _ENDING:
            signal.signal(number, second)
        stop.set()
        _write_through("\nInterrupt received: finishing what is in flight. Press Ctrl-C again to end at once.\n")

    def second(_number: int, _frame: FrameType | None) -> None:
        _write_through("\nInterrupted: requests in flight may have taken effect. Run the same command again.\n")
        os._exit(ExitCode.INTERRUPTED)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, first) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_ENDING = (signal.SIGINT, signal.SIGTERM)


def _write_through(text: str) -> None:
    with suppress(OSError):
        os.write(2, text.encode())


@dataclass(slots=True)
class _Watch:
    """Tells the terminal what happened, and how much of the plan has."""

    total: int
    progress: Progress
    terminal: Terminal
    stop: threading.Event
    done: int = 0

    def __call__(self, outcome: Outcome) -> None:
        self.done += 1
        if not was_not_started(outcome):
            self.terminal.outcome(outcome)
        self.progress("Applying", self.done, self.total)


def _execution(session: Session, client: ScimClient, receipt: Receipt, watch: _Watch) -> Execution:
    state = session.state
    return Execution(
        service=client,
        record=receipt,
        reader=LiveReader(state.profile, verify.reads_everything(state.mappings), state.owned),
        mappings=state.mappings,
        profile=state.profile,
        on_outcome=watch,
        stop=watch.stop,
    )


def exit_code(plan: Plan, report: Report) -> ExitCode:
    """What the apply ends with."""
    if report.interrupted:
        return ExitCode.INTERRUPTED
    if report.stopped is not None:
        return ExitCode.ERROR
    failed = any(outcome.result is not Result.DONE for outcome in report.outcomes)
    return ExitCode.PARTIAL if failed or plan.tally.failed else ExitCode.OK


# --- reviewed = applied ---------------------------------------------------------


def check_binding(reviewed: Plan, session: Session) -> None:
    """Raises unless the reviewed plan is for this target, of this version, and not too old."""
    here = session.target
    if reviewed.target != here:
        raise BlockedError(
            f"the plan is for {reviewed.target.base_url} ({reviewed.target.profile}), this target is "
            f"{here.base_url} ({here.profile})",
            "A plan is only applied to the target it was made for.",
        )
    if reviewed.reconciler_version != __version__:
        raise StalePlanError(
            f"the plan was made by version {reviewed.reconciler_version}, this is {__version__}", "Make a new plan."
        )
    if max(session.place.now, datetime.now(UTC)) >= reviewed.expires_at:
        raise StalePlanError(f"the plan expired on {reviewed.expires_at:%Y-%m-%d %H:%M} UTC", "Make a new plan.")


def check_reviewed(reviewed: Plan, fresh: Plan, started: Collection[str]) -> None:
    """Raises unless `fresh` is the reviewed plan, less what an earlier apply of it started (addresses)."""
    differences = _differences(reviewed, fresh, started)
    if differences:
        from reconciler.render.difference import render_differences  # noqa: PLC0415 - imports deepdiff, 0.15 s

        raise StalePlanError(
            "the plan is stale: it is not what would be done now",
            f"{render_differences(differences)}\nMake a new plan and have it reviewed.",
        )


def _differences(reviewed: Plan, fresh: Plan, started: Collection[str]) -> list[tuple[Change | None, Change | None]]:
    """Pairs (reviewed, now) of changes that are not the same."""
    then = {change.address: change for change in reviewed.changes}
    now = {change.address: change for change in fresh.changes}
    pairs = [(then.get(address), now.get(address)) for address in sorted(then.keys() | now.keys())]
    return [(old, new) for old, new in pairs if not _agree(old, new, started)]


def _agree(old: Change | None, new: Change | None, started: Collection[str]) -> bool:
    if old is None:
        return False
    if old.address in started:
        # Done, or cut short: what is left of it must be the same thing done to the same account.
        return new is None or (new.action, new.live_id, new.after) == (old.action, old.live_id, old.after)
    return new is not None and canonical(old) == canonical(new)
