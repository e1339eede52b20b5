"""What a plan is built from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from reconciler.core.model import (
    AttributeMapping,
    AwaitedAccount,
    Deactivation,
    DesiredUser,
    Diagnostic,
    LiveUser,
    Target,
)
from reconciler.core.planning.forms import SettledForms, no_settled_forms
from reconciler.core.planning.guards.context import AccountEvidence, Elsewhere, RecentChange
from reconciler.core.planning.lifecycle import Clock
from reconciler.core.planning.protection import AccountNames
from reconciler.core.planning.settled import NOTHING_SETTLED, SettledPairs
from reconciler.core.planning.unconfirmed_writes import UnconfirmedWrite
from reconciler.core.policy import Policy
from reconciler.core.provisioning import ON, Provisioning
from reconciler.core.scope.scim_filter import Predicate


@dataclass(frozen=True, slots=True)
class LiveState:
    """The result of the live read. `problem`: why it is incomplete or unreliable; None: it is complete."""

    users: Sequence[LiveUser]
    problem: str | None = None
    clock_problem: str | None = None
    """Why the clock of the plan cannot be relied on; None: it agrees with the service's."""
    hidden: Mapping[str, datetime] = field(default_factory=dict)
    """By live id: accounts in `users` that the service does not show, and when applies on record deactivated them."""
    awaited: Mapping[str, AwaitedAccount] = field(default_factory=dict)
    """By the key of the desired user: accounts that the service does not show yet. No other is created meanwhile."""
    unshown: Sequence[AwaitedAccount] = ()
    """Accounts that applies created or reactivated, that no user in scope awaits and that are not shown yet."""
    notes: tuple[str, ...] = ()
    """For the reader: what was read by id, and why."""
    inactive: Collection[str] = frozenset()
    """Live ids of users without `active` that are inactive by a filter of the service."""
    settled: SettledPairs = NOTHING_SETTLED
    """The pairs that are neither in `users` nor in the request: `reopening.set_aside` took them out."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Everything a plan is built from, except the live state."""

    target: Target
    desired: Sequence[DesiredUser]
    mappings: Sequence[AttributeMapping]
    policy: Policy
    now: datetime
    version: str
    diagnostics: Sequence[Diagnostic] = ()
    unseen: str | None = None
    """Why users may be missing in `desired`: files that were not read. None: all users are there."""
    config_digest: str = ""
    provisioning: Provisioning = ON
    commit: str | None = None
    recently_deleted: Mapping[str, date] = field(default_factory=dict)
    deactivated: Mapping[str, Deactivation] = field(default_factory=dict)
    """By live id, from receipts."""
    moved_from: str | None = None
    """The target of the applies on record, if none of them went to `target`."""
    recent: Sequence[RecentChange] = ()
    """What applies on record changed in the last 24 hours."""
    approval_date: date | None = None
    """The day that approvals are judged by; None: that of `now`."""
    recorded: Collection[str] = ()
    """Ids of the accounts that exist and are active, by the applies on record."""
    replaced: Collection[str] = ()
    """Ids of accounts that would be in `recorded` if their users had no later accounts on record."""
    seen: Collection[str] | None = None
    """Those of `recorded` that users had when applies on record noted it last; None: not looked up."""
    evidence: AccountEvidence | None = None
    """Which live accounts were created, adopted or desired here; None: not looked up."""
    names: Mapping[str, AccountNames] = field(default_factory=dict)
    """By live id, from receipts: every name an account had. Needed if a user is protected."""
    unreadable: bool = False
    """Whether names on record are digests that cannot be compared."""
    noted: Collection[str] = ()
    """Live ids of the accounts that the entries of their users protected, by the applies on record."""
    owned: Predicate = lambda _resource: True
    """The ownership filter: whether a live user is managed."""
    original_names: Mapping[str, str] = field(default_factory=dict)
    """By live id, from receipts: the user names before temporary ones."""
    settled_forms: SettledForms = no_settled_forms
    """The values that applies on record sent, and that the service shows in another form."""
    unconfirmed: Mapping[str, UnconfirmedWrite] = field(default_factory=dict)
    """By live id: the changes on record that the service accepted a short while ago and never showed."""
    doubtful: Collection[str] = ()
    """Live ids of the accounts that may be inactive although nothing shows it, by the applies on record."""
    only: Collection[str] = ()
    """Folded userPrincipalNames, userNames, externalIds or ids: plan these users only; empty: all."""

    elsewhere: Elsewhere | None = None
    """What is known of the users that are not in `desired`, for an incremental plan; None: it is a plan of all."""

    @property
    def clock(self) -> Clock:
        """The clock of the lifecycle rules."""
        return Clock(self.now, self.deactivated)
