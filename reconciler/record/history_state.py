"""What a part of the record says about accounts, as data: the history goes on from it with the receipts that follow."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta

from msgspec import UNSET, Struct

from reconciler.core.model import Deactivation
from reconciler.record.receipt_line import ApplyStarted, ReceiptLine, UnknownLine
from reconciler.record.recorded_accounts import RecordedAccount

SETTLED_AFTER = timedelta(days=2)
"""When it no longer depends on the time what a line says: a day later it is not recent by any clock that counts."""
_LARGEST_CORRECTION = 43_200
"""Seconds between two clocks; of applies with more, what is recent is another matter."""
Names = tuple[dict[str, set[str]], dict[str, set[str]]]
Periods = tuple[dict[str, datetime], dict[str, datetime]]


class HistoryState(Struct, frozen=True, array_like=True):
    """What an `AccountHistoryBuilder` has collected, in the order in which it did."""

    reserved: dict[str, date]
    deactivated: dict[str, Deactivation]
    revived: dict[str, datetime]
    present: set[str]
    removed: set[str]
    known: set[str]
    key_ids: set[str]
    forms: set[str]
    used: list[tuple[str, str, date]]
    last_start: ApplyStarted | None
    accounts: list[RecordedAccount]
    announced: dict[str, datetime]
    answered: dict[str, datetime]
    names: Names | None
    names_elsewhere: Names | None
    protection: Periods
    protection_anywhere: Periods
    seen: tuple[datetime, tuple[str, ...]]


def find_last_moment(lines: Iterable[ReceiptLine]) -> datetime | None:
    """Return when the last line of a receipt was written, after which time alone changes nothing of what they say.

    None: something in it may be judged differently some day, by another clock or another version.
    """
    last: datetime | None = None
    for line in lines:
        when = line.timestamp
        if when is None or isinstance(line, UnknownLine) or _is_of_another_clock(line):
            return None
        last = when if last is None else max(last, when)
    return last


def _is_of_another_clock(line: ReceiptLine) -> bool:
    if not isinstance(line, ApplyStarted) or line.service_ahead is UNSET:
        return False
    return abs(line.service_ahead) > _LARGEST_CORRECTION
