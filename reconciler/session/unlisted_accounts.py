"""Compare the list of live users with the record: accounts that it does not show yet, or shows as they were.

Services may show a write in lists only after a while, and accounts that are inactive not at all. The receipts have the
ids of the accounts that applies created and changed: these are read by id. Nothing is requested if the list shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from reconciler.core.identity import parse_identity
from reconciler.core.model import AttributeMapping, Attributes, AwaitedAccount, DesiredUser, LiveUser, Resource
from reconciler.core.patch import build_resource
from reconciler.core.planning.diff import diff_user
from reconciler.core.planning.live_user import ResourceReader
from reconciler.core.text import pluralize
from reconciler.core.untrusted_values import EARLIEST_MODIFICATION, parse_moment
from reconciler.errors import ScimError
from reconciler.record.recorded_accounts import UNCONFIRMED_FOR, RecordedAccount, RecordedAccounts
from reconciler.record.redaction import DIGEST_MARK
from reconciler.record.timestamps import LONG_AGO
from reconciler.scim.list_check import NO_CORRECTIONS, Corrections
from reconciler.scim.paging import start_readers

RECENT = timedelta(minutes=15)
"""How long after a request lists may still show the state from before it."""
MOST_READ = 1_000
"""Accounts that are read by id for one plan, the last ones written first."""
_SAMPLE = 5
"""Accounts written recently that are read although the list shows them as desired, to see whether it lags."""
_WORKERS = 4


class RecordedUserService(Protocol):
    """What the check needs of a SCIM client."""

    def get_user(self, identity: str) -> Resource | None:
        """One user; None if the service shows none."""

    def find_users(self, attribute: str, value: str) -> Sequence[Resource]:
        """Users by filter."""


@dataclass(slots=True)
class RecordCheck:
    """Checks a list of live users against the accounts on record (`scim.list_check.ListCheck`). `present`: the time."""

    client: RecordedUserService
    reader: ResourceReader
    recorded: RecordedAccounts
    mappings: Sequence[AttributeMapping]
    present: datetime
    former_names: Callable[[RecordedAccount], Attributes] = lambda _account: {}
    """The names that an account had when it was removed, as far as they are known."""
    read: dict[str, LiveUser | None] = field(default_factory=dict)
    """By id, what was read; an account that could not be read is not here."""

    def __call__(
        self,
        missing: Sequence[DesiredUser],
        listed: Mapping[str, LiveUser],
        find_desired: Callable[[LiveUser], DesiredUser | None],
    ) -> Corrections:
        """Return what the list does not show as it is. Raises `TargetError` if the service refuses every request."""
        if not self.recorded.accounts:
            return NO_CORRECTIONS
        candidates = [(user, self._find_accounts(user, listed)) for user in missing]
        wanted = [account for _, accounts in candidates for account in accounts]
        self._read_by_id([*wanted, *self._find_suspects(listed, find_desired)])
        self._find_by_filter(candidates)
        if self._sample_differs(listed):
            self._read_by_id(self._list_recent(listed))
        found = _Findings(self, listed)
        for user, accounts in [*candidates, *found.list_dropped(find_desired)]:
            found.add(user, accounts)
        return found.build()

    def _find_accounts(self, user: DesiredUser, listed: Mapping[str, LiveUser]) -> list[RecordedAccount]:
        """Return the accounts on record that may be those of a user that the list does not show."""
        values = {**user.attributes, **user.create_only}
        found = self.recorded.find_by_external_id(values.get("externalId"))
        found += self.recorded.find_by_user_name(values.get("userName"))
        return list({account.live_id: account for account in found if account.live_id not in listed}.values())

    def _find_by_filter(self, candidates: Iterable[tuple[DesiredUser, Sequence[RecordedAccount]]]) -> None:
        """Look for accounts written a short while ago that are not shown by id, as only such reads may lag."""
        since = self.present - RECENT
        for user, accounts in candidates:
            value = {**user.attributes, **user.create_only}.get("externalId")
            unshown = {
                each.live_id for each in accounts if each.written >= since and self.read.get(each.live_id, 0) is None
            }
            if value is None or not unshown:
                continue
            try:
                found = self.client.find_users("externalId", str(value))
            except ScimError:
                continue
            for resource in found:
                live_id = parse_identity(resource.get("id"))
                if live_id in unshown:
                    shown = self.reader.read(resource)
                    if not _is_from_before_removal(shown, self.recorded.accounts[live_id]):
                        self.read[live_id] = shown

    def _list_recent(self, listed: Mapping[str, LiveUser]) -> list[RecordedAccount]:
        """Return the accounts written a short while ago that the list shows."""
        recent = self.recorded.list_written_since(self.present - RECENT)
        return [account for account in recent if account.live_id in listed]

    def _find_suspects(
        self, listed: Mapping[str, LiveUser], find_desired: Callable[[LiveUser], DesiredUser | None]
    ) -> list[RecordedAccount]:
        """Return the accounts written a short while ago that the list does not show as they were left."""
        suspects = []
        for account in self.recorded.list_written_since(self.present - UNCONFIRMED_FOR):
            user = listed.get(account.live_id)
            if account.written < self.present - RECENT and not (user is None and account.may_return(self.present)):
                continue
            if user is None:
                if account.exists and not account.removed_last:
                    suspects.append(account)
                continue
            desired = find_desired(user)
            removed = account.removed_last and (user.active or not account.exists)
            if removed or (desired is not None and diff_user(desired, user, self.mappings)):
                suspects.append(account)
        return suspects

    def _sample_differs(self, listed: Mapping[str, LiveUser]) -> bool:
        """Whether the list lags behind: some of the accounts written last differ when they are read by id."""
        unread = (account for account in self._list_recent(listed) if account.live_id not in self.read)
        self._read_by_id([account for account, _ in zip(unread, range(_SAMPLE), strict=False)])
        return any(
            user is not None and live_id in listed and user != listed[live_id] for live_id, user in self.read.items()
        )

    def _read_by_id(self, accounts: Iterable[RecordedAccount]) -> None:
        """Read accounts that were not read before. One that cannot be read is left out."""
        unread = {each.live_id: each for each in accounts if each.live_id not in self.read}
        room = max(0, MOST_READ - len(self.read))
        chosen = sorted(unread.values(), key=lambda each: (each.written, each.live_id), reverse=True)[:room]
        if not chosen:
            return
        with start_readers(_WORKERS) as pool:
            for account, result in zip(chosen, pool.map(self._read_one, chosen), strict=True):
                if result is not _UNREADABLE:
                    self.read[account.live_id] = self.reader.read(result) if isinstance(result, dict) else None

    def _read_one(self, account: RecordedAccount) -> Resource | object | None:
        try:
            return self.client.get_user(account.live_id)
        except ScimError:
            return _UNREADABLE


_UNREADABLE = object()


class _Findings:
    """Collects the corrections."""

    def __init__(self, check: RecordCheck, listed: Mapping[str, LiveUser]) -> None:
        self._check = check
        self._listed = listed
        self._hidden: dict[str, LiveUser] = {}
        self._since: dict[str, datetime] = {}
        self._awaited: dict[str, AwaitedAccount] = {}
        self._settled: set[str] = set()
        self._users = dict(_correct(check, listed))

    def list_dropped(
        self, find_desired: Callable[[LiveUser], DesiredUser | None]
    ) -> list[tuple[DesiredUser, Sequence[RecordedAccount]]]:
        """Return the users whose accounts the list shows as they were before they were removed, with the accounts."""
        dropped = [live_id for live_id, user in self._users.items() if user is None]
        wanted = [(find_desired(self._listed[live_id]), self._check.recorded.accounts[live_id]) for live_id in dropped]
        return [(user, [account]) for user, account in wanted if user is not None]

    def add(self, user: DesiredUser, accounts: Sequence[RecordedAccount]) -> None:
        """Add a user that the list does not show, and the accounts that may be theirs."""
        if any(self._users.get(account.live_id) is not None for account in accounts):
            return
        check, external_id = self._check, {**user.attributes, **user.create_only}.get("externalId")
        ours = [account for account in accounts if _is_linked(check.recorded, account, external_id)]
        waiting = next(filter(self._may_appear, ours), None)
        hidden = next((each for each in ours if each.hidden and each.live_id in check.read), None)
        if waiting is not None:
            until = waiting.created + UNCONFIRMED_FOR
            self._awaited[user.key] = AwaitedAccount(waiting.live_id, waiting.created, until)
            self._settled.add(user.key)
        elif hidden is not None and hidden.live_id not in self._hidden:
            self._add_hidden(user, hidden, str(external_id))

    def _may_appear(self, account: RecordedAccount) -> bool:
        """Whether an account that nothing shows may be there: it was never shown, or it is new and was not read."""
        check = self._check
        unread = account.live_id not in check.read and check.present - account.created < RECENT
        return account.is_unconfirmed(check.present) or unread

    def _add_hidden(self, user: DesiredUser, account: RecordedAccount, external_id: str) -> None:
        name = {**user.attributes, **user.create_only}.get("userName")
        known = name is not None and account in self._check.recorded.find_by_user_name(name)
        values = {**self._check.former_names(account), "externalId": external_id, "active": False}
        user_name = str(name) if known else account.user_name
        if not user_name.startswith(DIGEST_MARK):
            values["userName"] = user_name
        live = self._check.reader.read({**build_resource(values), "id": account.live_id})
        # Under an ownership filter that reads other attributes, nothing shows that the account is managed.
        if live.managed:
            self._hidden[account.live_id] = live
            self._since[account.live_id] = account.unseen
            self._settled.add(user.key)

    def build(self) -> Corrections:
        """Return the corrections."""
        notes = (_describe(len(self._users)),) if self._users else ()
        return Corrections(
            self._users,
            tuple(self._hidden.values()),
            self._since,
            self._awaited,
            frozenset(self._settled),
            self._find_unshown(),
            notes,
        )

    def _find_unshown(self) -> tuple[AwaitedAccount, ...]:
        """Return the accounts that may appear, or become active, and that no missing user has."""
        check = self._check
        known = {each.live_id for each in self._awaited.values()} | self._hidden.keys()
        known |= {live_id for live_id, user in self._users.items() if user is not None}
        found = []
        for account in check.recorded.list_written_since(check.present - UNCONFIRMED_FOR):
            shown = account.live_id in self._listed and account.live_id not in self._users
            if account.live_id not in known and not shown and account.may_return(check.present):
                sent = max(account.created, account.returning)
                found.append(AwaitedAccount(account.live_id, sent, sent + UNCONFIRMED_FOR))
        return tuple(found)


def _describe(count: int) -> str:
    what = "it is" if count == 1 else "they are"
    read = "It was" if count == 1 else "They were"
    return (
        f"The list of users does not show {pluralize(count, 'account')} as {what} after an apply on record: the "
        f"service shows changes with a delay. {read} read by id."
    )


def _is_linked(recorded: RecordedAccounts, account: RecordedAccount, external_id: object) -> bool:
    """Whether the record links an account to an externalId. By its user name alone it may be another user's."""
    return external_id is not None and account in recorded.find_by_external_id(external_id)


def _correct(check: RecordCheck, listed: Mapping[str, LiveUser]) -> Iterable[tuple[str, LiveUser | None]]:
    """Yield the accounts that the list does not show as they are; None for one that was removed."""
    for live_id, user in check.read.items():
        shown, account = listed.get(live_id), check.recorded.accounts[live_id]
        if user is None:
            if shown is not None and _is_removed(shown, account):
                yield live_id, None
        elif shown is None or (user != shown and not _is_later(shown, user)):
            yield live_id, user


def _is_removed(shown: LiveUser, account: RecordedAccount) -> bool:
    """Whether an account that the list shows, and that is not found by its id, was removed: the list lags behind.

    After a deactivation the read by id may lag instead, and an administrator may have activated the account since. So
    the list must be proven to be older. No account comes back from its deletion: there it must be proven to be newer.
    """
    if not account.removed_last:
        return False
    modified = parse_moment(shown.last_modified, EARLIEST_MODIFICATION)
    if modified is None or account.modified == LONG_AGO:
        return not account.exists
    return modified <= account.modified


def _is_from_before_removal(user: LiveUser, account: RecordedAccount) -> bool:
    """Whether a read shows an account that was deactivated since as it was before."""
    modified = parse_moment(user.last_modified, EARLIEST_MODIFICATION)
    known = modified is not None and account.modified != LONG_AGO and modified <= account.modified
    return user.active and account.hidden and account.removed_last and known


def _is_later(one: LiveUser, other: LiveUser) -> bool:
    """Whether `one` is a later state of the same account, by what the service says."""
    moments = [parse_moment(user.last_modified, EARLIEST_MODIFICATION) for user in (one, other)]
    return moments[0] is not None and moments[1] is not None and moments[0] > moments[1]
