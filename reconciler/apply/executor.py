"""Execute a plan: send its changes in order, several at once. Decides nothing: it sends what the plan contains.

Each change is independent: one refused user never stops the rest. A service that refuses every request does, and so do
failures of too many users: then the run is quarantined.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby

from reconciler.apply.change import FORBIDDEN, ChangeExecutor, Execution
from reconciler.apply.quarantine import exceeded_limit
from reconciler.apply.selection import exclude_with_dependents
from reconciler.core.plan import REMOVALS, Action, Change, Outcome, Plan, Result
from reconciler.core.policy import Limit, Policy
from reconciler.core.text import escape_control, quote
from reconciler.errors import ScimError, StopRequestedError, TargetError
from reconciler.record.runs import FAILURES, Quarantine, QuarantineReason

_MANY = 3
"""Failures below this number say nothing about the service."""


@dataclass(slots=True)
class Report:
    """What happened. `stopped`: the service refused every request; `interrupted`: the user pressed Ctrl-C.

    `quarantine`: why the run stopped itself; also set if `stopped` is.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    stopped: TargetError | None = None
    quarantine: Quarantine | None = None
    left: int = 0
    """Changes that were not begun."""
    interrupted: bool = False

    def count(self, result: Result, *actions: Action) -> int:
        """Count the outcomes with this result, of these actions (none given: of all)."""
        return sum(item.result is result and (not actions or item.change.action in actions) for item in self.outcomes)


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """What stops a run: more failures than `failures`.

    `probe`: addresses to begin with; the others follow if the share of failures among these is within the limit.
    `deferred`: addresses that failed before; each comes last in its wave, so that the others are tried before such
    failures stop the run.
    """

    failures: Limit = Policy().failures
    probe: Collection[str] = ()
    deferred: Collection[str] = ()


def execute(
    plan: Plan, execution: Execution, done: Collection[str] = (), policy: FailurePolicy | None = None
) -> Report:
    """Execute the changes of `plan` that are not in `done` (addresses), wave by wave."""
    return _PlanExecutor(execution, done, policy or FailurePolicy()).run(plan.changes)


class _PlanExecutor:
    """The state of one run. Methods from `_execute_change` on run in worker threads."""

    def __init__(self, execution: Execution, done: Collection[str], policy: FailurePolicy) -> None:
        self._execution = execution
        self._policy = policy
        self._change_executor = ChangeExecutor(execution)
        self._in_effect = set(done)
        self._temporarily_renamed: set[str] = set()
        self._in_cycles: set[str] = set()
        self._unstarted: set[str] = set()
        self._counts = threading.Lock()  # guards the three counts and the decision to stop
        self._attempted = 0
        self._failed = 0
        self._forbidden = 0
        self._report = Report()
        self._mostly_failed = False

    def run(self, changes: Sequence[Change]) -> Report:
        waiting = [change for change in changes if change.address not in self._in_effect]
        with ThreadPoolExecutor(self._execution.workers, thread_name_prefix="apply") as pool:
            try:
                self._run_probe(pool, waiting)
                self._begin_cycles(pool, waiting)
                reported = {outcome.change.address for outcome in self._report.outcomes}
                self._run_waves(pool, [change for change in waiting if change.address not in reported])
            except BaseException:
                # Leaving the pool waits for everything queued, which must not be sent any more.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self._report.interrupted = self._execution.stop.is_set()
        self._report.left = len(self._unstarted)
        return self._report

    def _run_probe(self, pool: ThreadPoolExecutor, changes: Sequence[Change]) -> None:
        probe = [change for change in changes if change.address in self._policy.probe]
        if probe:
            self._run_waves(pool, probe)
            self._check_failures(replace(self._policy.failures, floor=0))

    def _begin_cycles(self, pool: ThreadPoolExecutor, changes: Sequence[Change]) -> None:
        """Give one user of each cycle of renames its temporary name."""
        self._run_all(
            pool, self._rename_temporarily, [change for change in changes if change.temporary_user_name is not None]
        )
        dependents = exclude_with_dependents(changes, self._temporarily_renamed)[1].keys()
        self._in_cycles = self._temporarily_renamed | dependents

    def _run_waves(self, pool: ThreadPoolExecutor, changes: Sequence[Change]) -> None:
        for _, wave in groupby(changes, key=lambda change: change.wave):
            ordered = sorted(wave, key=lambda change: change.address in self._policy.deferred)
            self._run_all(pool, self._execute_change, ordered)
            self._mostly_failed = self._mostly_failed or self._has_mostly_failed()

    def _run_all(
        self, pool: ThreadPoolExecutor, work: Callable[[Change], Outcome | None], changes: Iterable[Change]
    ) -> None:
        """Run `work` for all changes at once, and report each outcome as it comes."""
        for future in as_completed([pool.submit(work, change) for change in changes]):
            outcome = future.result()
            if outcome is not None:
                self._report_outcome(outcome)

    def _report_outcome(self, outcome: Outcome) -> None:
        if outcome.result is Result.DONE:
            self._in_effect.add(outcome.change.address)
        self._report.outcomes.append(outcome)
        self._execution.on_outcome(outcome)

    def _has_mostly_failed(self) -> bool:
        """Whether so much failed that no user should be removed: the replacements may be what failed."""
        failed = sum(outcome.result is not Result.DONE for outcome in self._report.outcomes)
        return failed >= _MANY and 2 * failed > len(self._report.outcomes)

    # --- one change, in a worker thread --------------------------------------

    def _execute_change(self, change: Change) -> Outcome:
        missing = [address for address in change.requires if not self._is_available(address)]
        if missing and not self._must_stop(change):
            return self._skip(change, f"waiting for {escape_control(missing[0])}")
        if change.action in REMOVALS and self._mostly_failed:
            return self._skip(change, "most of the changes before the removals failed")
        renamed = change.address in self._temporarily_renamed
        outcome = self._attempt(change, partial(self._change_executor.apply, change, temporarily_renamed=renamed))
        self._count_outcome(outcome)
        if renamed and outcome.result is Result.FAILED:
            name = quote(change.temporary_user_name or "")
            return replace(outcome, message=f"{outcome.message}; it has the temporary name {name} now")
        return outcome

    def _rename_temporarily(self, change: Change) -> Outcome | None:
        """Begin a cycle of renames. Returns None if it worked: the outcome of the change is still to come."""
        outcome = self._attempt(change, partial(self._change_executor.rename_temporarily, change))
        if outcome.result is Result.DONE:
            self._temporarily_renamed.add(change.address)
            return None
        self._count_outcome(outcome)
        return outcome

    def _attempt(self, change: Change, work: Callable[[], Outcome]) -> Outcome:
        """Run `work` once the service can take one more change; turn its errors into outcomes."""
        with self._execution.admission():
            # Checked only now: much may have happened while it waited.
            if self._must_stop(change):
                stopped = self._report.stopped is not None or self._report.quarantine is not None
                return self._skip(change, "the run was stopped" if stopped else "interrupted")
            began = time.monotonic()
            try:
                outcome = work()
            except (ScimError, TargetError) as exc:
                self._note_rejection(exc)
                outcome = self._change_executor.record_failure(change, exc)
            except StopRequestedError as exc:
                outcome = self._change_executor.record_interruption(change, exc)
            return replace(outcome, seconds=time.monotonic() - began)

    def _skip(self, change: Change, reason: str) -> Outcome:
        self._unstarted.add(change.address)
        if change.address in self._temporarily_renamed:
            name = quote(change.temporary_user_name or "")
            return Outcome(change, Result.SKIPPED, f"only half done: it has the temporary name {name}; {reason}")
        return Outcome(change, Result.SKIPPED, f"not started: {reason}")

    def _is_available(self, address: str) -> bool:
        """Whether a change that requires this one may begin."""
        return address in self._in_effect or address in self._temporarily_renamed

    # --- when to stop --------------------------------------------------------

    def _must_stop(self, change: Change) -> bool:
        """Whether this change must not begin.

        A cycle of renames that was begun is finished in quarantine too: no user is left with a temporary name.
        """
        if self._execution.stop.is_set() or self._report.stopped is not None:
            return True
        return self._report.quarantine is not None and change.address not in self._in_cycles

    def _note_rejection(self, exc: ScimError | TargetError) -> None:
        """Stop the run if the service rejects every request.

        A 403 is about one user, until several users got it and none was accepted: then it is about the token.
        """
        if isinstance(exc, TargetError):
            self._report.stopped = self._report.stopped or exc
        elif exc.status == FORBIDDEN:
            with self._counts:
                self._forbidden += 1
                if self._forbidden >= _MANY and self._attempted == self._failed:
                    self._report.stopped = self._report.stopped or TargetError(exc.summary, exc.detail)

    def _count_outcome(self, outcome: Outcome) -> None:
        """Count in the worker, so that no other change begins after one failure too many."""
        with self._counts:
            self._attempted += outcome.result is not Result.SKIPPED
            self._failed += outcome.result in FAILURES
            self._check_failures(self._policy.failures)

    def _check_failures(self, limit: Limit) -> None:
        """Quarantine the run, once and on record, if it must not go on."""
        if self._report.quarantine is not None:
            return
        quarantine = exceeded_limit(limit, self._failed, self._attempted)
        if self._report.stopped is not None:
            quarantine = Quarantine(QuarantineReason.REFUSED, self._report.stopped.summary)
        if quarantine is not None:
            self._report.quarantine = quarantine
            self._execution.record.quarantined(quarantine)
