"""Protection by the entry of a user: it ends when the entry says so, not when the entry disappears.

Applies note the ids of the accounts that entries protect, and of those whose entries ended it. So a plan can tell a
user whose entry is gone from one that was never protected.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.plan import Action, Change, ProtectionNote
from reconciler.core.planning.protection import collect_user_names
from reconciler.core.values import fold_case

MOST_NOTED = 10_000
"""Accounts that one apply notes."""


@dataclass(frozen=True, slots=True)
class EntryProtection:
    """`without_entry`: ids of noted accounts whose entries are gone. `note`: what an apply of the plan records."""

    without_entry: frozenset[str] = frozenset()
    note: ProtectionNote = field(default_factory=ProtectionNote)


def judge_entries(
    desired: Sequence[DesiredUser],
    live: Iterable[LiveUser],
    noted: frozenset[str],
    protected: frozenset[str],
    changes: Iterable[Change] = (),
) -> EntryProtection:
    """Compare the entries of users with the accounts that applies noted as protected by theirs.

    `noted`: the live ids on record. `protected`: the ids of the accounts that entries protect now. `changes`: of the
    plan, for the protected users that it creates.
    """
    protecting = {user.key for user in desired if user.lifecycle.protected}
    created = frozenset(
        change.address
        for change in (changes if protecting else ())
        if change.action is Action.CREATE and change.key in protecting
    )
    accounts = [user for user in live if user.id in noted] if noted else []
    with_entry = _find_with_entry(accounts, desired)
    without = {user.id for user in accounts} - with_entry - protected
    kept, ended = sorted(protected)[:MOST_NOTED], sorted(with_entry - protected)[:MOST_NOTED]
    note = ProtectionNote(tuple(kept), tuple(ended), created, differs=bool(ended) or not noted >= frozenset(kept))
    return EntryProtection(frozenset(without), note)


def _find_with_entry(accounts: Sequence[LiveUser], desired: Iterable[DesiredUser]) -> set[str]:
    """Return the ids of the accounts that have an entry, by externalId or id; by userName only if nothing else does."""
    by_id: dict[str, list[LiveUser]] = {}
    by_name: dict[str, list[LiveUser]] = {}
    for account in accounts:
        for identity in (account.id, account.external_id):
            if identity:
                by_id.setdefault(fold_case(identity), []).append(account)
        if account.user_name:
            by_name.setdefault(fold_case(account.user_name), []).append(account)
    found: set[str] = set()
    for user in desired if accounts else ():
        for name in collect_user_names(user):
            found.update(account.id for account in by_id.get(name, ()))
            found.update(
                account.id for account in by_name.get(name, ()) if user.anchor is None or account.external_id is None
            )
    return found
