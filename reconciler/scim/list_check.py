"""What a check of the list against the record found: the interface between reading live users and the record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from reconciler.core.model import AwaitedAccount, DesiredUser, LiveUser


@dataclass(frozen=True, slots=True)
class Corrections:
    """What reading by id showed about accounts that the record knows and the list does not show as they are.

    `users`: by id, None for those that are gone. `hidden`, `awaited`, `unshown`, `notes`: as in
    `LiveState`; `hidden_users`: those of `hidden`, as far as they are known. `settled`: keys of the desired users whose
    accounts are hidden or awaited.
    """

    users: Mapping[str, LiveUser | None] = field(default_factory=dict)
    hidden_users: Sequence[LiveUser] = ()
    hidden: Mapping[str, datetime] = field(default_factory=dict)
    awaited: Mapping[str, AwaitedAccount] = field(default_factory=dict)
    settled: Collection[str] = frozenset()
    unshown: Sequence[AwaitedAccount] = ()
    notes: tuple[str, ...] = ()


class ListCheck(Protocol):
    """Compares a list with the record."""

    def __call__(
        self,
        missing: Sequence[DesiredUser],
        listed: Mapping[str, LiveUser],
        find_desired: Callable[[LiveUser], DesiredUser | None],
    ) -> Corrections:
        """Return the corrections of a list that does not show the `missing` users."""


NO_CORRECTIONS = Corrections()
