"""Applies on record: which changes were planned, which were attempted, and how each ended. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from reconciler.core.field_change import FieldChange, diff_fields
from reconciler.core.model import Value
from reconciler.core.plan import Population, Result, is_not_started
from reconciler.core.planning.clock import CLOCK_TOLERANCE
from reconciler.core.values import fold_case
from reconciler.record.attempts import Attempt, find_latest
from reconciler.record.layout import shorten_plan_id
from reconciler.record.timestamps import LONG_AGO, read_record_day

FAILURES = frozenset({Result.FAILED, Result.NOT_IN_EFFECT, Result.UNKNOWN})


class QuarantineReason(StrEnum):
    """Why an apply stopped itself, in Entra's names."""

    REFUSED = "EncounteredQuarantineException"
    """The service refused the session as a whole: the token, the certificate, an answer that is not SCIM."""
    PROPORTION = "EncounteredEscrowProportionThreshold"
    TOTAL = "EncounteredTotalEscrowThreshold"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Why an apply stopped itself."""

    reason: str
    message: str


def account_keys(address: str, external_id: Value | None, live_id: str | None) -> frozenset[str]:
    """Return the keys that identify an account on record. The live id does so even if all else is digests."""
    ids = {f"id:{fold_case(str(external_id))}"} if external_id else set[str]()
    lives = {f"live:{live_id}"} if live_id else set[str]()
    return frozenset({fold_case(address), *ids, *lives})


@dataclass(frozen=True, slots=True)
class AppliedChange:
    """One change of a plan on record, and how it ended. `result` "": not on record. Values may be digests."""

    address: str
    action: str
    reason: str
    detail: str
    live_id: str | None
    before: Mapping[str, Value]
    after: Mapping[str, Value]
    result: str = ""
    message: str = ""
    time: datetime | None = None

    @property
    def keys(self) -> frozenset[str]:
        """The keys of its account."""
        external = self.after.get("externalId") or self.before.get("externalId")
        return account_keys(self.address, external, self.live_id)

    @property
    def not_started(self) -> bool:
        """Whether its apply did not send it; if that did not end, it may have been sent."""
        return not self.result or is_not_started(self.result, self.message)

    @property
    def rows(self) -> tuple[FieldChange, ...]:
        """The attributes that differ."""
        return diff_fields(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan on record, without the outcomes of its changes. `digest`: of the files it was made of."""

    changes: Mapping[str, AppliedChange]
    """By each of their keys."""
    digest: str
    version: str
    at: datetime
    unmanaged: int
    """Live accounts that were not managed."""


@dataclass(frozen=True, slots=True)
class PlanSummary:
    """What the history of applies needs of a plan on record; by default that of a plan that cannot be read."""

    commit: str | None = None
    changes: Mapping[str, AppliedChange] = field(default_factory=dict)
    """By address."""
    unplannable: frozenset[str] = frozenset()
    redacted: bool = False
    """It holds digests."""
    planned: Planned | None = None


@dataclass(frozen=True, slots=True)
class SettledPlan:
    """A plan that left no user open: the time it was made for, by which version, and the last numbers of all users."""

    at: datetime
    version: str
    population: Population


@dataclass(frozen=True, slots=True)
class ApplyRun:
    """One apply: which plan, for which commit, and how each change ended.

    A run read from receipts alone has `attempts`; `join_plan` adds `changes`, `unplannable` and `planned`. `position`:
    the first-parent position of its commit, set by the timeline.
    """

    record: str
    plan_id: str
    commit: str | None
    began: datetime
    whole: bool
    """Whether it was about all users (no `--user`)."""
    changes: Mapping[str, AppliedChange] = field(default_factory=dict)
    """By each of their keys."""
    unplannable: frozenset[str] = frozenset()
    """Keys of users that could not be planned."""
    how: str = ""
    """`complete`, `interrupted`, `quarantined`; empty: it did not end."""
    left: int = 0
    """Changes that it did not begin."""
    ended: datetime | None = None
    """None: it crashed, or is still running."""
    position: int | None = None
    planned: Planned | None = None
    """None: the plan on record cannot be read."""
    key: str | None = None
    """Which key its digests were made with; None: it holds none."""
    config_digest: str | None = None
    """Of the desired state that was applied; None: its receipt does not say."""
    attempts: Sequence[Attempt] = ()
    quarantine: Quarantine | None = None
    requests: int = 0
    """Changes that it began to send."""
    workflow_run: str = ""
    """The run of GitHub Actions that applied, `id/attempt`; empty: none, or its receipt does not say."""
    settled: SettledPlan | None = None
    """What an incremental plan goes on from, once this apply is `successful`; None: its plan left users open."""

    @property
    def took_effect(self) -> bool:
        """Whether it applied anything: it sent a request, or found that nothing was left to do."""
        return bool(self.requests) or self.complete

    @property
    def complete(self) -> bool:
        """Whether it reached its end and left nothing out."""
        return self.how == "complete" and not self.left

    @property
    def successful(self) -> bool:
        """Whether everything it was to do is done."""
        return self.complete and self.count(Result.DONE) == len(self.attempts)

    @property
    def failed(self) -> int:
        """The number of changes that failed."""
        return self.count(*FAILURES)

    @property
    def skipped(self) -> int:
        """The number of changes that were skipped; those that were not started are in `left`."""
        return sum(attempt.result == Result.SKIPPED and not attempt.not_started for attempt in self.attempts)

    def count(self, *results: str) -> int:
        """Return the number of changes that ended with one of `results`."""
        return sum(attempt.result in results for attempt in self.attempts)

    def find(self, keys: Iterable[str]) -> AppliedChange | None:
        """Return the change of the account with one of `keys`."""
        return next((self.changes[each] for each in sorted(keys) if each in self.changes), None)

    def find_planned(self, keys: Iterable[str]) -> AppliedChange | None:
        """Return the planned change of the account with one of `keys`, whether it was attempted or not."""
        planned = self.planned.changes if self.planned is not None else {}
        return next((planned[each] for each in sorted(keys) if each in planned), None)

    def converged(self, keys: Collection[str]) -> bool:
        """Return whether the account with one of `keys` was as desired after this apply."""
        if self.unplannable.intersection(keys):
            return False
        found = self.find(keys)
        if found is not None:
            return found.result == Result.DONE
        # A user that a plan for all users did not change was as desired already, however the apply ended.
        return self.whole and (self.complete or self._did_not_plan(keys))

    def _did_not_plan(self, keys: Collection[str]) -> bool:
        return self.planned is not None and self.find_planned(keys) is None


def disregard_future(run: ApplyRun, now: datetime) -> ApplyRun:
    """Return `run` as an undated one if it is from the future: the clock was wrong, and it must not count for ever."""
    latest = now + CLOCK_TOLERANCE

    def to_past(when: datetime) -> datetime:
        return LONG_AGO if when > latest else when

    if max(run.began, run.ended or LONG_AGO, find_latest(run.attempts)) <= latest:
        return run
    attempts = tuple(replace(each, time=to_past(each.time)) for each in run.attempts)
    ended = to_past(run.ended) if run.ended is not None else None
    return replace(run, began=to_past(run.began), ended=ended, attempts=attempts)


def place_quarantines(runs: Iterable[ApplyRun], now: datetime) -> list[ApplyRun]:
    """Return applies with those that ended in quarantine where they are as late as they can have been.

    One whose time is before the day of its record, or undated, counts at the end of that day: its time was changed.
    """
    return sorted((_place(run, now) for run in runs), key=lambda run: run.began)


def _place(run: ApplyRun, now: datetime) -> ApplyRun:
    day = read_record_day(run.record)
    if run.quarantine is None or day is None or day[0] > now + CLOCK_TOLERANCE:
        return run
    if run.began >= day[0] - CLOCK_TOLERANCE:
        return run
    return replace(run, began=day[1], ended=day[1] if run.ended is not None else None)


def join_plan(run: ApplyRun, plan: PlanSummary) -> ApplyRun:
    """Return `run` with its attempts joined to the changes of its plan. What the receipt says goes first."""
    planned = plan.planned
    if planned is not None and run.config_digest is not None:
        planned = replace(planned, digest=run.config_digest)
    changes: dict[str, AppliedChange] = {}
    for attempt in run.attempts:
        applied = _applied(attempt, plan)
        changes |= dict.fromkeys(applied.keys, applied)
    return replace(
        run, commit=run.commit or plan.commit, changes=changes, unplannable=plan.unplannable, planned=planned
    )


def _applied(attempt: Attempt, plan: PlanSummary) -> AppliedChange:
    planned = plan.changes.get(attempt.address)
    if planned is None:
        planned = AppliedChange(attempt.address, attempt.action, "", "", None, {}, {})
    return replace(
        planned,
        live_id=attempt.live_id if attempt.live_id is not None else planned.live_id,
        result=attempt.result,
        message=attempt.message,
        time=attempt.time,
    )


def find_commit_before(runs: Sequence[ApplyRun], plan_id: str) -> tuple[str, str | None] | None:
    """Return the commit of a plan on record, and that of the last apply before it with another; None: no such plan.

    `runs`: oldest first. `plan_id` may be short.
    """
    wanted = shorten_plan_id(plan_id)
    found = next((run for run in runs if shorten_plan_id(run.plan_id) == wanted and run.commit is not None), None)
    if found is None or found.commit is None:
        return None
    earlier = [run.commit for run in runs if run.began < found.began and run.commit not in (None, found.commit)]
    return found.commit, earlier[-1] if earlier else None
