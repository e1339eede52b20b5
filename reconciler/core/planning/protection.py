"""Protection follows the account, whatever it is called: by its ids, and by the names that receipts know it by."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from reconciler.core.model import DesiredUser, Diagnostic, LiveUser, Origin, error, format_user_address, warning
from reconciler.core.plan import Change
from reconciler.core.planning.temporary_names import is_temporary, proves_original_name
from reconciler.core.policy import Policy
from reconciler.core.text import quote
from reconciler.core.values import fold_case


@dataclass(frozen=True, slots=True)
class AccountNames:
    """The folded userNames and externalIds that an account had, by receipts."""

    user_names: frozenset[str] = frozenset()
    external_ids: frozenset[str] = frozenset()


NO_NAMES = AccountNames()


def collect_user_names(user: DesiredUser) -> frozenset[str]:
    """Return the folded names and identifiers of a desired user."""
    values = (user.key, *user.user_names, *user.match, user.anchor)
    return frozenset(fold_case(value) for value in values if isinstance(value, str) and value)


@runtime_checkable
class DatedUsers(Protocol):
    """Desired users that are built at each access: most have no dates and no protection, so most need no look."""

    def list_dated(self) -> Iterable[DesiredUser]:
        """Return the users with dates or with protection, and perhaps others."""


def collect_protected_names(desired: Iterable[DesiredUser], policy: Policy) -> frozenset[str]:
    """Return the folded names of protected users: those of `guards.protected`, and of users protected in git."""
    dated = desired.list_dated() if isinstance(desired, DatedUsers) else desired
    in_git = (collect_user_names(user) for user in dated if user.lifecycle.protected)
    return policy.protected.union(*in_git)


@dataclass(slots=True)
class ProtectedAccounts:
    """The protected ones among the live accounts. `recorded`: the names of accounts on record, by live id."""

    desired: Sequence[DesiredUser]
    live: Sequence[LiveUser]
    policy: Policy
    recorded: Mapping[str, AccountNames] = field(default_factory=dict)
    _by_external_id: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for found in self.recorded.values():
            for external_id in found.external_ids:
                self._by_external_id.setdefault(external_id, set()).update(found.user_names)

    def find_ids(self) -> frozenset[str]:
        """Return the live ids of protected accounts.

        An account is protected if it has, or ever had, a protected name: itself, or an account with the same
        externalId. A user that takes a protected name is protected as well, until no entry names it.
        """
        return self._find_named(collect_protected_names(self.desired, self.policy))

    def find_ids_by_entries(self) -> frozenset[str]:
        """Return the live ids of the accounts that the entries of their users protect."""
        return self._find_named(collect_protected_names(self.desired, Policy()))

    def _find_named(self, named: Collection[str]) -> frozenset[str]:
        if not named:
            return frozenset()
        return frozenset(
            user.id for user in self.live if not (_current_names(user) | self._earlier_names(user)).isdisjoint(named)
        )

    def find_misnamed(self) -> Mapping[str, str]:
        """Return the live accounts that an entry of `guards.protected` may mean: the entry by live id.

        The entry names no account and no user as they are called now, and is the account's userName before the @: the
        domain is wrong or missing, or it is an address such as `mailto:…`. What the record says settles nothing.
        """
        entries = {_local_part(entry): entry for entry in sorted(self.find_unresolved(), reverse=True)}
        named = [user for user in self.live if user.user_name] if entries else []
        found = ((user.id, _local_part(fold_case(user.user_name))) for user in named)
        return {live_id: entries[local] for live_id, local in found if local in entries}

    def find_unresolved(self) -> set[str]:
        """Return the entries of `guards.protected` that name no account and no user as they are called now."""
        lacking = set(self.policy.protected)
        for wanted in self.desired if lacking else ():
            lacking -= collect_user_names(wanted)
        for user in self.live if lacking else ():
            lacking.difference_update(_current_names(user), self._find_original_name(user))
        return lacking

    def check_entries(self, changes: Iterable[Change]) -> list[Diagnostic]:
        """Report the entries of `guards.protected` that do not name their account, or will not after `changes`."""
        if not self.policy.protected:
            return []
        current = {name for user in self.desired for name in collect_user_names(user)}
        current.update(name for user in self.live for name in _current_names(user))
        earlier = self._index_earlier_names()
        reports = [self._check_entry(entry, current, earlier.get(entry, ())) for entry in sorted(self.policy.protected)]
        reports += [self._check_rename(change) for change in changes]
        return [each for each in reports if each is not None]

    def _index_earlier_names(self) -> Mapping[str, Sequence[LiveUser]]:
        """Index the accounts that had the name of an entry and do not have it now."""
        found: dict[str, list[LiveUser]] = {}
        for user in self.live:
            for entry in self.policy.protected & (self._earlier_names(user) - _current_names(user)):
                found.setdefault(entry, []).append(user)
        return found

    def _check_entry(self, entry: str, current: Collection[str], earlier: Sequence[LiveUser]) -> Diagnostic | None:
        name, origin = quote(entry), self._locate(entry)
        now = ", ".join(sorted(quote(user.user_name or user.id) for user in earlier))
        if entry in current:
            if not earlier:
                return None
            summary = f"guards.protected: {name} now names another account; the one it named before is now called {now}"
            return warning(summary, "Both are protected. Change the entry to name the one you mean.", origin)
        if any(proves_original_name(user, entry) for user in earlier):
            summary = f"guards.protected: the account {name} has the temporary name {now}"
            return warning(
                summary, "An exchange of user names was interrupted. The account is still protected.", origin
            )
        if earlier:
            summary = f"guards.protected: the account {name} is now called {now}"
            detail = "Only the record of applies still protects it: change the entry to the new name."
            return error(summary, detail, origin, format_user_address(earlier[0].user_name or earlier[0].id))
        if any(entry in found.user_names or entry in found.external_ids for found in self.recorded.values()):
            summary = f"guards.protected: the account {name} no longer exists"
            detail = "If it was deleted on purpose, remove the entry; otherwise correct it to the current name."
            return error(summary, detail, origin, format_user_address(entry))
        return warning(f"guards.protected: user not found: {name}", "Check the spelling.", origin)

    def _check_rename(self, change: Change) -> Diagnostic | None:
        """Warn that an entry must follow the account."""
        before, after = (change.before.get("userName"), change.after.get("userName"))
        if before is None or after is None or fold_case(str(before)) == fold_case(str(after)):
            return None
        entry = fold_case(str(before))
        if entry not in self.policy.protected:
            return None
        summary = f"guards.protected: {quote(str(before))} will be called {quote(str(after))}"
        detail = "The account stays protected: change the entry to the new name after the apply."
        return warning(summary, detail, self._locate(entry))

    def _locate(self, entry: str) -> Origin | None:
        return self.policy.protected_origins.get(entry)

    def _earlier_names(self, user: LiveUser) -> frozenset[str]:
        """Return the names on record of the account, and of those with an externalId that it has or had."""
        found = self.recorded.get(user.id, NO_NAMES)
        external_ids = found.external_ids | ({fold_case(user.external_id)} if user.external_id else set())
        linked = (self._by_external_id.get(each, ()) for each in external_ids)
        return found.user_names.union(found.external_ids, self._find_original_name(user), *linked)

    def _find_original_name(self, user: LiveUser) -> Collection[str]:
        """Return the entry that the account was called before a temporary name, which proves it without any record."""
        if not is_temporary(user.user_name):
            return ()
        return [entry for entry in self.policy.protected if proves_original_name(user, entry)]


def _local_part(name: str) -> str:
    """Return what a folded name has before its @."""
    local = name.removeprefix("mailto:").strip()
    return local.rpartition("@")[0] or local


def _current_names(user: LiveUser) -> frozenset[str]:
    return frozenset(fold_case(name) for name in (user.user_name, user.external_id, user.id) if name)
