"""The changes of the users that were named (`--user`)."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reconciler.core.plan import Change
from reconciler.core.values import fold_case


def select_changes(changes: Sequence[Change], only: Collection[str]) -> list[Change]:
    """Select the changes of the named users and, transitively, the changes that those require."""
    by_address = {change.address: change for change in changes}
    waiting = [change for change in changes if not collect_names(change).isdisjoint(only)]
    chosen: set[str] = set()
    while waiting:
        change = waiting.pop()
        if change.address not in chosen:
            chosen.add(change.address)
            waiting.extend(by_address[address] for address in change.requires)
    return [change for change in changes if change.address in chosen]


def collect_names(change: Change) -> frozenset[str]:
    """Collect the folded names of the user of a change, before and after it."""
    names: list[object] = [change.key, change.live_id]
    names += [side.get(path) for side in (change.before, change.after) for path in ("userName", "externalId")]
    return frozenset(fold_case(name) for name in names if isinstance(name, str))
