"""Decide whether the name of a new user is looked up before the user is created. Pure.

A look-up finds an account that was made after the plan's own list of all users was read. It can be left out while a
service refuses a name that is taken: then the create itself finds that out. In doubt, it is made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import StrEnum

from reconciler.core.plan import Change
from reconciler.core.profile import Confidence, Switch
from reconciler.core.values import fold_case

LONGEST_AGE = timedelta(minutes=5)
"""How long after the read of the list began it says that a user has no account."""
FIRST = 3
"""Look-ups that must have found no user before the first is left out."""
EVERY = 25
"""Of so many creates that could do without, one is looked up."""


class Kept(StrEnum):
    """Why a name is looked up."""

    UNPROVEN = "the plan's own list, the record or this run leaves in doubt who has an account"
    NOT_UNIQUE = "it is not known that the service refuses a user name that is taken"
    OLD = "the list was read too long ago"
    DEPENDENT = "the change waits for another one"
    FREED = "a change of this run frees the name"
    UNANSWERED = "an earlier create of this user has no answer on record"
    LATE = "the service shows changes late"
    DOUBTED = "a name holder was found, a name refused or an answer lost"
    FIRST = "one of the first of the run"
    SAMPLE = "one of many"


def knows_unique_names(switch: Switch) -> bool:
    """Whether a profile knows that user names are unique; what it only infers is not known.

    What a service declares in `/Schemas` is not asked: many copy the schema of the RFC, and accept a name twice.
    """
    return bool(switch.value) and switch.confidence is not Confidence.INFERRED


class CreationLookups:
    """The decisions of one run. Thread-safe. Without arguments every name is looked up.

    `began`: when the read of the complete list began that the plan was made from; None: it proves nothing. `unique`:
    whether the service is known to refuse a name that is taken. `changes`: all that the run makes. `unanswered`:
    whether a create of the user at an address has no answer on record.
    """

    def __init__(
        self,
        began: datetime | None = None,
        *,
        unique: bool = False,
        changes: Iterable[Change] = (),
        unanswered: Callable[[str], bool] = lambda _address: True,
    ) -> None:
        self._began = began
        self.unique = unique
        self._unanswered = unanswered
        self._freed = {fold_case(name) for change in changes for name in _list_freed(change)}
        self._lock = threading.Lock()
        self._found_nobody = 0
        self._eligible = 0
        self._doubted = False

    def decide(self, change: Change, now: datetime, *, late: bool) -> Kept | None:
        """Return why the name of a create is looked up; None: it is not.

        `late`: the service showed a change of this run late, or has not shown one yet.
        """
        if self._began is None:
            return Kept.UNPROVEN
        kept = self._judge_change(change, now, self._began, late=late)
        if kept is not None:
            return kept
        with self._lock:
            if self._doubted:
                return Kept.DOUBTED
            if not self.unique:
                return Kept.NOT_UNIQUE
            if self._found_nobody < FIRST:
                return Kept.FIRST
            self._eligible += 1
            return Kept.SAMPLE if self._eligible % EVERY == 0 else None

    def note_lookup(self, *, found: bool, filtered: bool) -> None:
        """Note a look-up: whether it found an account, and whether the service filters."""
        with self._lock:
            self._doubted = self._doubted or found
            self._found_nobody += filtered and not found

    def note_doubt(self) -> None:
        """Note that the service refused a name, or that it is not known what became of a create."""
        with self._lock:
            self._doubted = True

    def _judge_change(self, change: Change, now: datetime, began: datetime, *, late: bool) -> Kept | None:
        # A clock that was set back says nothing about the age.
        if not timedelta(0) <= now - began <= LONGEST_AGE:
            return Kept.OLD
        if late:
            return Kept.LATE
        if change.requires:
            return Kept.DEPENDENT
        if fold_case(str(change.after.get("userName"))) in self._freed:
            return Kept.FREED
        return Kept.UNANSWERED if self._unanswered(change.address) else None


def _list_freed(change: Change) -> list[str]:
    """Return the names that an account of a change has before it, or for a while."""
    names = (change.before.get("userName"), change.temporary_user_name)
    return [str(name) for name in names if name is not None]
