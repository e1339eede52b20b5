"""Which accounts users had, by the last apply on record that noted it (`core.planning.seen_accounts`)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from msgspec import UNSET

from reconciler.core.identity import parse_identity
from reconciler.core.plan import Result
from reconciler.core.planning.clock import CLOCK_TOLERANCE
from reconciler.core.planning.seen_accounts import MOST_SEEN
from reconciler.record.receipt_line import ApplyFinished, ApplyStarted, ReceiptLine
from reconciler.record.recorded_accounts import RecordedAccount
from reconciler.record.timestamps import LONG_AGO

_FORGETTING = frozenset({"disconnect", "tenant"})
"""The guards that say that accounts are lost. An apply that an approval let past them may yet fail."""
_NOT_DONE = tuple(result.value for result in Result if result is not Result.DONE)


@dataclass(slots=True)
class SeenAccountReader:
    """Collects what applies noted. Receipts are added in any order, each with its lines in theirs.

    An apply to which a lost connection was approved counts only once all its changes are made: until then its accounts
    are those of before. A line without a date, or with one after `now`, counts as the earliest.
    """

    now: datetime
    when: datetime = LONG_AGO
    ids: tuple[str, ...] = ()
    _waiting: tuple[datetime, tuple[str, ...]] | None = None

    def add(self, line: ReceiptLine) -> None:
        """Add a line."""
        match line:
            case ApplyStarted():
                self._waiting = self._read(line)
                if not (isinstance(line.approved, dict) and _FORGETTING & line.approved.keys()):
                    self._accept()
            case ApplyFinished() if line.how == "complete" and not line.left and not _has_failed(line):
                self._accept()
            case _:
                pass

    def end(self) -> None:
        """End a receipt: what waits for the end of its apply does not count."""
        self._waiting = None

    def _read(self, line: ApplyStarted) -> tuple[datetime, tuple[str, ...]] | None:
        if not line.whole or not isinstance(line.accounts, tuple):
            return None
        when = LONG_AGO if line.sort_time > self.now + CLOCK_TOLERANCE else line.sort_time
        return when, tuple(_read_ids(line.accounts))

    def _accept(self) -> None:
        if self._waiting is not None and self._waiting >= (self.when, self.ids):
            self.when, self.ids = self._waiting
        self._waiting = None

    def build(self, accounts: Mapping[str, RecordedAccount], removed: Collection[str]) -> frozenset[str]:
        """Return the ids without those that applies removed, or may have removed, since.

        `accounts`: on record. `removed`: those that an apply began to remove at any time.
        """
        return frozenset(each for each in self.ids if each not in removed or self._is_back(accounts.get(each)))

    def _is_back(self, account: RecordedAccount | None) -> bool:
        """Whether an account that was removed once was active when it was noted."""
        return account is not None and LONG_AGO < account.removal < self.when


def _has_failed(line: ApplyFinished) -> bool:
    return any(getattr(line, name) not in (UNSET, 0) for name in _NOT_DONE)


def _read_ids(ids: tuple[str, ...]) -> Iterator[str]:
    for value in ids[:MOST_SEEN]:
        live_id = parse_identity(value)
        if live_id is not None:
            yield live_id
