"""The input of the guards, and what their messages share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.plan import Action, Change
from reconciler.core.planning.settled import NOTHING_SETTLED, SettledPairs

WINDOW = timedelta(hours=24)
"""How long a change counts towards the limits."""


@dataclass(frozen=True, slots=True)
class RecentChange:
    """A change that an apply on record made, or may have made, within `WINDOW`.

    `was_active`: the account was active before it; `reactivated`: it was not, and is since. `lifted`: the guards that
    an approval lifted for that apply: the change was reviewed, and does not count towards these limits again.
    """

    address: str
    live_id: str | None
    action: Action
    was_active: bool = True
    reactivated: bool = False
    lifted: frozenset[str] = frozenset()
    unattended: bool = False
    """Whether the plan of that apply was not reviewed."""
    attributes: frozenset[str] = frozenset()
    """The attributes that a request named; of a create, all."""
    user_names: tuple[str, ...] = ()
    """The folded names that the account had before each of its requests, oldest first; "": it did not exist."""
    full_names: tuple[str, ...] = ()
    """The same for the requests that changed a part of the full name; "": it had none. Without those of a create."""


@dataclass(frozen=True, slots=True)
class AccountEvidence:
    """Which accounts were created, adopted or desired here, by their live ids.

    `problem`: why some of these may not be known, with what to do about it; empty: all are known.
    """

    known: Collection[str] = ()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What an incremental plan knows of the users that it does not look at; empty for a plan of all users.

    `managed`, `active`: how many further accounts there are, by the last read of all. `desired` and `live`: a user and
    the account that show that the service answers, and whose tenant it is. Neither gets a change.
    """

    managed: int = 0
    active: int = 0
    desired: Sequence[DesiredUser] = ()
    live: Sequence[LiveUser] = ()


@dataclass(frozen=True, slots=True)
class GuardContext:
    """The input of the guards."""

    changes: Sequence[Change]
    """Those that would be applied; of all users as soon as one of them is a removal."""
    desired: Sequence[DesiredUser]
    managed: Sequence[LiveUser]
    read_problem: str | None
    """Why the live read is incomplete or unreliable; None: it is complete."""
    recently_deleted: Mapping[str, date]
    """Folded user names of deleted accounts that the target still reserves, with the day they become free."""
    moved_from: str | None = None
    """The target of the applies on record, if none of them went to this target."""
    selected: Sequence[Change] | None = None
    """The changes that would be applied; None: all of `changes`."""
    planned: Sequence[Change] | None = None
    """The changes of all users, selected or not; None: `changes`."""
    recent: Sequence[RecentChange] = ()
    """Oldest first."""
    live: Sequence[LiveUser] = ()
    """All live users, managed or not."""
    lost: Collection[str] = ()
    """Ids of the accounts that applies left active, and that are not listed or have lost their externalId."""
    there: Collection[str] = ()
    """Ids of the listed accounts that applies left active, or that are those of desired users."""
    unclaimed: Collection[str] = ()
    """Ids of the live accounts without a desired user, less those that applies on record deactivated."""
    protected: Collection[str] = ()
    """Ids of live accounts that are protected, by whatever name."""
    misnamed: Mapping[str, str] = field(default_factory=dict)
    """By live id: the entry of `guards.protected` that may mean the account, and names none."""
    unresolved: Collection[str] = ()
    """Entries of `guards.protected` that name no account and no user now, if earlier names on record cannot be read."""
    without_entry: Collection[str] = ()
    """Ids of live accounts that the entries of their users protected, and whose entries are gone."""
    unnamed: Collection[str] = ()
    """Ids of accounts that the service does not show, and whose names are not known: apply judges what they are."""
    evidence: AccountEvidence | None = None
    """None: not looked up, as for a plan without a service."""
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    """What an incremental plan did not read."""
    settled: SettledPairs = NOTHING_SETTLED
    """Users in scope and accounts that are as desired. They are in nothing above, and the record names none of them."""

    def count_managed(self) -> int:
        """Return how many live users are managed."""
        return len(self.managed) + self.settled.count

    def list_managed(self) -> Iterable[LiveUser]:
        """Return the managed live users; those that are as desired are built one after another."""
        return chain(self.managed, self.settled.list_users())

    @property
    def chosen(self) -> Sequence[Change]:
        """The changes that would be applied."""
        return self.changes if self.selected is None else self.selected

    @property
    def whole(self) -> Sequence[Change]:
        """The changes of all users, selected or not."""
        return self.changes if self.planned is None else self.planned
