"""Protection by the entry of a user: it ends when the entry says so, not when the entry disappears.

Applies note the ids of the accounts that entries protect, and of those whose entries ended it. So a plan can tell a
user whose entry is gone from one that was never protected.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from reconciler.core.model import AttributeMapping, DesiredUser, LiveUser
from reconciler.core.plan import Action, Change, ProtectionNote
from reconciler.core.values import to_comparable

MOST_NOTED = 10_000
"""Accounts that one apply notes."""


@dataclass(frozen=True, slots=True)
class EntryProtection:
    """`without_entry`: ids of noted accounts whose entries are gone. `note`: what an apply of the plan records."""

    without_entry: frozenset[str] = frozenset()
    note: ProtectionNote = field(default_factory=ProtectionNote)


def judge_entries(
    pairs: Iterable[tuple[DesiredUser, LiveUser | None]],
    live: Iterable[LiveUser],
    *,
    noted: frozenset[str],
    protected: frozenset[str],
    mappings: Iterable[AttributeMapping],
    changes: Iterable[Change] = (),
) -> EntryProtection:
    """Compare the entries of users with the accounts that applies noted as protected by theirs.

    `pairs`: as matched; a user in conflict has none. `noted`: the live ids on record. `protected`: the ids of the
    accounts that entries protect now. `changes`: of the plan, for the protected users that it creates.
    """
    pairs = list(pairs)
    protecting = {user.key for user, _ in pairs if user.lifecycle.protected}
    created = frozenset(
        change.address
        for change in (changes if protecting else ())
        if change.action is Action.CREATE and change.key in protecting
    )
    with_entry = _find_with_entry(pairs, noted, mappings) if noted else set()
    without = {user.id for user in (live if noted else ()) if user.id in noted} - with_entry - protected
    kept, ended = sorted(protected)[:MOST_NOTED], sorted(with_entry - protected)[:MOST_NOTED]
    note = ProtectionNote(tuple(kept), tuple(ended), created, differs=bool(ended) or not noted >= frozenset(kept))
    return EntryProtection(frozenset(without), note)


def _find_with_entry(
    pairs: Iterable[tuple[DesiredUser, LiveUser | None]], noted: frozenset[str], mappings: Iterable[AttributeMapping]
) -> set[str]:
    """Return the ids of the noted accounts whose own entry is there.

    That is the entry that matches the account, is not in error and has the externalId of the account, if it has one.
    The entry of another user ends no protection. One that is made once is no user's; a default is in `attributes`.
    """
    linking = next((row.attribute for row in mappings if row.target == "externalId" and not row.once), None)
    found: set[str] = set()
    for user, account in pairs:
        if account is None or account.id not in noted or user.failed:
            continue
        if linking is None or account.external_id is None:
            found.add(account.id)
            continue
        wanted = {user.anchor, to_comparable(linking, user.attributes.get("externalId"))}
        if to_comparable(linking, account.external_id) in wanted:
            found.add(account.id)
    return found
