"""Applies as their plans and receipts tell them: which change was meant, and how it ended."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from reconciler.core.field_change import FieldChange, diff_fields
from reconciler.core.model import Value
from reconciler.core.plan import Result
from reconciler.core.values import fold_case


def account_keys(address: str, external_id: Value | None, live_id: str | None) -> frozenset[str]:
    """What a change of an account is found by; the service's id also where a record holds digests of all the rest."""
    ids = {f"id:{fold_case(str(external_id))}"} if external_id else set[str]()
    lives = {f"live:{live_id}"} if live_id else set[str]()
    return frozenset({fold_case(address), *ids, *lives})


@dataclass(frozen=True, slots=True)
class AppliedChange:
    """One change as a plan has it on record, and how it ended; "" while nothing tells. Values may be digests."""

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
        """What it is found by."""
        external = self.after.get("externalId") or self.before.get("externalId")
        return account_keys(self.address, external, self.live_id)

    @property
    def rows(self) -> tuple[FieldChange, ...]:
        """The attributes that differ."""
        return diff_fields(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan on record says besides what became of its changes. `digest`: of the files it was made of."""

    changes: Mapping[str, AppliedChange]
    """By each of their keys."""
    digest: str
    version: str
    at: datetime
    unmanaged: int
    """Live accounts that were not managed."""


@dataclass(frozen=True, slots=True)
class ApplyRun:
    """One apply: which plan, for which commit, what became of each change. `position`: of its commit, see `place`."""

    record: str
    plan_id: str
    commit: str | None
    began: datetime
    whole: bool
    changes: Mapping[str, AppliedChange]
    """By each of their keys."""
    unplannable: frozenset[str] = frozenset()
    """Keys of people that could not be planned."""
    how: str = ""
    """`complete`, `interrupted`, `quarantined`; empty: it did not end."""
    left: int = 0
    """Changes that it did not begin."""
    ended: datetime | None = None
    position: int | None = None
    planned: Planned | None = None
    """None: the plan on record cannot be read."""
    key: str | None = None
    """Which key its digests were made with; None: it holds none."""

    @property
    def complete(self) -> bool:
        """Whether it did not leave anything out."""
        return self.how == "complete" and not self.left

    def find(self, keys: Iterable[str]) -> AppliedChange | None:
        """The change of whoever goes by one of `keys`."""
        return next((self.changes[each] for each in sorted(keys) if each in self.changes), None)

    def settled(self, keys: Collection[str]) -> bool:
        """Whether whoever goes by one of `keys` was as desired after it."""
        if self.unplannable.intersection(keys):
            return False
        found = self.find(keys)
        if found is not None:
            return found.result == Result.DONE
        # Whoever was not in a plan for everybody was as desired already, however it ended.
        return self.whole and (self.complete or self._did_not_plan(keys))

    def _did_not_plan(self, keys: Collection[str]) -> bool:
        return self.planned is not None and not any(each in self.planned.changes for each in keys)


FAILURES = frozenset({Result.FAILED, Result.NOT_IN_EFFECT, Result.UNKNOWN})


class QuarantineReason(StrEnum):
    """Why an apply stopped itself."""

    REFUSED = "EncounteredQuarantineException"
    """The service refused us as a whole: the token, the certificate, an answer that is no SCIM."""
    PROPORTION = "EncounteredEscrowProportionThreshold"
    TOTAL = "EncounteredTotalEscrowThreshold"


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Why a run stopped itself."""

    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """What became of one change in one run, by its receipt."""

    address: str
    action: str
    digest: str
    result: str
    message: str
    time: datetime


@dataclass(frozen=True, slots=True)
class ReceiptRun:
    """One apply, by its receipt. `ended` None: it crashed, or goes on."""

    plan_id: str
    began: datetime
    whole: bool
    """Whether it was about all users (no `--user`)."""
    attempts: tuple[Attempt, ...] = ()
    ended: datetime | None = None
    how: str = ""
    """`complete`, `interrupted`, `quarantined`; empty: it did not end."""
    left: int = 0
    """Changes that it did not begin."""
    quarantine: Quarantine | None = None

    def count(self, *results: str) -> int:
        """The number of changes that ended so."""
        return sum(attempt.result in results for attempt in self.attempts)

    @property
    def failed(self) -> int:
        """The number of changes that failed."""
        return self.count(*FAILURES)

    @property
    def successful(self) -> bool:
        """Whether everything it was to do is done."""
        return self.how == "complete" and not self.left and self.count(Result.DONE) == len(self.attempts)
