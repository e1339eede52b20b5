"""The policy of settings.yaml, as plain data for the planner."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from reconciler.core.model import Origin
from reconciler.core.plan import Action
from reconciler.core.text import quote, shorten


class Removal(StrEnum):
    """What happens to a managed live user without a desired user."""

    DEACTIVATE = "deactivate"
    DELETE = "delete"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Limit:
    """The most changes of one kind; None: no limit. `floor`: percent always allows this many."""

    count: int | None = None
    percent: float | None = None
    floor: int = 1


@dataclass(frozen=True, slots=True)
class UnattendedLimits:
    """The most accounts that applies without a review may change, in one plan and in 24 hours together."""

    updates: int = 0
    creates: int = 0
    removals: int = 0


APPROVABLE_GUARDS = (
    "removals",
    "reactivations",
    "updates",
    "creates",
    "last-active-user",
    "empty-desired-state",
    "name-reuse",
    "name-takeovers",
    "identity-changes",
    "relink",
    "foreign-accounts",
    "target",
    "tenant",
    "disconnect",
)
"""The guards that an approval can lift, if it names them."""

FINAL_GUARDS = ("complete-read", "protected")
"""The guards that no approval lifts."""

MAX_APPROVAL_PERIOD = timedelta(days=30)
"""How far ahead the last day of an approval may be."""


def find_guard_problem(name: str) -> str | None:
    """Return why an approval cannot name this guard; None if it can."""
    known = f"Guards that an approval can lift: {', '.join(APPROVABLE_GUARDS)}"
    if name in FINAL_GUARDS:
        return f"{name} cannot be approved: remove the cause. {known}"
    if name in APPROVABLE_GUARDS:
        return None
    near = difflib.get_close_matches(name, APPROVABLE_GUARDS, 1)
    return f"{quote(shorten(name, 40))} is not a guard.{f' Did you mean {near[0]}?' if near else ''} {known}"


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval of exactly one plan, valid through `until` (None: given for this run), for the guards that it lifts.

    `id`: the same for the same approval; `origin`: where it is written. `used`: when an apply with it ended complete.
    """

    plan_id: str
    removals: int | None = None
    until: date | None = None
    lifts: frozenset[str] = frozenset({"removals"})
    id: str = "--approve"
    origin: Origin | None = None
    used: date | None = None

    @property
    def place(self) -> str:
        """Where the approval was given, for messages."""
        return str(self.origin) if self.origin is not None else self.id


@dataclass(frozen=True, slots=True)
class RelinkedId:
    """One row of `relink.ids`: accounts with the externalId `old` are those of the user with `new`."""

    old: str
    new: str
    origin: Origin | None = None


@dataclass(frozen=True, slots=True)
class RelinkRules:
    """`relink` of settings.yaml. `by_user_name`: an account whose externalId no user has is matched by userName."""

    ids: tuple[RelinkedId, ...] = ()
    by_user_name: bool = False
    origin: Origin | None = None

    def __bool__(self) -> bool:
        return bool(self.ids) or self.by_user_name


NO_RELINKING = RelinkRules()


@dataclass(frozen=True, slots=True)
class Policy:
    """Lifecycle, guards and approvals."""

    permitted: frozenset[str] = frozenset({"create", "update", "deactivate", "delete"})
    out_of_scope: Removal = Removal.DEACTIVATE
    removed: Removal = Removal.DEACTIVATE
    delete_after_days: int | None = None
    removals: Limit = field(default_factory=lambda: Limit(10, 10))
    reactivations: Limit = field(default_factory=lambda: Limit(10, 10))
    updates: Limit = field(default_factory=Limit)
    creates: Limit = field(default_factory=Limit)
    name_takeovers: Limit = field(default_factory=lambda: Limit(0))
    identity_changes: Limit = field(default_factory=lambda: Limit(0))
    foreign_accounts: Limit = field(default_factory=lambda: Limit(0))
    """How many accounts that were not created or adopted here may be removed."""
    failures: Limit = field(default_factory=lambda: Limit(None, 40, 10))
    """How many attempted changes may fail before an apply stops itself."""
    protected: frozenset[str] = frozenset()
    """Folded userNames and externalIds of users that are never removed."""
    domains: tuple[str, ...] = ()
    """The organisation's verified domains, as written; empty: unknown."""
    protected_origins: Mapping[str, Origin] = field(default_factory=dict)
    """The origin of each of these in settings.yaml."""
    digests: bool = False
    """Whether the record holds digests instead of names and values."""
    record_branch: str | None = None
    """The branch of the record."""
    relink: RelinkRules = NO_RELINKING
    approvals: tuple[Approval, ...] = ()
    unattended: UnattendedLimits | None = None
    """How far an apply without a review goes; None: nothing is applied unattended."""

    def permits(self, action: Action) -> bool:
        """Whether `lifecycle.actions` permits `action`; adopting, relinking and reactivating are updates."""
        needed = "update" if action in (Action.ADOPT, Action.RELINK, Action.REACTIVATE) else action.value
        return needed in self.permitted
