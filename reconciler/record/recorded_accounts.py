"""What the receipts of a target say about each account, for what the service does not show: yet, or any more.

A service may show a new account only after a while, and may show none that is inactive. The record knows their ids.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import attrgetter

from reconciler.core.plan import REMOVALS, Action, Result
from reconciler.core.planning.clock import CLOCK_TOLERANCE
from reconciler.core.untrusted_values import EARLIEST_MODIFICATION, parse_moment
from reconciler.core.values import fold_case
from reconciler.record.receipt_line import Finished, Started, UnknownLine
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.record.timestamps import LONG_AGO

UNCONFIRMED_FOR = timedelta(hours=1)
"""How long what was accepted and never shown may still appear: a new account, or a change."""
_MADE = frozenset({Result.DONE.value, Result.NOT_IN_EFFECT.value})
_NOT_MADE = frozenset({Result.SKIPPED.value, Result.FAILED.value})
_DOUBTFUL = frozenset({Result.NOT_IN_EFFECT.value, Result.UNKNOWN.value})
_SETTING_ACTIVE = frozenset({Action.DEACTIVATE.value, Action.REACTIVATE.value})
_MISSING = ("id",)
"""The attributes of an outcome whose account was not found."""


@dataclass(slots=True)
class RecordedAccount:
    """One account by the receipts: when each thing happened last, `LONG_AGO` if it did not or has no usable date.

    `written`: a request about it. `created`: by a request whose answer had its id. `shown`: the service showed it after
    a request. `unseen`: it was deactivated, or holds a name, and the service did not show it. `removal`: a request that
    removes it. `gone`: it was deleted, or is not there any more. `modified`: what the service said right before the
    last removal was sent. `removed_by`: the id of the plan with that removal. `user_name`, `external_id`: its last
    ones, or digests. `confirmed`: a change of it was in effect. `unconfirmed`: by path, a request that may have taken
    effect although nothing showed it, and a digest of the value from before it (`Redactor.shown`). `returning`: such a
    reactivation. `deactivated`: a request to deactivate it was accepted, and nothing showed that it is inactive.
    `activity`: it was shown to be as active as it should be.
    """

    live_id: str
    written: datetime = LONG_AGO
    created: datetime = LONG_AGO
    shown: datetime = LONG_AGO
    unseen: datetime = LONG_AGO
    removal: datetime = LONG_AGO
    gone: datetime = LONG_AGO
    modified: datetime = LONG_AGO
    removed_by: str = ""
    user_name: str = ""
    external_id: str = ""
    confirmed: datetime = LONG_AGO
    returning: datetime = LONG_AGO
    deactivated: datetime = LONG_AGO
    activity: datetime = LONG_AGO
    unconfirmed: dict[str, tuple[datetime, str]] = field(default_factory=dict)
    named: datetime = field(default=LONG_AGO, repr=False)

    @property
    def exists(self) -> bool:
        """Whether it was not deleted, nor found to be gone."""
        return self.gone <= max(self.shown, self.unseen, self.created)

    @property
    def hidden(self) -> bool:
        """Whether it is there, inactive, and the service does not show it."""
        return self.unseen > max(self.shown, self.gone)

    @property
    def removed_last(self) -> bool:
        """Whether the last request about it was to remove it."""
        return self.removal != LONG_AGO and self.removal >= self.written

    def is_unconfirmed(self, present: datetime) -> bool:
        """Whether it was created a short while ago, and the service has not shown it since."""
        return self._may_appear(self.created, present)

    def may_return(self, present: datetime) -> bool:
        """Whether it was created or reactivated a short while ago, and the service has not shown it since."""
        return self._may_appear(max(self.created, self.returning), present)

    def _may_appear(self, since: datetime, present: datetime) -> bool:
        return since > max(self.shown, self.gone, self.removal) and present - since < UNCONFIRMED_FOR

    @property
    def may_be_inactive(self) -> bool:
        """Whether the last request to deactivate it was accepted, and nothing has shown since whether it is active."""
        return self.deactivated > self.activity

    def find_unconfirmed(self, present: datetime) -> dict[str, tuple[datetime, str]]:
        """Return what may still take effect: requests of the last hour after the last confirmed change."""
        since = max(self.confirmed, present - UNCONFIRMED_FOR)
        return {path: each for path, each in self.unconfirmed.items() if each[0] > since}


@dataclass(slots=True)
class RecordedAccounts:
    """The accounts on record by live id. `redactor`: what the record has in place of names.

    `unanswered`: by the folded address of a user, when a creation was sent that may have made an account without an id
    on record.
    """

    accounts: Mapping[str, RecordedAccount] = field(default_factory=dict)
    unanswered: Mapping[str, datetime] = field(default_factory=dict)
    redactor: Redactor = NO_REDACTION
    _by_external_id: dict[str, list[RecordedAccount]] = field(default_factory=dict)
    _by_user_name: dict[str, list[RecordedAccount]] = field(default_factory=dict)

    def find_by_external_id(self, value: object) -> list[RecordedAccount]:
        """Return the existing accounts with this externalId, the last one first."""
        return self._find(self._by_external_id, value, attrgetter("external_id"))

    def find_by_user_name(self, value: object) -> list[RecordedAccount]:
        """Return the existing accounts with this userName, the last one first."""
        return self._find(self._by_user_name, value, attrgetter("user_name"))

    def find_unanswered(self, address: str) -> datetime | None:
        """Return when a creation of this user was sent whose outcome is unknown; None: there is none."""
        return self.unanswered.get(fold_case(self.redactor.address(address))) if self.unanswered else None

    def _find(
        self, index: dict[str, list[RecordedAccount]], value: object, get: Callable[[RecordedAccount], str]
    ) -> list[RecordedAccount]:
        if value is None or not self.accounts:
            return []
        if not index:
            for account in self.accounts.values():
                index.setdefault(fold_case(get(account)), []).append(account)
        names = {fold_case(str(value)), fold_case(self.redactor.name(str(value)))} - {""}
        found = (account for name in names for account in index.get(name, ()) if account.exists)
        return sorted(found, key=lambda account: (account.written, account.live_id), reverse=True)

    def list_doubtful(self) -> frozenset[str]:
        """Return the live ids of the accounts that may be inactive although nothing shows it."""
        return frozenset(live_id for live_id, account in self.accounts.items() if account.may_be_inactive)

    def list_replaced(self) -> frozenset[str]:
        """Return the live ids of the accounts whose users have a later account: the externalId says which these are."""
        latest: dict[str, RecordedAccount] = {}
        replaced: set[str] = set()
        for account in sorted(self.accounts.values(), key=lambda each: (each.named, each.live_id)):
            if account.external_id:
                before = latest.get(fold_case(account.external_id))
                replaced |= {before.live_id} if before is not None else set()
                latest[fold_case(account.external_id)] = account
        return frozenset(replaced)

    def list_written_since(self, when: datetime) -> list[RecordedAccount]:
        """Return the existing accounts that a request was about since then, the last one first."""
        found = [account for account in self.accounts.values() if account.written >= when]
        return sorted(found, key=lambda account: (account.written, account.live_id), reverse=True)


@dataclass(slots=True)
class RecordedAccountReader:
    """Collects the lines of receipts, in any order. A line with a date after `now` counts as undated."""

    now: datetime
    accounts: dict[str, RecordedAccount] = field(default_factory=dict)
    announced: dict[str, datetime] = field(default_factory=dict)
    answered: dict[str, datetime] = field(default_factory=dict)
    _latest: datetime = field(init=False)

    def __post_init__(self) -> None:
        self._latest = self.now + CLOCK_TOLERANCE

    def add(self, line: Started | Finished | UnknownLine) -> None:
        """Add a line."""
        when = line.sort_time
        when = LONG_AGO if when > self._latest else when
        match line:
            case Started():
                self._add_started(line, when)
            case Finished():
                self._add_finished(line, when)
            case _:
                pass

    def _add_started(self, line: Started, when: datetime) -> None:
        if line.id is None:
            address = fold_case(line.address)
            if line.action == Action.CREATE:
                self.announced[address] = max(when, self.announced.get(address, when))
            return
        account = self._open(line.id)
        account.written = max(account.written, when)
        _name(account, when, line.user_name, line.external_id)
        if line.action in REMOVALS:
            if when >= account.removal:
                account.modified, account.removed_by = _parse_modified(line), line.plan_id
            account.removal = max(account.removal, when)
        if line.action == Action.DELETE:
            account.gone = max(account.gone, when)
        elif line.action == Action.DEACTIVATE:
            # Unless its outcome says that the account was shown afterwards, it may have been hidden by it.
            account.unseen = max(account.unseen, when)

    def _add_finished(self, line: Finished, when: datetime) -> None:
        if isinstance(line.unseen, str) and line.unseen:
            account = self._open(line.unseen)
            account.unseen = max(account.unseen, when)
        if line.action == Action.CREATE:
            self._add_created(line, when)
        elif line.id is not None:
            self._add_outcome(self._open(line.id), line, when)

    def _add_created(self, line: Finished, when: datetime) -> None:
        if line.id is not None and line.result in _MADE:
            account = self._open(line.id)
            account.created, account.written = max(account.created, when), max(account.written, when)
            _name(account, when, line.user_name, line.external_id)
            if line.result == Result.DONE:
                account.shown = max(account.shown, when)
        elif line.attributes == _MISSING or line.result == Result.UNKNOWN:
            return
        address = fold_case(line.address)
        self.answered[address] = max(when, self.answered.get(address, when))

    def _add_outcome(self, account: RecordedAccount, line: Finished, when: datetime) -> None:
        if line.result in _NOT_MADE and line.attributes == _MISSING:
            if line.action == Action.REACTIVATE:
                # Only the refusal of a write shows it: a read may lag behind.
                account.gone = max(account.gone, when)
            return
        _note_confirmation(account, line, when)
        if line.result == Result.DONE:
            account.written = max(account.written, when)
            _name(account, when, line.user_name, line.external_id)
            if line.action in REMOVALS:
                account.removal = max(account.removal, when)
        if line.action == Action.DELETE:
            account.gone = max(account.gone, when)
        elif line.action == Action.DEACTIVATE and line.result == Result.NOT_IN_EFFECT and line.attributes == _MISSING:
            account.unseen = max(account.unseen, when)
        elif _shows_account(line):
            account.shown = max(account.shown, when)

    def _open(self, live_id: str) -> RecordedAccount:
        found = self.accounts.get(live_id)
        if found is None:
            found = self.accounts[live_id] = RecordedAccount(live_id)
        return found

    def build(self) -> RecordedAccounts:
        """Return the accounts."""
        unanswered = {
            address: when
            for address, when in self.announced.items()
            if address not in self.answered or self.answered[address] < when
        }
        return RecordedAccounts(self.accounts, unanswered)


def _parse_modified(line: Started) -> datetime:
    return parse_moment(line.last_modified, EARLIEST_MODIFICATION) or LONG_AGO


def _note_confirmation(account: RecordedAccount, line: Finished, when: datetime) -> None:
    if isinstance(line.unconfirmed, dict) and line.unconfirmed:
        for path, digest in line.unconfirmed.items():
            # The value from before a later request shows what the earlier one led to.
            account.unconfirmed[path] = max(account.unconfirmed.get(path, (LONG_AGO, "")), (when, digest))
        if line.action == Action.REACTIVATE:
            account.returning = max(account.returning, when)
    elif line.result == Result.DONE:
        account.confirmed = max(account.confirmed, when)
    if line.result == Result.DONE and line.action in _SETTING_ACTIVE:
        account.activity = max(account.activity, when)
    elif line.result in _DOUBTFUL and line.action == Action.DEACTIVATE:
        account.deactivated = max(account.deactivated, when)


def _shows_account(line: Finished) -> bool:
    """Whether the service showed the account of a line: it is as planned, or its deactivation was refused."""
    if line.result == Result.DONE:
        return not line.unseen
    return line.result == Result.FAILED and line.action == Action.DEACTIVATE


def _name(account: RecordedAccount, when: datetime, user_name: object, external_id: object) -> None:
    """Note the names of an account, unless later ones are known."""
    if when < account.named:
        return
    account.named = when
    if isinstance(user_name, str) and user_name:
        account.user_name = user_name
    if isinstance(external_id, str) and external_id:
        account.external_id = external_id
