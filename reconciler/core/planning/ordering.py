"""Order changes so that a user name is free before another user gets it.

Each change wants at most one name and each name has at most one holder, so every change waits for at most one other.
What remains after following all chains are cycles (a swap of two names): one member of each is renamed to a temporary
name first.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reconciler.core.model import Diagnostic, LiveUser, error
from reconciler.core.plan import REMOVALS, Action, Change
from reconciler.core.planning.temporary_names import make_temporary_name
from reconciler.core.text import quote
from reconciler.core.values import fold_case

_PHASES = {
    Action.UPDATE: 0,
    Action.ADOPT: 0,
    Action.RELINK: 0,
    Action.CREATE: 1,
    Action.REACTIVATE: 2,
    Action.DEACTIVATE: 3,
    Action.DELETE: 4,
}
"""Removals come last: a replacement exists before what it replaces is removed."""


def order_changes(changes: Sequence[Change], live: Iterable[LiveUser]) -> tuple[list[Change], list[Diagnostic]]:
    """Return the changes in execution order, with `requires`, `temporary_user_name` and `wave`, and the conflicts."""
    # Most plans take no name, and folding the names of all users has a cost.
    takes_names = any(find_wanted_name(change) for change in changes)
    holders = {fold_case(user.user_name): user for user in live if user.user_name} if takes_names else {}
    possible, conflicts = _exclude_taken_names(changes, holders)
    possible, withheld = _withhold_contested_removals(possible, changes, holders)
    conflicts += withheld
    waits = _find_waits(possible, holders)
    temporary_names = {address: make_temporary_name(possible[address], holders) for address in _find_cycles(waits)}
    ordered = [
        replace(
            change,
            requires=(waits[address],) if address in waits else (),
            temporary_user_name=temporary_names.get(address),
        )
        for address, change in possible.items()
    ]
    return _assign_waves(ordered), conflicts


def find_wanted_name(change: Change) -> str | None:
    """Return the folded name that a change takes; None if it keeps the one it has."""
    name = change.after.get("userName")
    if name is None or change.action is Action.DELETE:
        return None
    before = change.before.get("userName")
    return None if before is not None and fold_case(str(before)) == fold_case(str(name)) else fold_case(str(name))


def _exclude_taken_names(
    changes: Sequence[Change], holders: Mapping[str, LiveUser]
) -> tuple[dict[str, Change], list[Diagnostic]]:
    """Exclude changes that want a name whose holder keeps it, and those that wait for an excluded change."""
    possible = {change.address: change for change in changes}
    takers = Counter(wanted for change in changes if (wanted := find_wanted_name(change)))
    leaving = {change.live_id: change for change in changes if change.live_id and find_wanted_name(change)}
    waiting: dict[str, Change] = {}
    stuck: list[Change] = []
    for change in changes:
        wanted = find_wanted_name(change)
        holder = holders.get(wanted) if wanted else None
        if wanted and takers[wanted] > 1:
            stuck.append(change)
        elif holder is None or holder.id == change.live_id:
            continue
        elif holder.id in leaving:
            waiting[leaving[holder.id].address] = change
        else:
            stuck.append(change)
    conflicts = []
    while stuck:
        change = stuck.pop()
        if possible.pop(change.address, None) is None:
            continue
        conflicts.append(_report_taken_name(change, holders))
        if change.address in waiting:
            stuck.append(waiting[change.address])
    return possible, conflicts


def _withhold_contested_removals(
    possible: dict[str, Change], changes: Sequence[Change], holders: Mapping[str, LiveUser]
) -> tuple[dict[str, Change], list[Diagnostic]]:
    """Withhold the removal of an account whose user name another change wanted and could not get.

    It may be the same person: two accounts of one person look like this.
    """
    wanted = {find_wanted_name(change) for change in changes if change.address not in possible}
    involved = {holders[name].id for name in wanted if name is not None and name in holders}
    kept = {
        address: change
        for address, change in possible.items()
        if not (change.action in REMOVALS and change.live_id in involved)
    }
    withheld = [
        error(
            "the removal is withheld: another user needs this account's user name",
            "Settle first whose account it is: correct the user name, or the externalId at the target.",
            change.origin,
            change.address,
        )
        for address, change in possible.items()
        if address not in kept
    ]
    return kept, withheld


def _report_taken_name(change: Change, holders: Mapping[str, LiveUser]) -> Diagnostic:
    name = change.after["userName"]
    holder = holders.get(fold_case(str(name)))
    if holder is None or holder.id == change.live_id:
        summary = f"userName {quote(str(name))} is given to more than one user"
        return error(summary, "Two users cannot share one name.", change.origin, change.address)
    way_out = "Rename or remove that account first, or choose another name. A deactivated account still holds its name."
    if holder.managed and not holder.active:
        way_out = (
            "It is deactivated and still holds its name. To free it, give the entry of its user another "
            "userPrincipalName (with accountEnabled: false); else choose another name. See docs/relinking.md."
        )
    owner = f"externalId {quote(holder.external_id)}" if holder.external_id else "no externalId"
    return error(
        f"userName {quote(str(name))} is taken by another live account (id {quote(holder.id)}, {owner})",
        way_out,
        change.origin,
        change.address,
    )


def _find_waits(changes: Mapping[str, Change], holders: Mapping[str, LiveUser]) -> dict[str, str]:
    """Map the address of a change to the address of the change that frees the name it wants."""
    leaving = {
        change.live_id: address for address, change in changes.items() if change.live_id and find_wanted_name(change)
    }
    waits: dict[str, str] = {}
    for address, change in changes.items():
        wanted = find_wanted_name(change)
        holder = holders.get(wanted) if wanted else None
        if holder is not None and holder.id != change.live_id:
            waits[address] = leaving[holder.id]
    return waits


def _find_cycles(waits: Mapping[str, str]) -> list[str]:
    """Return one address of each cycle, the smallest."""
    found: list[str] = []
    done: set[str] = set()
    for start in sorted(waits):
        path: dict[str, int] = {}
        address: str | None = start
        while address is not None and address not in done and address not in path:
            path[address] = len(path)
            address = waits.get(address)
        if address is not None and address in path:
            cycle = [member for member, position in path.items() if position >= path[address]]
            found.append(min(cycle))
        done.update(path)
    return found


def _assign_waves(changes: Sequence[Change]) -> list[Change]:
    by_address = {change.address: change for change in changes}
    ranks: dict[str, tuple[int, int]] = {}
    for change in changes:
        _rank(change, by_address, ranks)
    waves = {rank: wave for wave, rank in enumerate(sorted(set(ranks.values())))}
    numbered = [replace(change, wave=waves[ranks[change.address]]) for change in changes]
    return sorted(numbered, key=lambda change: (change.wave, fold_case(change.key), change.key))


def _rank(change: Change, by_address: Mapping[str, Change], ranks: dict[str, tuple[int, int]]) -> None:
    """Rank a change by (phase, depth), never before what it waits for. Iterative: chains may be long."""
    chain = []
    current: Change | None = change
    while current is not None and current.address not in ranks:
        chain.append(current)
        required = by_address[current.requires[0]] if current.requires else None
        # A change that waits for a temporarily renamed user waits for that rename only, which comes before all waves.
        current = None if required is None or required.temporary_user_name else required
    phase, depth = ranks[current.address] if current is not None else (-1, -1)
    for link in reversed(chain):
        own = _PHASES[link.action]
        phase, depth = (own, 0) if own > phase else (phase, depth + 1)
        ranks[link.address] = (phase, depth)
