"""What one run found, as events of notifications: from its plan, its outcomes, its exit code or its error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from reconciler.apply.report import Report
from reconciler.core.expiry import ExpiryTopic, assess_credentials
from reconciler.core.plan import Attribution, Change, Guard, Plan, Result
from reconciler.core.planning.guards.disconnect import DISCONNECT
from reconciler.desired import schema
from reconciler.desired.credentials import build_credentials
from reconciler.desired.validation import LocatedModel
from reconciler.errors import (
    BlockedError,
    ExitCode,
    LockedError,
    MachineLimitError,
    StalePlanError,
    StopRequestedError,
    TargetError,
    UsageError,
)
from reconciler.notify.event import CALM, Count, Event, EventCause, EventKind
from reconciler.profiles import PROFILES
from reconciler.record.runs import QuarantineReason

_NO_FAILURE = (UsageError, LockedError, StopRequestedError)
"""The command line is wrong, another apply is running, or this one was stopped: nothing is wrong with the target."""
_DOUBTFUL = frozenset({"complete-read", "target", "tenant", DISCONNECT})
"""Guards that doubt whose accounts were read, or whether all were: what differs from them is no one's edit."""
_SEE_EDITS = "Run `reconciler drift`, or read the issue about drift: it lists the edits."
_QUARANTINE_CAUSES = {
    QuarantineReason.REFUSED: EventCause.REFUSED,
    QuarantineReason.PROPORTION: EventCause.FAILURE_SHARE,
    QuarantineReason.TOTAL: EventCause.FAILURE_COUNT,
}


class RunEvents:
    """What one run of `apply`, `drift` or `import` found. `command`: which of them it is."""

    def __init__(self, command: str) -> None:
        self._command = command
        self._plan: Plan | None = None
        self._report: Report | None = None
        self._whole = True

    def planned(self, plan: Plan, *, whole: bool = True) -> None:
        """Note the plan of this run. `whole`: it is not limited to some users."""
        self._plan, self._whole = plan, whole

    def applied(self, report: Report) -> None:
        """Note how the changes of this run ended; also if there were none."""
        self._report = report

    def find(self, code: int, error: BaseException | None, now: datetime) -> list[Event]:
        """Return what the run found. `code`: its exit code, if it raised no `error`."""
        if error is not None and not isinstance(error, Exception):
            return []
        if isinstance(error, _NO_FAILURE) or code in (ExitCode.INTERRUPTED, ExitCode.USAGE):
            return []
        match self._command:
            case "apply":
                return list(self._find_in_apply(code, error, now))
            case "drift":
                return list(self._find_in_drift(code, error, now))
        return list(_find_in_import(code, error, now))

    # --- apply ------------------------------------------------------------------------------------

    def _find_in_apply(self, code: int, error: Exception | None, now: datetime) -> Iterator[Event]:
        plan, report = self._plan, self._report
        if error is not None:
            yield _fail("apply", _classify(error), now)
        elif plan is None:
            # No plan and no error: provisioning is off, or the errors of the desired state were shown.
            if code == ExitCode.ERROR:
                yield _fail("apply", EventCause.INVALID_STATE, now)
        elif plan.blocked:
            yield _block("apply", plan, now)
        elif report is not None:
            yield from self._find_in_report(plan, report, now)

    def _find_in_report(self, plan: Plan, report: Report, now: datetime) -> Iterator[Event]:
        failed = [outcome for outcome in report.outcomes if outcome.result is not Result.DONE]
        counts = tuple(_count_outcomes(report, plan.tally.failed))
        names = tuple(outcome.change.key for outcome in failed)
        if report.quarantine is not None:
            cause = _QUARANTINE_CAUSES.get(QuarantineReason(report.quarantine.reason), EventCause.ERROR)
            yield Event(EventKind.QUARANTINE, cause, now, cause=cause, counts=counts, names=names)
            return
        if report.stopped is not None:
            yield _fail("apply", _classify(report.stopped), now, counts=counts)
            return
        if report.timed_out:
            yield _fail("apply", EventCause.TIME_LIMIT, now, counts=counts)
            return
        # Some users that can be changed again do not show that all can.
        if self._whole and (report.count(Result.DONE) or not report.outcomes):
            yield Event(EventKind.QUARANTINE, CALM, now)
        if failed or plan.tally.failed:
            yield _fail("apply", EventCause.USERS_FAILED, now, counts=counts, names=names)
        elif self._whole:
            yield Event(EventKind.FAILURE, CALM, now, "apply")

    # --- drift ------------------------------------------------------------------------------------

    def _find_in_drift(self, code: int, error: Exception | None, now: datetime) -> Iterator[Event]:
        plan = self._plan
        if error is not None:
            yield _fail("drift", _classify(error), now)
        elif plan is None:
            if code == ExitCode.ERROR:
                yield _fail("drift", EventCause.INVALID_STATE, now)
        elif any(guard.name in _DOUBTFUL for guard in _find_blocking(plan)):
            yield _block("drift", plan, now)
        else:
            yield Event(EventKind.FAILURE, CALM, now, "drift")
            edited = [change for change in plan.changes if change.attribution is Attribution.EDITED_IN_TARGET]
            if edited:
                yield _find_edits(edited, _find_blocking(plan), now)
            elif plan.complete and not plan.blocked:
                yield Event(EventKind.DRIFT, CALM, now)


def _find_edits(edited: Iterable[Change], blocking: Sequence[Guard], now: datetime) -> Event:
    found = tuple(edited)
    numbers = Counter(change.action for change in found)
    counts = tuple(Count(action.value, "", number) for action, number in sorted(numbers.items()))
    names = tuple(change.key for change in found)
    facts: tuple[str, ...] = ()
    advice = "Make the same edit in the desired state to keep it; the next apply undoes it otherwise."
    if blocking:
        # Following many edits in the desired state could remove every user from it.
        facts = (f"The next apply would undo none of it: the plan is blocked by {_list_names(blocking)}.",)
        advice = "Find out who made these edits, and why, before you make them in the desired state."
    cause, steps = EventCause.EDITED_IN_TARGET, (_SEE_EDITS, advice)
    return Event(EventKind.DRIFT, "found", now, cause=cause, counts=counts, names=names, facts=facts, advice=steps)


def _find_blocking(plan: Plan) -> tuple[Guard, ...]:
    return tuple(guard for guard in plan.guards if guard.blocks)


def _list_names(guards: Iterable[Guard]) -> str:
    return ", ".join(guard.name for guard in guards)


def _block(subject: str, plan: Plan, now: datetime) -> Event:
    """Return that guards blocked a plan; of a connection that was cut, with the way back for the kind of service."""
    guards = _find_blocking(plan)
    facts = (f"It was blocked by: {_list_names(guards)}.",)
    cut = next((guard for guard in guards if guard.name == DISCONNECT), None)
    if cut is None:
        return _fail(subject, EventCause.BLOCKED, now, facts=facts)
    steps = PROFILES[plan.target.profile].disconnect_steps
    # That guard's message has numbers only.
    return _fail(subject, EventCause.DISCONNECTED, now, facts=(f"{cut.message}.", *facts), advice=steps)


def _count_outcomes(report: Report, in_error: int) -> Iterator[Count]:
    numbers = Counter((outcome.change.action, outcome.result) for outcome in report.outcomes)
    for (action, result), number in sorted(numbers.items()):
        yield Count(action.value, result.value, number)
    if in_error:
        yield Count("", "in_error", in_error)


def _fail(subject: str, cause: EventCause, now: datetime, **details: tuple[object, ...]) -> Event:
    return Event(EventKind.FAILURE, cause, now, subject, cause, **details)  # type: ignore[arg-type]


def _classify(error: Exception) -> EventCause:
    match error:
        case MachineLimitError():
            return EventCause.ERROR
        case TargetError():
            return EventCause.REFUSED
        case StalePlanError():
            return EventCause.STALE
        case BlockedError():
            return EventCause.BLOCKED
    return EventCause.ERROR


# --- import and expiry ----------------------------------------------------------------------------


def _find_in_import(code: int, error: Exception | None, now: datetime) -> Iterator[Event]:
    if error is not None:
        cause = EventCause.BLOCKED if isinstance(error, BlockedError) else EventCause.ERROR
        yield Event(EventKind.IMPORT, cause, now, cause=cause)
    elif code in (ExitCode.BLOCKED, ExitCode.ERROR):
        cause = EventCause.BLOCKED if code == ExitCode.BLOCKED else EventCause.ERROR
        yield Event(EventKind.IMPORT, cause, now, cause=cause)
    else:
        yield Event(EventKind.IMPORT, CALM, now)


def find_expiry(settings: LocatedModel[schema.Settings], now: datetime) -> Iterator[Event]:
    """Yield an event for each credential of a connection: how near its end is, or that it is not near.

    Only its end: whether a new token is used shows by itself in a run that tells about anything else.
    """
    credentials = build_credentials(settings, PROFILES[settings.value.target.profile])
    findings = {
        finding.credential.kind: finding
        for finding in assess_credentials(credentials, now.date(), used=True)
        if finding.topic is ExpiryTopic.END
    }
    for credential in credentials:
        subject, finding = f"{credential.kind}/{ExpiryTopic.END}", findings.get(credential.kind)
        if finding is None:
            yield Event(EventKind.EXPIRY, CALM, now, subject, silent=True)
            continue
        yield Event(
            EventKind.EXPIRY,
            f"{credential.expires}/{finding.stage}",
            now,
            subject,
            EventCause.EXPIRES,
            facts=(finding.message,),
            advice=(finding.way_out,),
            days_left=finding.days_left,
        )
