"""Which parts of a user's identity changes replace: the userName, givenName and familyName of the account.

Without givenName and familyName, displayName or name.formatted stands for both. It is replaced if its old and new value
have no word in common, so a new family name alone replaces nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from reconciler.core.model import Attributes, LiveUser
from reconciler.core.plan import Action, Change
from reconciler.core.planning.full_names import FAMILY, GIVEN, WHOLE, fold_full_name, share_word
from reconciler.core.planning.guards.context import GuardContext, RecentChange
from reconciler.core.planning.guards.takeovers import merge_recent
from reconciler.core.values import fold_case

NAMES = frozenset({GIVEN, FAMILY})
IDENTITY = NAMES | {"userName"}
_REWRITING = frozenset({Action.UPDATE, Action.ADOPT, Action.RELINK, Action.REACTIVATE})
LINKING = frozenset({Action.ADOPT, Action.RELINK})
"""Actions that link an account to a user by its userName, or as settings.yaml says."""


@dataclass(frozen=True, slots=True)
class RecentUpdates:
    """What the updates of the last 24 hours did to accounts, by live id, without what an approval lifted."""

    by_account: Mapping[str, RecentChange]
    adopted: frozenset[str]

    def find_rewritten(self, paths: frozenset[str], live: Iterable[LiveUser]) -> set[str]:
        """Find the accounts of which all these parts of the identity changed; `live`: as they are now."""
        found = {account for account, recent in self.by_account.items() if recent.attributes >= paths}
        if not any(recent.attributes.intersection(WHOLE) for recent in self.by_account.values()):
            return found
        users = ((self.by_account.get(user.id), user.attributes) for user in live)
        return found | {
            recent.live_id
            for recent, now in users
            if recent is not None and recent.live_id is not None and _find_replaced_until(recent, now, now) >= paths
        }

    def find_replaced(self, change: Change) -> frozenset[str]:
        """Find what this change and the recent ones together replace; nothing if the change does not take part."""
        now, recent = find_replaced(change), self.by_account.get(change.live_id or "")
        if recent is None or not (now or changes_full_name(change)):
            return now
        return now | find_replaced_since(recent, change)


def index_recent_updates(context: GuardContext, guard: str) -> RecentUpdates:
    """Index the updates of the last 24 hours."""
    updates = [change for change in context.recent if change.action in _REWRITING]
    adopted = {change.live_id for change in updates if change.action in LINKING and guard not in change.lifted}
    merged = merge_recent(map(without_filled_in, updates), guard)
    return RecentUpdates(merged, frozenset(account for account in adopted if account is not None))


def without_filled_in(change: RecentChange) -> RecentChange:
    """Return a recent change without the names that it gave an account which had none."""
    if not change.full_names or any(change.full_names):
        return change
    return replace(change, attributes=change.attributes - NAMES - set(WHOLE))


def changes_full_name(change: Change) -> bool:
    """Whether a change changes the full name."""
    return fold_full_name(change.before) != fold_full_name(change.after)


def find_replaced(change: Change) -> frozenset[str]:
    """Find what a change replaces by really different values: not only in their case or Unicode form.

    One name that is replaced, while the other is filled in or cleared, makes it both.
    """
    before, after = change.before, change.after
    replaced = frozenset(path for path in IDENTITY if _replaces(before, after, path))
    names = replaced & NAMES
    if names and names | {path for path in NAMES if bool(before.get(path)) != bool(after.get(path))} == NAMES:
        return replaced | NAMES
    if lacks_names(change) and _replaces_whole(before, after):
        return replaced | NAMES
    return replaced


def find_replaced_since(recent: RecentChange, change: Change) -> frozenset[str]:
    """Find what recent changes, and this one after them, replaced: what requests named, whatever the values were."""
    return _find_replaced_until(recent, change.before, change.after)


def _find_replaced_until(recent: RecentChange, before: Attributes, after: Attributes) -> frozenset[str]:
    replaced = recent.attributes & IDENTITY
    if not _lack_names(before, after) or recent.attributes.isdisjoint(WHOLE):
        return replaced
    first, last = next(filter(None, recent.full_names), ""), fold_full_name(after)
    return replaced if first and (first == last or share_word(first, last)) else replaced | NAMES


def lacks_names(change: Change) -> bool:
    """Whether the account has no givenName or no familyName, before the change or after it."""
    return _lack_names(change.before, change.after)


def _lack_names(before: Attributes, after: Attributes) -> bool:
    return any(not side.get(path) for side in (before, after) for path in NAMES)


def _replaces(before: Attributes, after: Attributes, path: str) -> bool:
    old, new = before.get(path), after.get(path)
    return bool(old and new) and fold_case(str(old)) != fold_case(str(new))


def _replaces_whole(before: Attributes, after: Attributes) -> bool:
    path = next((path for path in WHOLE if before.get(path) and after.get(path)), None)
    if path is None or not _replaces(before, after, path):
        return False
    return not share_word(str(before[path]), str(after[path]))
