"""What the receipts of earlier applies tell: quarantine, users that keep failing, and when each is tried again. Pure.

The reasons are called as Entra calls them, so that those who know its provisioning jobs know them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from reconciler.core.plan import REMOVALS, Change, Result
from reconciler.core.policy import Limit
from reconciler.core.text import pluralize
from reconciler.record.runs import FAILURES, ApplyRun, Attempt, Quarantine, QuarantineReason

RETRIES = (timedelta(0), timedelta(hours=6), timedelta(hours=12), timedelta(hours=24))
"""After its first failure a change is tried in the next run, then ever later; the last of these is for all further."""
ATTEMPTS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=12), timedelta(hours=24))
"""When a target in quarantine should be tried again, by the number of runs that ended so."""
PROBE_SIZE = 5
"""Changes a run begins with while the target is in quarantine."""


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
        """When apply tries again by itself."""
        return self.last + RETRIES[min(self.count, len(RETRIES)) - 1]


@dataclass(frozen=True, slots=True)
class QuarantineState:
    """The quarantine a target is in: since when, and how many runs in a row ended so."""

    why: Quarantine
    began: datetime
    last: datetime
    count: int

    @property
    def next_attempt(self) -> datetime:
        """When it should be tried again; whoever asks for an apply earlier gets one."""
        return self.last + ATTEMPTS[min(self.count, len(ATTEMPTS)) - 1]


@dataclass(frozen=True, slots=True)
class Health:
    """How the applies to one target stand."""

    runs: int = 0
    last: ApplyRun | None = None
    last_success: ApplyRun | None = None
    quarantine: QuarantineState | None = None
    failing_users: Mapping[str, FailingUser] = field(default_factory=dict)
    """By address."""
    suspected_causes: frozenset[str] = frozenset()
    """Addresses of those who failed in the runs of this quarantine: perhaps it is they, and not the service."""

    @property
    def failed_before(self) -> frozenset[str]:
        """Whom a run had better not begin with."""
        return self.suspected_causes | self.failing_users.keys()

    @property
    def healthy(self) -> bool:
        """Whether nobody has to look at anything."""
        clean = self.last is None or self.last.successful
        return clean and self.quarantine is None and not self.failing_users


def assess(runs: Iterable[ApplyRun]) -> Health:
    """The health after `runs`, in the order in which they began."""
    health = Health()
    for run in runs:
        quarantine = _quarantine(health.quarantine, run)
        health = Health(
            runs=health.runs + 1,
            last=run,
            last_success=run if run.successful else health.last_success,
            quarantine=quarantine,
            failing_users=_failing_users(health.failing_users, run),
            suspected_causes=_suspected_causes(health.suspected_causes, run) if quarantine is not None else frozenset(),
        )
    return health


def _quarantine(before: QuarantineState | None, run: ApplyRun) -> QuarantineState | None:
    if run.quarantine is not None:
        when = run.ended or run.began
        if before is None:
            return QuarantineState(run.quarantine, when, when, 1)
        return replace(before, why=run.quarantine, last=when, count=before.count + 1)
    # A run that was cut short proves nothing, and one that had nothing to send only if nothing was left to do.
    worked = run.how == "complete" and (run.count(Result.DONE) > 0 or (run.whole and not run.attempts))
    return None if worked else before


def _suspected_causes(before: frozenset[str], run: ApplyRun) -> frozenset[str]:
    failed = {attempt.address for attempt in run.attempts if attempt.result in FAILURES}
    return (before | failed) - {attempt.address for attempt in run.attempts if attempt.result == Result.DONE}


def _failing_users(before: Mapping[str, FailingUser], run: ApplyRun) -> dict[str, FailingUser]:
    after = dict(before)
    if run.whole and run.how == "complete" and not run.left:
        # Whose change was not needed any more has no trouble any more.
        seen = {attempt.address for attempt in run.attempts}
        after = {address: failing for address, failing in after.items() if address in seen}
    for attempt in run.attempts:
        if attempt.result == Result.DONE:
            after.pop(attempt.address, None)
        elif attempt.result in FAILURES and run.quarantine is None:
            # In a run that ended in quarantine it was the service that failed, not so many people.
            after[attempt.address] = _again(after.get(attempt.address), attempt)
    return after


def _again(before: FailingUser | None, attempt: Attempt) -> FailingUser:
    same = before is not None and before.digest == attempt.digest
    count, first = (before.count + 1, before.first) if before is not None and same else (1, attempt.time)
    return FailingUser(attempt.address, attempt.action, attempt.digest, count, first, attempt.time, attempt.message)


def select_probe(changes: Sequence[Change], failed_before: Collection[str]) -> frozenset[str]:
    """The addresses of a few changes to begin with: no removals if possible, people who never failed before others.

    They are spread over the plan: what is wrong with some is often wrong with those beside them.
    """
    single = [change for change in changes if not change.requires and change.temporary_user_name is None]

    def rank(change: Change) -> tuple[bool, bool]:
        return change.action in REMOVALS, change.address in failed_before

    ranked = sorted(single, key=rank)
    best = [change for change in ranked if rank(change) == rank(ranked[0])]
    chosen = best[:: len(best) // PROBE_SIZE] if len(best) >= PROBE_SIZE else ranked
    return frozenset(change.address for change in chosen[:PROBE_SIZE])


def exceeded_limit(limit: Limit, failed: int, attempted: int) -> Quarantine | None:
    """Why a run with so many failures must stop; None: it may go on."""
    share = f"{failed:,} of {pluralize(attempted, 'attempted change')} failed"
    if limit.count is not None and failed > limit.count:
        return Quarantine(QuarantineReason.TOTAL, f"{share}, more than {limit.count:,} (guards.failures.count)")
    if limit.percent is not None and failed > limit.floor and 100 * failed > limit.percent * attempted:
        return Quarantine(
            QuarantineReason.PROPORTION, f"{share}, more than {limit.percent:g} % (guards.failures.percent)"
        )
    return None
