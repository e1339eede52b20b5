"""Stop a run that must not go on: the service refuses every request, or the changes of too many users failed."""

from __future__ import annotations

import threading
from typing import Protocol

from reconciler.apply.quarantine import exceeded_limit
from reconciler.apply.refusals import FORBIDDEN
from reconciler.apply.report import Report
from reconciler.core.plan import Change, Outcome, Result
from reconciler.core.policy import Limit
from reconciler.errors import MachineLimitError, ScimError, TargetError
from reconciler.record.runs import FAILURES, Quarantine, QuarantineReason

_MANY_FORBIDDEN = 3
"""From this number of users on, a 403 is about the token, unless the service accepted a change."""
_AT_FIRST = 3
"""Changes on their way at once until the service accepted one: it may refuse every write."""


class QuarantineWriter(Protocol):
    """Where a quarantine is recorded."""

    def quarantined(self, why: Quarantine) -> None: ...  # noqa: D102


class FailureWatch:
    """Counts how the changes of a run end, and sets `stopped` and `quarantine` of its report.

    Its methods may run in several threads.
    """

    def __init__(self, report: Report, record: QuarantineWriter, limit: Limit) -> None:
        self._report = report
        self._record = record
        self._limit = limit
        self._counts = threading.Lock()  # guards the three counts and the decision to stop
        self._judged = threading.Condition(self._counts)
        self._attempted = 0
        self._failed = 0
        self._forbidden = 0
        self._accepted = False
        """Whether the service accepted a change."""
        self._running: set[str] = set()
        """The changes whose requests are on their way."""
        self._rejection: TargetError | None = None
        """What the run stops for if none of `_unanswered` is accepted."""
        self._unanswered: set[str] = set()

    def begin(self, change: Change) -> None:
        """Begin a change once it is clear that the service does not reject every request; only a few before."""
        with self._judged:
            while self._is_judging() or (not self._accepted and len(self._running) >= _AT_FIRST):
                self._judged.wait()
            self._running.add(change.address)

    def end(self, change: Change) -> None:
        """Note that no request for this change is on its way any more."""
        with self._counts:
            self._running.discard(change.address)
            self._unanswered.discard(change.address)
            self._judged.notify_all()
            self._judge_rejections()

    def note_accepted(self) -> None:
        """Note that the service accepted a change, although it does not show it yet."""
        self._accepted = True

    def note_refusal(self, exc: ScimError | TargetError) -> None:
        """Stop the run if the service rejects every request.

        A 403 is about one user, until several users got it and none was accepted: then it is about the token. What was
        sent before has to be answered first: the service may have accepted it.
        """
        if isinstance(exc, TargetError):
            self._report.stopped = self._report.stopped or exc
        elif exc.status == FORBIDDEN:
            with self._counts:
                self._forbidden += 1
                if self._forbidden == _MANY_FORBIDDEN:
                    self._rejection = TargetError(exc.summary, exc.detail)
                    self._unanswered = self._running.copy()

    def count(self, outcome: Outcome) -> None:
        """Count an outcome; in the worker's thread, so that no other change begins after one failure too many."""
        with self._counts:
            attempted, failed = outcome.result is not Result.SKIPPED, outcome.result in FAILURES
            self._attempted += attempted
            self._failed += failed
            self._accepted = self._accepted or (attempted and not failed)
            self.check(self._limit)

    def count_reversal(self) -> None:
        """Count that a change which was counted as done turned out not to be in effect."""
        with self._counts:
            self._failed += 1
            self.check(self._limit)

    def check(self, limit: Limit) -> None:
        """Quarantine the run, once and on record, if it must not go on.

        Not for failures of users while it is open whether the service rejects every request.
        """
        if self._report.quarantine is not None or (self._report.stopped is None and self._is_judging()):
            return
        quarantine = exceeded_limit(limit, self._failed, self._attempted)
        # A machine without resources says nothing about the service.
        if self._report.stopped is not None and not isinstance(self._report.stopped, MachineLimitError):
            quarantine = Quarantine(QuarantineReason.REFUSED, self._report.stopped.summary)
        if quarantine is not None:
            self._report.quarantine = quarantine
            self._record.quarantined(quarantine)

    def _is_judging(self) -> bool:
        """Whether it is open if the service rejects every request."""
        return self._rejection is not None and bool(self._unanswered) and not self._accepted

    def _judge_rejections(self) -> None:
        """Stop the run once all that was sent before too many users were rejected is answered, if none was accepted."""
        if self._rejection is None or self._is_judging():
            return
        if not self._accepted:
            self._report.stopped = self._report.stopped or self._rejection
        self.check(self._limit)
