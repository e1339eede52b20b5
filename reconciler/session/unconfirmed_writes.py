"""The changes on record that the service accepted a short while ago and never showed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from reconciler.core.model import AttributePath, Value
from reconciler.core.planning.unconfirmed_writes import UnconfirmedWrite
from reconciler.record.recorded_accounts import UNCONFIRMED_FOR, RecordedAccount, RecordedAccounts


def find_unconfirmed(recorded: RecordedAccounts, present: datetime) -> Mapping[str, UnconfirmedWrite]:
    """Return them by live id."""
    found = {}
    for account in recorded.accounts.values():
        if account.unconfirmed and (write := _build(account, recorded, present)) is not None:
            found[account.live_id] = write
    return found


def _build(account: RecordedAccount, recorded: RecordedAccounts, present: datetime) -> UnconfirmedWrite | None:
    pending = account.find_unconfirmed(present)
    if not pending:
        return None

    def is_old(path: AttributePath, value: Value | None) -> bool:
        return path in pending and recorded.redactor.shown(account.live_id, path, value) == pending[path][1]

    last = max(when for when, _ in pending.values())
    return UnconfirmedWrite(last, last + UNCONFIRMED_FOR, is_old)
