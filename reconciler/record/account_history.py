"""What receipts say about the accounts of a target: names still reserved, and since when accounts are inactive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

from msgspec import UNSET

from reconciler.core.model import Deactivation, Target
from reconciler.core.plan import REMOVALS, Action, Result
from reconciler.core.planning.guards.context import RecentChange
from reconciler.core.planning.protection import AccountNames
from reconciler.core.values import fold_case
from reconciler.record.account_names import AccountNameReader
from reconciler.record.history_state import HistoryState, Names
from reconciler.record.protected_accounts import ProtectionReader
from reconciler.record.receipt_line import ApplyFinished, ApplyStarted, Finished, ReceiptLine, Started, UnknownLine
from reconciler.record.recent_changes import ApprovalUses, RecentChangeReader
from reconciler.record.recorded_accounts import RecordedAccountReader, RecordedAccounts
from reconciler.record.runs import PlanSummary
from reconciler.record.seen_accounts import SeenAccountReader
from reconciler.record.timestamps import read_record_day

_OWNING = frozenset({Action.ADOPT.value, Action.RELINK.value, Action.UPDATE.value, Action.REACTIVATE.value})
"""Actions that are planned for accounts of desired users only."""
_CREATED = frozenset({Result.DONE.value, Result.NOT_IN_EFFECT.value})
_REVIVING = frozenset({Action.REACTIVATE.value, Action.ADOPT.value, Action.RELINK.value})
_EVER_AFTER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class AccountHistory:
    """What the receipts of one target say about its accounts."""

    reserved: Mapping[str, date] = field(default_factory=dict)
    """Folded user names of deleted accounts that the target still keeps, with the day each is free again."""
    deactivated: Mapping[str, Deactivation] = field(default_factory=dict)
    """By live id: the last deactivation, unless something may have reactivated the account since."""
    accounts: frozenset[str] = frozenset()
    """Live ids of accounts that an apply left active, that none began to remove, and whose users have no later one.

    Those that an apply changed, and `seen`."""
    recent: Sequence[RecentChange] = ()
    """What applies changed in the last 24 hours."""
    used_approvals: ApprovalUses = field(default_factory=dict)
    known: frozenset[str] = frozenset()
    """Live ids of accounts that had a desired user: created, or adopted, updated or reactivated with any outcome."""
    last_commit: str | None = None
    """The commit that was checked out at the last apply; None: no apply, or no commit."""
    last_files: frozenset[str] = frozenset()
    """The files at the top level of the desired state at the last apply, if its receipt has them."""
    names: Mapping[str, AccountNames] = field(default_factory=dict)
    """By live id: every name an account had; empty if they are not asked for."""
    names_elsewhere: Mapping[str, AccountNames] = field(default_factory=dict)
    """The same from applies to other targets, whose ids may be of other accounts."""
    protected: frozenset[str] = frozenset()
    """Live ids of accounts that the entries of their users protected, here or at another target."""
    key_ids: frozenset[str] = frozenset()
    """The keys that names and values on record are digests of."""
    forms: frozenset[str] = frozenset()
    """Digests of values that the service stored in another form (`Redactor.form`)."""
    recorded: RecordedAccounts = field(default_factory=RecordedAccounts)
    """Each account, for what the service does not show."""
    seen: frozenset[str] = frozenset()
    """Those of `accounts` that users had when an apply noted it last, changed or not."""
    replaced: frozenset[str] = frozenset()
    """Live ids of accounts that an apply left active, that none began to remove, and whose users have a later one."""


class AccountHistoryBuilder:
    """Collects the history of the accounts at `target` from receipts, in any order.

    `present`: the time by which a change is recent; None: `now`. `service_time`: as in
    `RecentChangeReader`. `names`: collects the names of accounts too.
    """

    def __init__(
        self,
        target: Target,
        quarantine_days: int,
        now: datetime,
        *,
        present: datetime | None = None,
        service_time: datetime | None = None,
        names: bool = False,
    ) -> None:
        self._target = target
        self._days = quarantine_days
        self._today = now.date()
        self._reserved: dict[str, date] = {}
        self._deactivated: dict[str, Deactivation] = {}
        self._revived: dict[str, datetime] = {}
        self._present: set[str] = set()
        self._removed: set[str] = set()
        self._recent = RecentChangeReader(present or now, service_time)
        self._recorded = RecordedAccountReader(present or now)
        self._known: set[str] = set()
        self._last_start: ApplyStarted | None = None
        self._names = AccountNameReader() if names else None
        self._names_elsewhere = AccountNameReader() if names else None
        self._protection = ProtectionReader(present or now)
        self._protection_anywhere = ProtectionReader(present or now)
        self._names_of_last = self._names
        self._key_ids: set[str] = set()
        self._forms: set[str] = set()
        self._seen = SeenAccountReader(present or now)

    @property
    def state(self) -> HistoryState:
        """What was collected, between two receipts. None of them may be of the last days."""
        return HistoryState(
            self._reserved,
            self._deactivated,
            self._revived,
            self._present,
            self._removed,
            self._known,
            self._key_ids,
            self._forms,
            [(*key, day) for key, day in self._recent.used.items()],
            self._last_start,
            list(self._recorded.accounts.values()),
            self._recorded.announced,
            self._recorded.answered,
            _list_names(self._names),
            _list_names(self._names_elsewhere),
            (self._protection.protected, self._protection.ended),
            (self._protection_anywhere.protected, self._protection_anywhere.ended),
            (self._seen.when, self._seen.ids),
        )

    def resume(self, state: HistoryState) -> None:
        """Go on from what another builder collected, for the same target and with the same names."""
        self._reserved, self._deactivated, self._revived = state.reserved, state.deactivated, state.revived
        self._present, self._removed, self._known = state.present, state.removed, state.known
        self._key_ids, self._forms, self._last_start = state.key_ids, state.forms, state.last_start
        self._recent.used = {(plan, approval): day for plan, approval, day in state.used}
        self._recorded.accounts = {account.live_id: account for account in state.accounts}
        self._recorded.announced, self._recorded.answered = state.announced, state.answered
        if state.names is not None and state.names_elsewhere is not None:
            self._names, self._names_elsewhere = (
                AccountNameReader(*state.names),
                AccountNameReader(*state.names_elsewhere),
            )
        self._protection.protected, self._protection.ended = state.protection
        self._protection_anywhere.protected, self._protection_anywhere.ended = state.protection_anywhere
        self._seen.when, self._seen.ids = state.seen

    def add(self, lines: Iterable[ReceiptLine], record: str) -> bool:
        """Add the lines of one receipt.

        Of applies to another target only what protects an account counts: the same service may have been there under
        another address. Returns whether only the plan has names of accounts that are asked for.
        """
        ours, lacking = True, False
        for line in lines:
            if isinstance(line, ApplyStarted):
                ours = self._target.covers(line.recorded_target, any_profile=True)
                self._recent.begin(line if ours else None)
                if isinstance(line.key, str):
                    self._key_ids.add(line.key)
                if ours and (self._last_start is None or self._last_start.sort_time <= line.sort_time):
                    self._last_start = line
            else:
                names = self._names if ours else self._names_elsewhere
                lacking = (names is not None and names.add(line)) or lacking
                if ours:
                    self._recent.add(line)
                    if isinstance(line, Started | Finished | UnknownLine):
                        self._add(line, record)
            if isinstance(line, ApplyStarted | ApplyFinished) or (isinstance(line, Finished) and line.protected):
                self._add_note(line, ours=ours)
        self._recent.begin(None)
        self._seen.end()
        self._names_of_last = self._names if ours else self._names_elsewhere
        return lacking

    def _add_note(self, line: ReceiptLine, *, ours: bool) -> None:
        """Add what an apply notes about accounts that it does not change."""
        self._protection_anywhere.add(line)
        if ours:
            self._protection.add(line)
            self._seen.add(line)

    def add_plan(self, plan: PlanSummary) -> None:
        """Add the plan of the last receipt, which lacks names. All applies of a plan go to one target."""
        if self._names_of_last is not None:
            self._names_of_last.add_plan(plan)

    def _add(self, line: Started | Finished | UnknownLine, record: str) -> None:
        """Add one line. An event of a later version protects accounts too, but starts no period."""
        self._count(line)
        if isinstance(line, Finished) and line.forms is not UNSET:
            self._forms.update(line.forms)
        self._recorded.add(line)
        if line.id is not None and _had_desired_user(line):
            self._known.add(line.id)
        if line.action in _REVIVING:
            self._revive(line)
        elif line.action == Action.DEACTIVATE and isinstance(line, Finished):
            self._end(line, record)
        elif line.action == Action.DELETE and not isinstance(line, Started) and line.result == Result.DONE:
            self._reserve(line.user_name, line.timestamp)

    def _end(self, line: Finished, record: str) -> None:
        """An undated one counts from the end of the day that names its record: a receipt only delays a deletion."""
        day = read_record_day(record)
        when = line.timestamp or (day[1] if day is not None else None)
        if when is not None and line.result == Result.DONE:
            self._deactivate(line.id, when, record)

    def _count(self, line: Started | Finished | UnknownLine) -> None:
        """Whatever its outcome: after a removal began, the account may be gone."""
        if line.id is None:
            return
        if line.action in REMOVALS:
            self._removed.add(line.id)
        elif isinstance(line, Finished) and line.result == Result.DONE:
            self._present.add(line.id)

    def _revive(self, line: Started | Finished | UnknownLine) -> None:
        """Whatever its outcome: if the request may have taken effect, the period starts again. Undated: for ever."""
        if line.id is not None:
            when = line.timestamp or _EVER_AFTER
            self._revived[line.id] = max(when, self._revived.get(line.id, when))

    def _deactivate(self, live_id: str | None, when: datetime, record: str) -> None:
        if live_id is not None and (live_id not in self._deactivated or self._deactivated[live_id].at < when):
            self._deactivated[live_id] = Deactivation(when, record)

    def _reserve(self, name: str | None, when: datetime | None) -> None:
        if when is None:
            return
        try:
            free = when.astimezone(UTC).date() + timedelta(days=self._days)
        except OverflowError:
            return
        if name is not None:
            self._reserved[fold_case(name)] = max(free, self._reserved.get(fold_case(name), free))

    def build(self) -> AccountHistory:
        """Return the account history."""
        deactivated = {
            live_id: found
            for live_id, found in self._deactivated.items()
            if live_id not in self._revived or self._revived[live_id] < found.at
        }
        recorded = self._recorded.build()
        replaced = recorded.list_replaced()
        seen = self._seen.build(recorded.accounts, self._removed)
        present = seen | (self._present - self._removed)
        last = self._last_start or ApplyStarted()
        return AccountHistory(
            {name: free for name, free in self._reserved.items() if free > self._today},
            deactivated,
            present - replaced,
            tuple(self._recent.changes),
            self._recent.used,
            frozenset(self._known),
            last.commit,
            frozenset(last.top_files or ()),
            self._names.build() if self._names is not None else {},
            self._names_elsewhere.build() if self._names_elsewhere is not None else {},
            # What was noted elsewhere ends nothing that was noted here.
            self._protection.build() | self._protection_anywhere.build(),
            frozenset(self._key_ids),
            frozenset(self._forms),
            recorded,
            seen - replaced,
            present & replaced,
        )


def _list_names(names: AccountNameReader | None) -> Names | None:
    return None if names is None else (names.user_names, names.external_ids)


def _had_desired_user(line: Started | Finished | UnknownLine) -> bool:
    """Whether the account of a line had a desired user. A creation that failed may name the account of another."""
    if line.action == Action.CREATE:
        return not isinstance(line, Started) and line.result in _CREATED
    return line.action in _OWNING
