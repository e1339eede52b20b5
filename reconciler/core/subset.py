"""A plan without some of its changes: who is left out, and who has to wait for them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from reconciler.core.plan import Change


def leave_out(changes: Sequence[Change], addresses: Collection[str]) -> tuple[list[Change], dict[str, str]]:
    """The changes that can be made without those of `addresses`, and address -> whom it waits for, of the others."""
    waits: dict[str, str] = {}
    missing = set(addresses)
    while True:
        found = {
            change.address: blocker
            for change in changes
            if change.address not in missing
            for blocker in change.requires
            if blocker in missing
        }
        if not found:
            return [change for change in changes if change.address not in missing], waits
        waits |= found
        missing |= found.keys()
