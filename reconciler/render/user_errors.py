"""Show the errors of several users that follow from one mapping row, filter or setting as one error."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from reconciler.core.model import Diagnostic, Origin, Severity
from reconciler.core.text import pluralize, redact_quoted

_PLACE = re.compile(r"(.+):([0-9]+):([0-9]+)")
_NUMBER = re.compile(r"[0-9][0-9,]*")
_NAMED = 5
"""Users named for one cause."""

_Group = tuple[Severity, str, str]


def combine_user_errors(diagnostics: Sequence[Diagnostic]) -> tuple[Diagnostic, ...]:
    """Return the diagnostics with one for all users whose errors have the same cause and differ only in values."""
    groups: dict[_Group, list[Diagnostic]] = {}
    for item in diagnostics:
        if item.cause and item.address is not None:
            groups.setdefault(_get_group(item), []).append(item)
    shown: list[Diagnostic] = []
    for item in diagnostics:
        members = groups.get(_get_group(item), []) if item.cause and item.address is not None else []
        if len(members) < 2:  # noqa: PLR2004 - one user is no group
            shown.append(item)
        elif item is members[0]:
            shown.append(_combine(members))
    return tuple(shown)


def _get_group(item: Diagnostic) -> _Group:
    """Return what is the same for all users: the cause, and the summary without values."""
    return item.severity, item.cause, _NUMBER.sub("0", redact_quoted(item.summary))


def _combine(members: Sequence[Diagnostic]) -> Diagnostic:
    first = members[0]
    place = _PLACE.fullmatch(first.cause)
    origin = Origin(place[1], int(place[2]), int(place[3])) if place else first.origin
    users = [f"{item.address} on {item.origin}" if item.origin else str(item.address) for item in members[:_NAMED]]
    more = len(members) - len(users)
    named = f"Users: {', '.join(users)}{f' and {more:,} more' if more else ''}."
    return replace(
        first,
        summary=f"{pluralize(len(members), 'user')}: {first.summary}",
        detail=f"{first.detail}\n{named}" if first.detail else named,
        origin=origin,
        address=None,
        source_line=None if place else first.source_line,
        cause="",
    )
