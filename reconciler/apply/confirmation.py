"""Changes that the service accepted and does not show yet: they are looked at again, all together.

Reads of some services lag behind writes by seconds. An outcome waits here if nothing shows an effect: a new account is
not shown, or an account is shown exactly as before. The wait of a run is bounded, and begins again only after it showed
an effect; then the service is known to lag, and the run goes on without looking at each change several times.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from reconciler.apply.execution import Execution
from reconciler.core.model import LiveUser
from reconciler.core.plan import Change, Outcome, Result
from reconciler.core.text import pluralize

REREADS = (0.0, 0.5, 1.5)
"""Seconds before each look at a user right after a write: some services are eventually consistent."""
LONGEST_WAIT = 10.0
"""Seconds that a run waits for the service to show its changes, unless some of them are shown meanwhile."""
_PAUSES = (0.5, 1.0, 1.5, 2.0, 2.5, 2.5)
"""Seconds between looks; `LONGEST_WAIT` together."""
_MOST_WAITING = 50
"""Outcomes that wait before a service is known to lag: it may take no write at all."""
_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Seen:
    """What the service showed of an account: before a write, and in its answer unless that shows all of the change.

    `contradicted`: the answer shows another value of a changed attribute. What it leaves out contradicts nothing.
    """

    before: LiveUser | None = None
    answer: Mapping[str, Any] | None = None
    contradicted: bool = False

    def shows_no_effect(self, live: LiveUser | None) -> bool:
        """Whether a read after the write shows the same as before it, and the answer did not either.

        An answer with the old values is no delay: the service did something else.
        """
        return not self.contradicted and live == self.before


NOT_SEEN = Seen()


@dataclass(frozen=True, slots=True)
class _Waiting:
    outcome: Outcome
    look: Callable[[], Outcome]


def await_unanswered(change: Change, execution: Execution) -> None:
    """Wait until the account of a create would be shown that an earlier run sent, and has no answer about."""
    sent = execution.recorded.find_unanswered(change.address)
    if sent is None:
        return
    left = LONGEST_WAIT - (execution.now() - sent).total_seconds()
    if 0 < left <= LONGEST_WAIT:
        execution.on_wait("an account that an interrupted apply may have created", left)
        execution.sleep(left)


class Confirmations:
    """The outcomes of a run that wait. Thread-safe. `record`: records how a change that waited ended."""

    def __init__(self, execution: Execution, record: Callable[[Outcome], Outcome]) -> None:
        self._execution = execution
        self._record = record
        self._lock, self._settling = threading.Lock(), threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._left = LONGEST_WAIT
        self._lags = False

    @property
    def rereads(self) -> int | None:
        """How often a change is read right after it was sent; None: as often as usual."""
        return 1 if self._lags else None

    @property
    def late(self) -> bool:
        """Whether the service showed a change late, or has not shown one yet."""
        return self._lags or bool(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether as many outcomes wait as may, for a service that never showed a change late."""
        return not self._lags and len(self._waiting) >= _MOST_WAITING

    def add(self, outcome: Outcome, look: Callable[[], Outcome]) -> None:
        """Let an outcome wait, if there is time left to wait. `look`: returns it as it is at that time."""
        if self._left > 0 and not self._execution.stop.is_set():
            with self._lock:
                self._waiting[outcome.change.address] = _Waiting(outcome, look)

    def is_waiting(self, change: Change) -> bool:
        """Whether the outcome of a change waits."""
        return change.address in self._waiting

    def wait_for(self, outcome: Outcome) -> Outcome:
        """Return an outcome as it is once it is shown, or after the time is over; records nothing."""
        waiting = self._take(outcome.change.address)
        for pause in _PAUSES if waiting is not None else ():
            if self._left <= 0 or self._execution.stop.is_set():
                break
            self._execution.sleep(min(pause, self._left))
            self._left -= pause
            found = waiting.look() if waiting is not None else outcome
            if found.result is not Result.NOT_IN_EFFECT:
                self._lags, self._left = True, LONGEST_WAIT
                return found
        return outcome

    def settle(self) -> Iterator[Outcome]:
        """Look at the waiting outcomes again until each is shown or the time is over; yield them as they are then."""
        with self._settling:
            with self._lock:
                waiting, self._waiting = self._waiting, {}
            if waiting:
                yield from self._wait_for(waiting)

    def _wait_for(self, waiting: dict[str, _Waiting]) -> Iterator[Outcome]:
        what = f"the service to show {pluralize(len(waiting), 'change')} that it accepted"
        self._execution.on_wait(what, self._left)
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="confirm") as pool:
            for pause in _PAUSES:
                if self._left <= 0 or self._execution.stop.is_set():
                    break
                self._execution.sleep(min(pause, self._left))
                self._left -= pause
                looks = [each.look for each in waiting.values()]
                for address, outcome in zip(list(waiting), pool.map(lambda look: look(), looks), strict=True):
                    shown = outcome.result is not Result.NOT_IN_EFFECT
                    following = self._take(address)
                    if shown or following is not None:
                        self._lags, self._left = True, LONGEST_WAIT
                    if following is not None:
                        waiting[address] = following
                    elif shown:
                        del waiting[address]
                        yield self._record(outcome)
                if not waiting:
                    return
        yield from (each.outcome for each in waiting.values())

    def _take(self, address: str) -> _Waiting | None:
        """Take what a look let wait: the next request about the same account."""
        with self._lock:
            return self._waiting.pop(address, None)
