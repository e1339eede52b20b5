"""Plan -> requests, in order. Decides nothing: it sends what the plan says.

Each change is on its own: one refused user never stops the rest. A service that refuses us as a whole does.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from itertools import groupby

from reconciler.core.model import REMOVALS, Action, Change, Outcome, Plan, Result
from reconciler.core.text import printable, quoted
from reconciler.errors import ScimError, StopRequestedError, TargetError
from reconciler.one_change import Execution, OneChange

_MANY = 3


@dataclass(slots=True)
class Report:
    """What happened. `stopped`: why the run ended early; `interrupted`: somebody pressed Ctrl-C."""

    outcomes: list[Outcome] = field(default_factory=list)
    stopped: TargetError | None = None
    interrupted: bool = False

    def count(self, result: Result, *actions: Action) -> int:
        """Outcomes with this result, of these actions (none given: of all)."""
        return sum(item.result is result and (not actions or item.change.action in actions) for item in self.outcomes)


def execute(plan: Plan, execution: Execution, done: Collection[str] = ()) -> Report:
    """Applies the changes of `plan` that are not in `done` (addresses), wave by wave."""
    return _Run(execution, done).run(plan.changes)


class _Run:
    def __init__(self, execution: Execution, done: Collection[str]) -> None:
        self._do = execution
        self._change = OneChange(execution)
        self._in_effect = set(done)
        self._stepped_aside: set[str] = set()
        self._report = Report()
        self._mostly_failed = False

    def run(self, changes: Sequence[Change]) -> Report:
        waiting = [change for change in changes if change.address not in self._in_effect]
        asides = [change for change in waiting if change.temporary_user_name is not None]
        with ThreadPoolExecutor(self._do.workers, thread_name_prefix="apply") as pool:
            try:
                self._together(pool, self._step_aside, asides)
                settled = {item.change.address for item in self._report.outcomes}
                rest = [change for change in waiting if change.address not in settled]
                for _, wave in groupby(rest, key=lambda change: change.wave):
                    self._together(pool, self._one, wave)
                    self._mostly_failed = self._mostly_failed or self._does_mostly_fail()
            except BaseException:
                # Leaving the pool waits for all that is queued: it must not be carried out any more.
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        self._report.interrupted = self._do.stop.is_set()
        return self._report

    def _together(
        self, pool: ThreadPoolExecutor, work: Callable[[Change], Outcome | None], changes: Iterable[Change]
    ) -> None:
        """Runs `work` for all of a wave, and settles each as it ends."""
        running: set[Future[Outcome | None]] = {pool.submit(work, change) for change in changes}
        while running:
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                outcome = future.result()
                if outcome is not None:
                    self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        if outcome.result is Result.DONE:
            self._in_effect.add(outcome.change.address)
        self._report.outcomes.append(outcome)
        self._do.on_outcome(outcome)

    # --- one change, in a worker thread --------------------------------------

    def _one(self, change: Change) -> Outcome:
        missing = [address for address in change.requires if not self._is_free(address)]
        if missing and not self._ends():
            return self._skipped(change, f"it waits for {printable(missing[0])}")
        if change.action in REMOVALS and self._mostly_failed:
            return self._skipped(change, "most of what comes before the removals failed")
        aside = change.address in self._stepped_aside
        outcome = self._guarded(change, lambda: self._change.carry_out(change, stepped_aside=aside))
        if aside and outcome.result is Result.FAILED:
            name = quoted(change.temporary_user_name or "")
            return replace(outcome, message=f"{outcome.message}; it has the temporary name {name} now")
        return outcome

    def _does_mostly_fail(self) -> bool:
        """Whether so much failed that nobody should be removed: what replaces them may be what failed."""
        failed = sum(item.result is not Result.DONE for item in self._report.outcomes)
        return failed >= _MANY and 2 * failed > len(self._report.outcomes)

    def _step_aside(self, change: Change) -> Outcome | None:
        """First step of a circle of renames: to the temporary name. Nothing to report when it worked."""
        outcome = self._guarded(change, lambda: self._change.step_aside(change))
        if outcome.result is Result.DONE:
            self._stepped_aside.add(change.address)
            return None
        return outcome

    def _guarded(self, change: Change, work: Callable[[], Outcome]) -> Outcome:
        if self._ends():
            return self._skipped(change, "the run was stopped" if self._report.stopped else "interrupted")
        try:
            return work()
        except ScimError as refusal:
            return self._change.refused(change, refusal)
        except TargetError as refusal:
            self._report.stopped = self._report.stopped or refusal
            return self._change.refused(change, refusal)
        except StopRequestedError as stop:
            return self._change.interrupted(change, stop)

    def _skipped(self, change: Change, why: str) -> Outcome:
        if change.address in self._stepped_aside:
            name = quoted(change.temporary_user_name or "")
            return Outcome(change, Result.SKIPPED, f"only half done: it has the temporary name {name}; {why}")
        return Outcome(change, Result.SKIPPED, f"not started: {why}")

    def _ends(self) -> bool:
        return self._do.stop.is_set() or self._report.stopped is not None

    def _is_free(self, address: str) -> bool:
        return address in self._in_effect or address in self._stepped_aside
