"""The status of a fleet as text and JSON: tenants that need attention first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from reconciler.core.expiry import ExpiryFinding, ExpiryLevel
from reconciler.core.text import escape_control, pluralize, shorten
from reconciler.fleet.drift_record import DriftCheck
from reconciler.render.fleet_text import wrap_names

_MOST = 50
"""Reasons that the text names, each with the first of its tenants."""
DRIFT_AGE = timedelta(days=3)
"""After so long without a look at the service, it is unknown whether a tenant is as desired."""


@dataclass(frozen=True, slots=True)
class TenantStatus:
    """What the records say about one tenant. `is_open`: its last apply in the fleet was not complete.

    `is_due`: a drift run found changes that wait for an apply. `problem`: why its record cannot be read; then nothing
    else is known of its applies. `is_held`: provisioning is switched off.
    """

    name: str
    last_apply: datetime | None = None
    successful: bool = False
    failing_users: int = 0
    quarantined_since: datetime | None = None
    is_open: bool = False
    is_due: bool = False
    drift: DriftCheck | None = None
    credential: ExpiryFinding | None = None
    problem: str = ""
    is_held: bool = False


def list_problems(status: TenantStatus, now: datetime) -> list[str]:
    """Return what needs attention about a tenant, the most urgent first."""
    found: list[str] = []
    if status.problem:
        found.append(shorten(status.problem))
    if status.quarantined_since is not None:
        found.append(f"in quarantine since {_minute(status.quarantined_since)}")
    elif status.last_apply is None:
        found.append("no apply on record")
    elif not status.successful:
        found.append(f"the last apply, {_minute(status.last_apply)}, was not successful")
    if status.failing_users:
        found.append(pluralize(status.failing_users, "failing user"))
    found += _list_pending(status)
    if status.credential is not None and status.credential.level is not ExpiryLevel.NOTICE:
        found.append(status.credential.message)
    if status.drift is not None and status.drift.differences:
        found.append(f"{pluralize(status.drift.differences, 'user')} differed on {_minute(status.drift.at)}")
    elif status.drift is not None and now - status.drift.at > DRIFT_AGE:
        found.append(f"no check for drift since {_minute(status.drift.at)}")
    return found


def _list_pending(status: TenantStatus) -> Iterator[str]:
    if status.is_open:
        yield "left open by the last apply of the fleet"
    if status.is_due:
        yield "due since a drift run: changes wait for an apply"


def is_healthy(status: TenantStatus, now: datetime) -> bool:
    """Whether nothing about a tenant needs attention."""
    return not list_problems(status, now)


def render_fleet_status(statuses: Sequence[TenantStatus], now: datetime) -> str:
    """Return the totals, and the tenants that need attention with the reasons."""
    return "\n".join(_list_lines(statuses, now)) + "\n"


def _list_lines(statuses: Sequence[TenantStatus], now: datetime) -> Iterator[str]:
    groups: defaultdict[tuple[int, str], list[str]] = defaultdict(list)
    for status in statuses:
        if found := list_problems(status, now):
            groups[_rank(status), "; ".join(found)].append(status.name)
    urgent = sum(map(len, groups.values()))
    tenants = pluralize(len(statuses), "tenant")
    if urgent:
        yield f"{urgent:,} of {tenants} {'needs' if urgent == 1 else 'need'} attention."
    else:
        yield f"No tenant needs attention, of {tenants}."
    never_looked = sum(each.drift is None for each in statuses)
    if never_looked:
        yield f"No check for drift is on record for {pluralize(never_looked, 'tenant')}: `reconciler fleet drift`."
    held = [each.name for each in statuses if each.is_held]
    if held:
        yield f"{pluralize(len(held), 'tenant')} held, because provisioning is switched off; an apply sends nothing:"
        yield from wrap_names(held)
    ranked = sorted(groups.items(), key=lambda item: (item[0][0], -len(item[1]), item[1][0]))
    for (_, why), names in ranked[:_MOST]:
        yield f"\n{pluralize(len(names), 'tenant')}: {escape_control(why)}"
        yield from wrap_names(names)
    if len(ranked) > _MOST:
        left = sum(len(names) for _, names in ranked[_MOST:])
        yield f"\nand {pluralize(left, 'more tenant')}: --format json lists all"


def _rank(status: TenantStatus) -> int:
    """Return how urgent the most urgent problem of a tenant is, from 0. New tenants may be very many."""
    urgent = (
        bool(status.problem) or status.quarantined_since is not None,
        (status.last_apply is not None and not status.successful)
        or bool(status.failing_users)
        or status.is_open
        or status.is_due,
        status.credential is not None and status.credential.level is not ExpiryLevel.NOTICE,
        status.drift is not None and bool(status.drift.differences),
        status.last_apply is None,
    )
    return urgent.index(True) if any(urgent) else len(urgent)


def build_status_document(statuses: Sequence[TenantStatus], now: datetime) -> dict[str, Any]:
    """Return the document of `--format json`: an entry for each tenant."""
    return {
        "format_version": 1,
        "tenants": {each.name: _build_entry(each, now) for each in statuses},
    }


def _build_entry(status: TenantStatus, now: datetime) -> dict[str, Any]:
    credential, drift = status.credential, status.drift
    return {
        "healthy": is_healthy(status, now),
        "problems": [escape_control(each) for each in list_problems(status, now)],
        "last_apply": _format(status.last_apply),
        "successful": status.successful,
        "failing_users": status.failing_users,
        "quarantined_since": _format(status.quarantined_since),
        "open": status.is_open,
        "held": status.is_held,
        "due": status.is_due,
        "drift": {"at": _format(drift.at), "differences": drift.differences} if drift is not None else None,
        "credential_days_left": credential.days_left if credential is not None else None,
    }


def _format(when: datetime | None) -> str | None:
    return when.isoformat() if when is not None else None


def _minute(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M UTC")
