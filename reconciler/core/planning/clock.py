"""The clock of a plan: whether it can be relied on, and which changes rest on it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

from reconciler.core.model import AttributeMapping, DesiredUser, format_user_address
from reconciler.core.plan import Action, Change
from reconciler.core.text import pluralize, quote, shorten

CLOCK_TOLERANCE = timedelta(minutes=5)
"""Clocks that differ by less agree: a time this far in the future is one of the present."""
_LONGEST_DATE = 60
"""Characters of a Date header that are shown."""
_ACCESS = frozenset({Action.CREATE, Action.ADOPT, Action.RELINK, Action.REACTIVATE, Action.DEACTIVATE})
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def explain_clock(offset: timedelta | None, unreadable: str | None = None) -> str | None:
    """Return why the clock cannot be relied on; None if it agrees with the service's.

    `offset`: how far it is ahead of the service's (negative: behind); None: the service does not say what time it is.
    `unreadable`: the Date header that it sends instead, if any.
    """
    if offset is None:
        what = "no Date header"
        if unreadable is not None:
            what = f"a Date header that cannot be read, {quote(shorten(unreadable, _LONGEST_DATE))}"
        return f"the service sends {what}, so the clock of this machine cannot be checked"
    if abs(offset) <= CLOCK_TOLERANCE:
        return None
    where = "ahead of" if offset > timedelta() else "behind"
    return f"the clock of this machine is {_format_duration(abs(offset))} {where} the service's"


def format_minute(when: datetime) -> str:
    """Return the minute of a time, in UTC and without saying so: `2026-12-31 09:30`."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M}"


def _format_duration(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    size, unit = next((size, unit) for size, unit in _UNITS if seconds >= size)
    return pluralize(round(seconds / size), unit)


def find_clock_changes(
    changes: Iterable[Change], desired: Iterable[DesiredUser], mappings: Iterable[AttributeMapping]
) -> Collection[str]:
    """Return the addresses of the changes that rest on the clock.

    Those are all deletions, what gives or takes access of a user whose scope depends on the date, and whatever a
    mapping that reads the clock has a part in: its attribute, all creates, or, if it identifies users, everything.
    """
    reading = [row for row in mappings if row.uses_now]
    paths = {row.target for row in reading}
    identifying = any(row.match or row.target == "externalId" for row in reading)
    dated, mapped = set[str](), set[str]()
    for user in desired:
        if user.rests_on_date:
            dated.add(format_user_address(user.key))
        if paths and user.verdict.in_scope:
            mapped.add(format_user_address(user.key))
    return {
        change.address
        for change in changes
        if identifying
        or change.action is Action.DELETE
        or (change.action in _ACCESS and change.address in dated)
        or (change.address in mapped and _is_mapped_by_clock(change, paths))
    }


def _is_mapped_by_clock(change: Change, paths: Collection[str]) -> bool:
    """Whether a mapping of `paths` has a part in a change; in a create also if it gives no value."""
    return change.action is Action.CREATE or any(row.path in paths for row in change.attribute_changes())
