"""Which accounts were protected by the entries of their users, by the applies on record."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from reconciler.core.identity import parse_identity
from reconciler.core.plan import Action, Result
from reconciler.core.planning.clock import CLOCK_TOLERANCE
from reconciler.core.planning.entry_protection import MOST_NOTED
from reconciler.record.receipt_line import ApplyStarted, Finished, ReceiptLine
from reconciler.record.timestamps import LONG_AGO

_CREATED = frozenset({Result.DONE.value, Result.NOT_IN_EFFECT.value, Result.UNKNOWN.value})


@dataclass(slots=True)
class ProtectionReader:
    """Collects what applies noted, in any order.

    What ends the protection of an account must be dated, and later than everything that says it is protected: a line
    without a date, or with one after `now`, ends nothing.
    """

    now: datetime
    protected: dict[str, datetime] = field(default_factory=dict)
    ended: dict[str, datetime] = field(default_factory=dict)

    def add(self, line: ReceiptLine) -> None:
        """Add a line."""
        match line:
            case ApplyStarted():
                self._note(self.protected, line.protected, line.sort_time)
                self._note(self.ended, line.unprotected, line.sort_time)
            case Finished() if line.protected is True and line.action == Action.CREATE and line.result in _CREATED:
                self._note(self.protected, (line.id,), line.sort_time)
            case _:
                pass

    def _note(self, known: dict[str, datetime], ids: object, when: datetime) -> None:
        moment = LONG_AGO if when > self.now + CLOCK_TOLERANCE else when
        for live_id in _read_ids(ids):
            known[live_id] = max(moment, known.get(live_id, moment))

    def build(self) -> frozenset[str]:
        """Return the live ids of the accounts whose protection no apply ended."""
        return frozenset(
            live_id for live_id, when in self.protected.items() if self.ended.get(live_id, LONG_AGO) <= when
        )


def _read_ids(ids: object) -> Iterator[str]:
    for value in ids[:MOST_NOTED] if isinstance(ids, tuple) else ():
        live_id = parse_identity(value)
        if live_id is not None:
            yield live_id
