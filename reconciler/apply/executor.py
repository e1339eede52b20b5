"""Execute a plan: send its changes in order, several at once. Decides nothing: it sends what the plan contains.

Each change is independent: one refused user never stops the rest. A service that refuses every request does, and so do
failures of too many users: then the run is quarantined.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TypeVar

from reconciler.apply.change import ChangeExecutor
from reconciler.apply.execution import Execution
from reconciler.apply.failure_watch import FailureWatch
from reconciler.apply.rename_cycles import CycleUndo, RenameCycle, find_cycles, finish_despite_stop
from reconciler.apply.report import Report
from reconciler.core.plan import NOT_STARTED, REMOVALS, Change, Outcome, Plan, Result
from reconciler.core.policy import Limit, Policy
from reconciler.core.text import escape_control
from reconciler.errors import MachineLimitError, ReconcilerError, ScimError, StopRequestedError, TargetError

OutcomeT = TypeVar("OutcomeT", Outcome, Outcome | None)

_MANY = 3
"""Failures below this number say nothing about the service."""


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
        self._confirmations = self._change_executor.confirmations
        self._confirmed: list[Outcome] = []
        """Outcomes that waited, to be reported by the main thread."""
        self._in_effect = set(done)
        self._temporarily_renamed: set[str] = set()
        self._in_cycles: set[str] = set()
        self._begun_cycles: list[RenameCycle] = []
        self._unsettled: dict[str, Outcome] = {}
        """Outcomes of temporarily renamed users, until their change is done: they are renamed back first."""
        self._interrupted = False
        self._unstarted: set[str] = set()
        self._report = Report()
        self._watch = FailureWatch(self._report, execution.record, policy.failures)
        self._mostly_failed = False

    def run(self, changes: Sequence[Change]) -> Report:
        waiting = [change for change in changes if change.address not in self._in_effect]
        try:
            self._send_all(waiting)
        except (Exception, KeyboardInterrupt):
            # Outcomes cannot be reported any more; what cannot be recorded is not sent.
            with suppress(ReconcilerError):
                self._settle_cycles(report=lambda _outcome: None)
            raise
        self._settle_cycles(self._report_settled)
        self._report.interrupted = self._interrupted or self._execution.stop.is_set()
        self._report.left = sum(outcome.not_started for outcome in self._report.outcomes)
        return self._report

    def _send_all(self, waiting: Sequence[Change]) -> None:
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

    def _run_probe(self, pool: ThreadPoolExecutor, changes: Sequence[Change]) -> None:
        probe = [change for change in changes if change.address in self._policy.probe]
        if probe:
            self._run_waves(pool, probe)
            self._watch.check(replace(self._policy.failures, floor=0))

    def _begin_cycles(self, pool: ThreadPoolExecutor, changes: Sequence[Change]) -> None:
        """Give one user of each cycle of renames its temporary name, if all of its users are as planned."""
        cycles = {cycle.first.address: cycle for cycle in find_cycles(changes)}
        members = [change for cycle in cycles.values() for change in cycle.members]
        self._run_all(pool, self._check_member, members)
        found = {outcome.change.address: outcome for outcome in self._report.outcomes}
        ready: list[RenameCycle] = []
        for cycle in cycles.values():
            hindered = next((change for change in cycle.members if change.address in found), None)
            if hindered is None:
                ready.append(cycle)
            elif hindered is not cycle.first:
                self._report_outcome(self._skip(cycle.first, f"waiting for {escape_control(hindered.address)}"))
        self._begun_cycles = ready
        self._run_all(pool, self._rename_temporarily, [cycle.first for cycle in ready])
        renamed = [cycle for cycle in ready if cycle.first.address in self._temporarily_renamed]
        self._in_cycles = {change.address for cycle in renamed for change in cycle.members}

    def _run_waves(self, pool: ThreadPoolExecutor, changes: Sequence[Change]) -> None:
        for _, wave in groupby(changes, key=lambda change: change.wave):
            ordered = sorted(wave, key=lambda change: change.address in self._policy.deferred)
            self._run_all(pool, self._execute_change, ordered)
            self._confirm()
            self._mostly_failed = self._mostly_failed or self._has_mostly_failed()

    def _run_all(
        self, pool: ThreadPoolExecutor, work: Callable[[Change], Outcome | None], changes: Iterable[Change]
    ) -> None:
        """Run `work` for all changes at once, and report each outcome as it comes."""
        for future in as_completed([pool.submit(self._run, work, change) for change in changes]):
            outcome = future.result()
            if outcome is not None:
                self._report_outcome(outcome)

    def _run(self, work: Callable[[Change], Outcome | None], change: Change) -> Outcome | None:
        try:
            return work(change)
        finally:
            self._watch.end(change)

    def _confirm(self) -> None:
        """Wait for the changes that the service accepted and does not show yet, and report how they ended."""
        self._settle_waiting()
        confirmed, self._confirmed = self._confirmed, []
        for outcome in confirmed:
            self._report_outcome(outcome)
        for outcome in self._change_executor.recheck():
            self._in_effect.discard(outcome.change.address)
            self._report_settled(outcome)
            self._watch.count_reversal()

    def _settle_waiting(self) -> None:
        for outcome in self._confirmations.settle():
            self._watch.count(outcome)
            self._confirmed.append(outcome)

    def _report_outcome(self, outcome: Outcome) -> None:
        address = outcome.change.address
        if outcome.result is Result.DONE:
            self._in_effect.add(address)
        elif address in self._temporarily_renamed:
            self._unsettled[address] = outcome  # reported once it is settled
            return
        self._report.outcomes.append(outcome)
        self._execution.on_outcome(outcome)

    def _has_mostly_failed(self) -> bool:
        """Whether so much failed that no user should be removed: the replacements may be what failed."""
        failed = sum(outcome.result is not Result.DONE and not outcome.permanent for outcome in self._report.outcomes)
        return failed >= _MANY and 2 * failed > len(self._report.outcomes)

    # --- one change, in a worker thread --------------------------------------

    def _execute_change(self, change: Change) -> Outcome | None:
        """Execute a change. Returns None if the service accepted it and does not show it yet."""
        # Once the run is to end, that is the reason.
        if not self._must_stop(change):
            missing = [address for address in change.requires if not self._is_available(address)]
            if missing:
                return self._skip(change, f"waiting for {escape_control(missing[0])}")
            if change.action in REMOVALS and self._mostly_failed:
                return self._skip(change, "most of the changes before the removals failed")
        renamed = change.address in self._temporarily_renamed
        outcome = self._attempt(change, partial(self._change_executor.apply, change, temporarily_renamed=renamed))
        if self._confirmations.is_waiting(change):
            self._watch.note_accepted()
            if change.address not in self._in_cycles:
                if self._confirmations.is_full:
                    self._settle_waiting()
                return None
            # The next user of the cycle needs to know.
            outcome = self._change_executor.confirm(outcome)
        self._watch.count(outcome)
        return outcome

    def _check_member(self, change: Change) -> Outcome | None:
        """Check that a user of a cycle of renames is as planned. Returns None if it is."""
        outcome = self._attempt(change, partial(self._change_executor.find_drift, change))
        if outcome is not None:
            self._watch.count(outcome)
        return outcome

    def _rename_temporarily(self, change: Change) -> Outcome | None:
        """Begin a cycle of renames. Returns None if it worked: the outcome of the change is still to come."""
        outcome = self._attempt(change, partial(self._change_executor.rename_temporarily, change))
        if outcome.result is Result.DONE:
            self._temporarily_renamed.add(change.address)
            return None
        self._watch.count(outcome)
        if outcome.result in (Result.UNKNOWN, Result.NOT_IN_EFFECT):
            # It was sent, and may be in effect any moment: it is read once more at the end.
            self._unsettled[change.address] = outcome
        return outcome

    def _attempt(self, change: Change, work: Callable[[], OutcomeT]) -> OutcomeT | Outcome:
        """Run `work` once the service can take one more change; turn its errors into outcomes."""
        with self._execution.admission():
            self._watch.begin(change)
            # Checked only now: much may have happened while it waited.
            if self._must_stop(change):
                stopped = self._report.stopped is not None or self._report.quarantine is not None
                return self._skip(change, "the run was stopped" if stopped else "interrupted")
            began = time.monotonic()
            try:
                outcome = work()
            except MachineLimitError as exc:
                self._report.stopped = self._report.stopped or exc
                outcome = self._change_executor.record_interruption(change, exc)
            except (ScimError, TargetError) as exc:
                self._watch.note_refusal(exc)
                outcome = self._change_executor.record_failure(change, exc)
            except StopRequestedError as exc:
                outcome = self._change_executor.record_interruption(change, exc)
            return outcome if outcome is None else replace(outcome, seconds=time.monotonic() - began)

    def _skip(self, change: Change, reason: str) -> Outcome:
        self._unstarted.add(change.address)
        if change.address in self._temporarily_renamed:
            return Outcome(change, Result.SKIPPED, f"not finished: {reason}")
        return Outcome(change, Result.SKIPPED, f"{NOT_STARTED}: {reason}")

    def _is_available(self, address: str) -> bool:
        """Whether a change that requires this one may begin."""
        return address in self._in_effect or address in self._temporarily_renamed

    # --- cycles that cannot go on ----------------------------------------------

    def _settle_cycles(self, report: Callable[[Outcome], None]) -> None:
        """Finish each cycle that was begun and is not done, or else undo it, also after an interrupt."""
        for cycle in self._begun_cycles:
            first = cycle.first.address
            if first not in self._in_effect and (first in self._temporarily_renamed or first in self._unsettled):
                for outcome in finish_despite_stop(partial(self._settle, cycle), self._clear_stop):
                    report(outcome)

    def _report_settled(self, outcome: Outcome) -> None:
        """Report the outcome of a user in a cycle, in place of the one that was reported before, if any."""
        if outcome in self._report.outcomes:
            return
        address = outcome.change.address
        self._report.outcomes = [each for each in self._report.outcomes if each.change.address != address]
        self._report.outcomes.append(outcome)
        self._execution.on_outcome(outcome)

    def _clear_stop(self) -> None:
        self._interrupted = self._interrupted or self._execution.stop.is_set()
        self._execution.stop.clear()

    def _settle(self, cycle: RenameCycle) -> Sequence[Outcome]:
        first = cycle.first
        why = self._unsettled.setdefault(first.address, Outcome(first, Result.SKIPPED, "not finished"))
        waits_for = [address for address in first.requires if address not in self._in_effect]
        if why.result is Result.SKIPPED and not waits_for and self._report.stopped is None:
            # The others have their names: one request is left.
            outcome = self._finish(first)
            if outcome.result is Result.DONE:
                return [outcome]
            why = self._unsettled[first.address] = outcome
        return CycleUndo(self._change_executor).undo(cycle, self._was_attempted, why)

    def _finish(self, change: Change) -> Outcome:
        self._unstarted.discard(change.address)
        try:
            return self._change_executor.confirm(self._change_executor.apply(change, temporarily_renamed=True))
        except (ScimError, TargetError) as exc:
            return self._change_executor.record_failure(change, exc)

    def _was_attempted(self, change: Change) -> bool:
        return change.address not in self._unstarted

    # --- when to stop --------------------------------------------------------

    def _must_stop(self, change: Change) -> bool:
        """Whether this change must not begin.

        A cycle of renames that was begun is finished in quarantine too: no user is left with a temporary name.
        """
        if self._execution.stop.is_set() or self._report.stopped is not None:
            return True
        return self._report.quarantine is not None and change.address not in self._in_cycles
