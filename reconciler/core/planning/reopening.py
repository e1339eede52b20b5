"""Open the settled pairs that anything in a plan can touch: what is left needs no look at all.

A user, a change, a guard and the record reach another user by a name, an identifier or a live id only. So a pair is
opened if it shares one with a user that is open or with another pair, or if a setting or the record names it. Where
that is not enough, as for the full names of accounts, the settled users are looked at one after another.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain

from reconciler.core.planning.joined_users import JoinedUsers
from reconciler.core.planning.protection import collect_protected_names
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.planning.settled import SettledPairs
from reconciler.core.planning.settling import list_desired_names, list_live_names
from reconciler.core.values import fold_case


def set_aside(request: PlanRequest, live: LiveState) -> tuple[PlanRequest, LiveState]:
    """Return the request and the live state with the open users only; `settled` of the live state has the others."""
    joined = live.users
    if not isinstance(joined, JoinedUsers):
        return _hold(request), live
    fits = joined.desired is request.desired and list(joined.mappings) == list(request.mappings)
    if not fits or request.policy.relink:
        return _hold(request), replace(live, users=list(joined))
    rows = joined.list_rows()
    for row in joined.names.find_shared():
        rows[row] = 0
    desired = dict(joined.list_desired(rows))
    names = {name for user in desired.values() for name in list_desired_names(user)}
    names.update(name for user in joined.split(rows) for name in list_live_names(user))
    protected, ids = _list_protected(replace(request, desired=list(desired.values())))
    names.update(protected)
    names.update(fold_case(name) for name in request.original_names.values())
    touched = joined.names.find(names)
    singled = map(joined.find_row, chain(ids, _list_ids(request, live)))
    touched.update(row for row in singled if row is not None)
    for row in touched:
        if rows[row]:
            rows[row] = 0
            desired[row] = joined.desired[row]
    users = [desired[row] for row in sorted(desired)]
    return replace(request, desired=users), replace(
        live, users=list(joined.split(rows)), settled=SettledPairs(joined, rows)
    )


def _hold(request: PlanRequest) -> PlanRequest:
    """Return the request with its users as objects: matching tells them apart by identity."""
    held = isinstance(request.desired, list | tuple)
    return request if held else replace(request, desired=list(request.desired))


def _list_ids(request: PlanRequest, live: LiveState) -> Iterator[str]:
    """Yield the live ids of the accounts that the live read, the record or the settings single out."""
    yield from live.hidden
    yield from live.inactive
    yield from (each.live_id for each in (*live.awaited.values(), *live.unshown))
    yield from (change.live_id for change in request.recent if change.live_id is not None)
    yield from request.noted
    yield from request.original_names
    yield from request.unconfirmed
    yield from request.doubtful


def _list_protected(request: PlanRequest) -> tuple[Collection[str], Collection[str]]:
    """Return the names of protected users and accounts, and the live ids of accounts that had one on record.

    As in `protection`: an externalId links an account to those that had it, whose names count too.
    """
    named = collect_protected_names(request.desired, request.policy)
    if not named:
        return (), ()
    known = request.names.values()
    linked = {each for found in known if not named.isdisjoint(found.user_names) for each in found.external_ids}
    ids = {
        live_id
        for live_id, found in request.names.items()
        if not (found.user_names.isdisjoint(named) and found.external_ids.isdisjoint(named | linked))
    }
    return named | linked, ids
