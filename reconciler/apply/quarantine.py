"""Assess earlier applies: quarantine, users that keep failing, and when each is tried again. Pure.

The reasons have the names that Entra gives them in its provisioning jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.core.plan import REMOVALS, Change, Result
from reconciler.core.policy import Limit
from reconciler.core.text import pluralize
from reconciler.record.attempts import Attempt
from reconciler.record.runs import FAILURES, ApplyRun, Quarantine, QuarantineReason

RETRIES = (timedelta(0), timedelta(hours=6), timedelta(hours=12), timedelta(hours=24))
"""Delay after the first, second, third and any further failure of a change: the first retry is in the next run."""
ATTEMPTS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=12), timedelta(hours=24))
"""Delay before a target in quarantine should be tried again, by the number of runs in a row that ended in it."""
PROBE_SIZE = 5
"""Changes that a run begins with while the target is in quarantine."""


@dataclass(frozen=True, slots=True)
class FailingUser:
    """A user whose change keeps failing."""

    address: str
    action: str
    digest: str
    count: int
    first: datetime
    last: datetime
    message: str

    @property
    def next_attempt(self) -> datetime:
        """When apply retries the change without being asked to."""
        return self.last + RETRIES[min(self.count, len(RETRIES)) - 1]


@dataclass(frozen=True, slots=True)
class QuarantineState:
    """The quarantine of a target: since when, and how many runs in a row ended in it."""

    why: Quarantine
    began: datetime
    last: datetime
    count: int

    @property
    def next_attempt(self) -> datetime:
        """When the target should be tried again; an apply may begin earlier."""
        return self.last + ATTEMPTS[min(self.count, len(ATTEMPTS)) - 1]


@dataclass(frozen=True, slots=True)
class Health:
    """What earlier applies show about one target."""

    runs: int = 0
    last: ApplyRun | None = None
    last_success: ApplyRun | None = None
    quarantine: QuarantineState | None = None
    failing_users: Mapping[str, FailingUser] = field(default_factory=dict)
    """By address."""
    suspected_causes: frozenset[str] = frozenset()
    """Addresses of users that failed in the runs of this quarantine: they may be the cause, rather than the service."""

    @property
    def failed_before(self) -> frozenset[str]:
        """Addresses that a run should not begin with."""
        return self.suspected_causes | self.failing_users.keys()

    @property
    def healthy(self) -> bool:
        """Whether nothing needs attention."""
        clean = self.last is None or self.last.successful
        return clean and self.quarantine is None and not self.failing_users


def assess(runs: Iterable[ApplyRun]) -> Health:
    """Return the health after `runs`, which are in the order in which they began."""
    found = list(runs)
    start = _find_last_clean(found)
    health = Health(runs=start)
    for run in found[start:]:
        quarantine = _update_quarantine(health.quarantine, run)
        suspected_causes = _update_suspected_causes(health.suspected_causes, run)
        health = Health(
            runs=health.runs + 1,
            last=run,
            last_success=run if run.successful else health.last_success,
            quarantine=quarantine,
            failing_users=_update_failing_users(health.failing_users, run),
            suspected_causes=suspected_causes if quarantine is not None else frozenset(),
        )
    return health


def _find_last_clean(runs: Sequence[ApplyRun]) -> int:
    """Return the place of the last apply after which the health is the same, whatever it was before; 0: of none.

    It was of all users, and each of its changes is done: the target is in no quarantine, and no user still fails.
    """
    for place in reversed(range(len(runs))):
        if runs[place].whole and runs[place].quarantine is None and runs[place].successful:
            return place
    return 0


def _update_quarantine(before: QuarantineState | None, run: ApplyRun) -> QuarantineState | None:
    if run.quarantine is not None:
        when = run.ended or run.began
        if before is None:
            return QuarantineState(run.quarantine, when, when, 1)
        return replace(before, why=run.quarantine, last=when, count=before.count + 1)
    # A run that was cut short proves nothing; one that sent nothing proves something only if nothing was left to do.
    succeeded = run.how == "complete" and (run.count(Result.DONE) > 0 or (run.whole and not run.attempts))
    return None if succeeded else before


def _update_suspected_causes(before: frozenset[str], run: ApplyRun) -> frozenset[str]:
    failed = {attempt.address for attempt in run.attempts if attempt.result in FAILURES}
    return (before | failed) - {attempt.address for attempt in run.attempts if attempt.result == Result.DONE}


def _update_failing_users(before: Mapping[str, FailingUser], run: ApplyRun) -> dict[str, FailingUser]:
    after = dict(before)
    if run.whole and run.how == "complete" and not run.left:
        # A user whose change was no longer needed no longer fails.
        seen = {attempt.address for attempt in run.attempts}
        after = {address: failing for address, failing in after.items() if address in seen}
    # A rename that failed is on record once more when its temporary name was undone.
    for attempt in {attempt.address: attempt for attempt in run.attempts}.values():
        if attempt.result == Result.DONE:
            after.pop(attempt.address, None)
        elif attempt.result in FAILURES and run.quarantine is None:
            # In a run that ended in quarantine the service failed, rather than so many users.
            after[attempt.address] = _count_failure(after.get(attempt.address), attempt)
    return after


def _count_failure(before: FailingUser | None, attempt: Attempt) -> FailingUser:
    same = before is not None and before.digest == attempt.digest
    count, first = (before.count + 1, before.first) if before is not None and same else (1, attempt.time)
    return FailingUser(attempt.address, attempt.action, attempt.digest, count, first, attempt.time, attempt.message)


def select_probe(changes: Sequence[Change], failed_before: Collection[str]) -> frozenset[str]:
    """Return the addresses of a few changes to begin with: removals and users that failed before only if needed.

    They are spread over the plan, because neighbours often share an error.
    """
    independent = [change for change in changes if not change.requires and change.temporary_user_name is None]

    def rank(change: Change) -> tuple[bool, bool]:
        return change.action in REMOVALS, change.address in failed_before

    ranked = sorted(independent, key=rank)
    best = [change for change in ranked if rank(change) == rank(ranked[0])]
    chosen = best[:: len(best) // PROBE_SIZE] if len(best) >= PROBE_SIZE else ranked
    return frozenset(change.address for change in chosen[:PROBE_SIZE])


def exceeded_limit(limit: Limit, failed: int, attempted: int) -> Quarantine | None:
    """Return why a run with so many failures must stop; None if it may continue."""
    share = f"{failed:,} of {pluralize(attempted, 'attempted change')} failed"
    if limit.count is not None and failed > limit.count:
        return Quarantine(QuarantineReason.TOTAL, f"{share}, more than {limit.count:,} (guards.failures.count)")
    if limit.percent is not None and failed > limit.floor and 100 * failed > limit.percent * attempted:
        return Quarantine(
            QuarantineReason.PROPORTION, f"{share}, more than {limit.percent:g} % (guards.failures.percent)"
        )
    return None
