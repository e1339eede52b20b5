"""What the report site shows, as it was read. Names and values in it are untrusted and raw: the pages escape them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from reconciler.apply.quarantine import FailingUser
from reconciler.core.plan import Plan
from reconciler.core.profile import TargetProfile
from reconciler.core.values import fold_case
from reconciler.history.outcomes import TimelineEntry
from reconciler.record.runs import ApplyRun
from reconciler.render.status import Status


class AccountState(StrEnum):
    """What the record says of the account of a user."""

    ACTIVE = "account"
    DEACTIVATED = "deactivated"
    DELETED = "deleted"
    NONE = "none on record"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True)
class RecordedState:
    """The account of a user by the record. `since`: of the apply that shows it. `unchanged`: it had nothing to do."""

    state: AccountState
    since: datetime | None = None
    unchanged: bool = False


@dataclass(frozen=True, slots=True)
class Why:
    """Why a user is in or out of scope. `path`: groups, then the entry that names the user. `rule`: the filter."""

    in_scope: bool
    text: str
    path: tuple[str, ...] = ()
    rule: str = ""
    place: str = ""
    """Where the rule is written, `scope.yaml:7:3`."""


@dataclass(frozen=True, slots=True)
class SiteUser:
    """A user of the desired state, or removed from it. `file`: where it is written, with line and column."""

    key: str
    object_id: str
    file: str
    why: Why
    account: RecordedState
    failing: FailingUser | None = None
    entries: tuple[TimelineEntry, ...] = ()
    """Its history, newest first, as far as the site has it."""
    more: int = 0
    """Older entries that are left out."""
    removed: bool = False
    """The desired state no longer has it: `why` says since when, and `file` is empty."""

    @property
    def sort_key(self) -> tuple[str, str]:
        """The order of the list."""
        return fold_case(self.key), self.key


@dataclass(frozen=True, slots=True)
class ShownPlan:
    """A plan of the site. `saved`: it was read from a file, so it may be old; else desired states were compared."""

    plan: Plan
    profile: TargetProfile
    saved: bool


@dataclass(frozen=True, slots=True)
class SiteHistory:
    """All recorded changes, newest first, as far as the site has them. `count`: of all. `shallow`: git has no more."""

    entries: tuple[TimelineEntry, ...] = ()
    drift: tuple[TimelineEntry, ...] = ()
    """What was edited in the target and found by an apply."""
    count: int = 0
    shallow: bool = False


@dataclass(frozen=True, slots=True)
class SiteReport:
    """Everything that the site shows. `unknown`: what could not be read, by heading, and why."""

    status: Status
    now: datetime
    commit: str | None
    version: str
    users: Sequence[SiteUser]
    runs: Sequence[ApplyRun]
    """Oldest first; of an unreadable record none, and `unknown` says so."""
    plans: Sequence[ShownPlan] = ()
    history: SiteHistory = field(default_factory=SiteHistory)
    unknown: Mapping[str, str] = field(default_factory=dict)
