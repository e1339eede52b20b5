"""What applies of the last 24 hours changed, or may have changed, and which approvals were used, from receipts."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from operator import itemgetter

from msgspec import UNSET, UnsetType

from reconciler.core.plan import Action, Result
from reconciler.core.planning.guards.context import WINDOW, RecentChange
from reconciler.core.values import fold_case
from reconciler.record.receipt_line import (
    ApplyFinished,
    ApplyStarted,
    Finished,
    ReceiptLine,
    Started,
    UnknownLine,
)

_NOT_MADE = frozenset({Result.FAILED.value, Result.SKIPPED.value})
_LONGEST_NAME = 512
_NOTHING = timedelta()
_REVIVING = frozenset({Action.UPDATE, Action.ADOPT, Action.RELINK, Action.REACTIVATE})

ApprovalUses = Mapping[tuple[str, str], date]
"""By plan id and approval id: the day on which an apply with it ended. "": any approval of the plan."""


@dataclass(frozen=True, slots=True)
class _Request:
    """The requests for one user in one apply."""

    action: Action
    address: str
    live_id: str | None
    began: datetime
    attributes: frozenset[str] = frozenset()
    was_active: bool = True
    user_names: list[str] = field(default_factory=list)
    full_names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class RecentChangeReader:
    """Reads applies to one target, each from its first line to its last; a receipt has those of one plan.

    A change counts from the moment a request was announced, unless its outcome is that it was not made. One that is
    undated does not count: it may be of any day. Nor does one that is dated more than a day ahead. `service_time`: by
    the service's clock, if it is another: what either clock calls recent counts, and all between the two.
    """

    now: datetime
    service_time: datetime | None = None
    used: dict[tuple[str, str], date] = field(default_factory=dict)
    _dated: list[tuple[datetime, RecentChange]] = field(default_factory=list)
    _apply: ApplyStarted | None = None
    _requests: dict[str, _Request] = field(default_factory=dict)

    @property
    def changes(self) -> list[RecentChange]:
        """The changes, oldest first."""
        return [change for _, change in sorted(self._dated, key=itemgetter(0))]

    def begin(self, line: ApplyStarted | None) -> None:
        """Begin an apply, and end the one before it. None: the receipt ends, or the apply went to another target."""
        lifted = _read_approved(self._apply)
        unattended = self._apply is not None and self._apply.unattended is True
        self._dated += [
            (request.began, _to_change(request, frozenset(lifted or ()), unattended=unattended))
            for request in self._requests.values()
        ]
        self._apply, self._requests = line, {}

    def add(self, line: ReceiptLine) -> None:
        """Add a line of the apply."""
        match line:
            case Started() | UnknownLine():
                self._add_request(line)
            case Finished():
                self._settle(line)
            case ApplyFinished():
                self._finish(line)
            case _:
                pass

    def _add_request(self, line: Started | UnknownLine) -> None:
        """Add an announced request, or an event of a later version, which may be one."""
        when = line.timestamp
        if when is None or not self._is_recent(when):
            return
        key, action = _key(line), _parse_action(line.action)
        if action is None or not key:
            return
        if isinstance(line, UnknownLine):
            if line.result not in _NOT_MADE:
                self._requests.setdefault(key, _Request(action, "", line.id, when))
            return
        before = self._requests.get(key) or _Request(action, line.address, line.id, when)
        before.user_names.extend(_read_names(line, line.user_name))
        if action is not Action.CREATE:
            before.full_names.extend(_read_names(line, line.full_name))
        attributes, was_active = before.attributes.union(line.attributes), line.was_active is not False
        self._requests[key] = replace(
            before, action=action, live_id=line.id, attributes=attributes, was_active=was_active
        )

    def _settle(self, line: Finished) -> None:
        request = self._requests.get(_key(line))
        if request is None:
            return
        if line.result in _NOT_MADE:
            del self._requests[_key(line)]
        elif line.id is not None:
            self._requests[_key(line)] = replace(request, live_id=line.id)

    def _finish(self, line: ApplyFinished) -> None:
        """Note the approvals of an apply that carried out everything: what is left of a plan may still be applied.

        Before approvals were on record, any may have been used.
        """
        if self._apply is None or not _is_carried_out(line):
            return
        approved = _read_approved(self._apply)
        for approval in {""} if approved is None else set(approved.values()):
            key, day = (self._apply.plan_id, approval), line.sort_time.date()
            self.used[key] = max(day, self.used.get(key, day))

    def _is_recent(self, when: datetime) -> bool:
        """Whether a line is of the window as it is dated, or by the service's clock at that time.

        A correction that was forged can add to what counts, and takes nothing from it.
        """
        there, correction = self.service_time or self.now, _read_correction(self._apply)
        if _is_within(when, min(self.now, there), max(self.now, there)):
            return True
        return bool(correction) and _is_within(when, there, there, correction)


def _is_within(when: datetime, first: datetime, last: datetime, correction: timedelta = _NOTHING) -> bool:
    """Whether a moment, corrected, is less than `WINDOW` before `first` and after `last`."""
    # No sum of a moment and a period: it may be beyond the calendar.
    return first - when - correction < WINDOW and when - last + correction < WINDOW


def _key(line: Started | Finished | UnknownLine) -> str:
    return line.address if isinstance(line, Started | Finished) else line.id or ""


def _read_names(line: Started, name: str | UnsetType | None) -> tuple[str, ...]:
    """Return a folded name that the account had before a request; "" if it had none."""
    if line.action == Action.CREATE or name is None:
        return ("",)
    return (fold_case(name),) if isinstance(name, str) and len(name) <= _LONGEST_NAME else ()


def _parse_action(name: str) -> Action | None:
    with suppress(ValueError):
        return Action(name)
    return None


def _is_carried_out(line: ApplyFinished) -> bool:
    remaining = (line.failed, line.skipped, line.not_in_effect, line.unknown)
    return line.how == "complete" and not line.left and not any(count for count in remaining if count is not UNSET)


def _read_approved(line: ApplyStarted | None) -> Mapping[str, str] | None:
    """Return which approval lifted each guard; None if the receipt does not say."""
    return line.approved if line is not None and line.approved is not UNSET else None


def _read_correction(line: ApplyStarted | None) -> timedelta:
    """Return how far the service's clock was ahead of the one that dated the lines of an apply."""
    if line is None or line.service_ahead is UNSET:
        return _NOTHING
    return timedelta(seconds=line.service_ahead)


def _to_change(request: _Request, lifted: frozenset[str], *, unattended: bool) -> RecentChange:
    """Return the change of a request. Records of version 0.1 do not say whether the account was active."""
    reactivated = request.action is Action.REACTIVATE or (
        request.action in _REVIVING and "active" in request.attributes
    )
    return RecentChange(
        request.address,
        request.live_id,
        request.action,
        request.was_active,
        reactivated,
        lifted,
        unattended,
        request.attributes,
        tuple(request.user_names),
        tuple(request.full_names),
    )
