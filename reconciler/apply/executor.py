"""Plan -> requests, in order. Decides nothing: it sends what the plan says.

Each change is on its own: one refused user never stops the rest. A service that refuses us as a whole does, and so do
failures of too many users: then the run is in quarantine.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field, replace
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


@dataclass(slots=True)
class Report:
    """What happened. `stopped`: the service refused us as a whole; `interrupted`: somebody pressed Ctrl-C.

    `quarantine`: why the run stopped itself, which a refusal as a whole is too.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    stopped: TargetError | None = None
    quarantine: Quarantine | None = None
    left: int = 0
    """Changes that were not begun."""
    interrupted: bool = False

    def count(self, result: Result, *actions: Action) -> int:
        """Outcomes with this result, of these actions (none given: of all)."""
        return sum(item.result is result and (not actions or item.change.action in actions) for item in self.outcomes)


@dataclass(frozen=True, slots=True)
class FailurePolicy:
    """What stops a run: more failures than `failures`.

    `trial`: addresses to begin with. The others follow if no more of these fail than the percentage allows. `late`:
    those who failed before; each comes last in its wave, so that they do not stop a run before others had their turn.
    """

    failures: Limit = Policy().failures
    probe: Collection[str] = ()
    deferred: Collection[str] = ()


def execute(
    plan: Plan, execution: Execution, done: Collection[str] = (), policy: FailurePolicy | None = None
) -> Report:
    """Applies the changes of `plan` that are not in `done` (addresses), wave by wave."""
    return _PlanExecutor(execution, done, policy or FailurePolicy()).run(plan.changes)


class _PlanExecutor:
    def __init__(self, execution: Execution, done: Collection[str], policy: FailurePolicy) -> None:
        self._do = execution
        self._policy = policy
        self._change = ChangeExecutor(execution)
        self._in_effect = set(done)
        self._temporarily_renamed: set[str] = set()
        self._in_cycles: set[str] = set()
        self._unstarted: set[str] = set()
        self._lock = threading.Lock()
        self._attempted = 0
        self._failed = 0
        self._forbidden = 0
        self._report = Report()
        self._mostly_failed = False

    def run(self, changes: Sequence[Change]) -> Report:
        waiting = [change for change in changes if change.address not in self._in_effect]
        probe = [change for change in waiting if change.address in self._policy.probe]
        temporary_renames = [change for change in waiting if change.temporary_user_name is not None]
        with ThreadPoolExecutor(self._do.workers, thread_name_prefix="apply") as pool:
            try:
                if probe:
                    self._waves(pool, probe)
                    self._judge(replace(self._policy.failures, floor=0))
                self._together(pool, self._rename_temporarily, temporary_renames)
                self._in_cycles = (
                    self._temporarily_renamed | exclude_with_dependents(waiting, self._temporarily_renamed)[1].keys()
                )
                settled = {item.change.address for item in self._report.outcomes}
                self._waves(pool, [change for change in waiting if change.address not in settled])
            except BaseException:
                # Leaving the pool waits for all that is queued: it must not be carried out any more.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self._report.interrupted = self._do.stop.is_set()
        self._report.left = len(self._unstarted)
        return self._report

    def _waves(self, pool: ThreadPoolExecutor, changes: Sequence[Change]) -> None:
        for _, wave in groupby(changes, key=lambda change: change.wave):
            self._together(pool, self._one, sorted(wave, key=lambda change: change.address in self._policy.deferred))
            self._mostly_failed = self._mostly_failed or self._does_mostly_fail()

    def _together(
        self, pool: ThreadPoolExecutor, work: Callable[[Change], Outcome | None], changes: Iterable[Change]
    ) -> None:
        """Runs `work` for all of a wave, and settles each as it ends."""
        for future in as_completed([pool.submit(work, change) for change in changes]):
            outcome = future.result()
            if outcome is not None:
                self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        if outcome.result is Result.DONE:
            self._in_effect.add(outcome.change.address)
        self._report.outcomes.append(outcome)
        self._do.on_outcome(outcome)

    def _count(self, outcome: Outcome) -> Outcome:
        """In the thread that did it: nothing is begun any more once it was one failure too many."""
        with self._lock:
            self._attempted += outcome.result is not Result.SKIPPED
            self._failed += outcome.result in FAILURES
            self._judge(self._policy.failures)
        return outcome

    def _judge(self, limit: Limit) -> None:
        """Puts the run in quarantine, once and on record, when it must not go on."""
        if self._report.quarantine is not None:
            return
        why = exceeded_limit(limit, self._failed, self._attempted)
        if self._report.stopped is not None:
            why = Quarantine(QuarantineReason.REFUSED, self._report.stopped.summary)
        if why is not None:
            self._report.quarantine = why
            self._do.record.quarantined(why)

    # --- one change, in a worker thread --------------------------------------

    def _one(self, change: Change) -> Outcome:
        missing = [address for address in change.requires if not self._is_free(address)]
        if missing and not self._ends(change):
            return self._skipped(change, f"it waits for {escape_control(missing[0])}")
        if change.action in REMOVALS and self._mostly_failed:
            return self._skipped(change, "most of what comes before the removals failed")
        temporary = change.address in self._temporarily_renamed
        outcome = self._count(
            self._guarded(change, lambda: self._change.carry_out(change, temporarily_renamed=temporary))
        )
        if temporary and outcome.result is Result.FAILED:
            name = quote(change.temporary_user_name or "")
            return replace(outcome, message=f"{outcome.message}; it has the temporary name {name} now")
        return outcome

    def _does_mostly_fail(self) -> bool:
        """Whether so much failed that nobody should be removed: what replaces them may be what failed."""
        failed = sum(item.result is not Result.DONE for item in self._report.outcomes)
        return failed >= _MANY and 2 * failed > len(self._report.outcomes)

    def _rename_temporarily(self, change: Change) -> Outcome | None:
        """First step of a circle of renames: to the temporary name. Nothing to report when it worked."""
        outcome = self._guarded(change, lambda: self._change.rename_temporarily(change))
        if outcome.result is Result.DONE:
            self._temporarily_renamed.add(change.address)
            return None
        return self._count(outcome)

    def _guarded(self, change: Change, work: Callable[[], Outcome]) -> Outcome:
        with self._do.admission():
            # Asked only now: much may have happened while there was no room.
            if self._ends(change):
                stopped = self._report.stopped is not None or self._report.quarantine is not None
                return self._skipped(change, "the run was stopped" if stopped else "interrupted")
            began = time.monotonic()
            outcome = self._tried(change, work)
            return replace(outcome, seconds=time.monotonic() - began)

    def _tried(self, change: Change, work: Callable[[], Outcome]) -> Outcome:
        try:
            return work()
        except ScimError as refusal:
            self._weigh(refusal)
            return self._change.refused(change, refusal)
        except TargetError as refusal:
            self._report.stopped = self._report.stopped or refusal
            return self._change.refused(change, refusal)
        except StopRequestedError as stop:
            return self._change.interrupted(change, stop)

    def _weigh(self, refusal: ScimError) -> None:
        """A 403 is about one user, until several got it and nobody was let through: then it is about us."""
        if refusal.status != FORBIDDEN:
            return
        with self._lock:
            self._forbidden += 1
            if self._forbidden >= _MANY and self._attempted == self._failed:
                self._report.stopped = self._report.stopped or TargetError(refusal.summary, refusal.detail)

    def _skipped(self, change: Change, why: str) -> Outcome:
        self._unstarted.add(change.address)
        if change.address in self._temporarily_renamed:
            name = quote(change.temporary_user_name or "")
            return Outcome(change, Result.SKIPPED, f"only half done: it has the temporary name {name}; {why}")
        return Outcome(change, Result.SKIPPED, f"not started: {why}")

    def _ends(self, change: Change) -> bool:
        """A circle of renames that was begun is finished in quarantine too: nobody is left with a temporary name."""
        if self._do.stop.is_set() or self._report.stopped is not None:
            return True
        return self._report.quarantine is not None and change.address not in self._in_cycles

    def _is_free(self, address: str) -> bool:
        return address in self._in_effect or address in self._temporarily_renamed
