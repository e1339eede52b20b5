"""Accounts that were deactivated, of which the service does not show whether they are active.

Of a service that never shows `active`, every account counts as active. A deactivation may be in effect there: the user
who returns is sent true, until the record has that it was accepted. It does no harm to an account that is active.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from reconciler.core.model import LiveUser
from reconciler.core.planning.matching import Matching


def doubt_activity(matching: Matching, doubtful: Collection[str]) -> None:
    """Take the accounts of users in scope without `active` as ones that may be inactive, if they are `doubtful`."""
    if not doubtful:
        return
    matching.pairs = [
        (
            user,
            _without_active(found) if found is not None and found.id in doubtful and user.verdict.in_scope else found,
        )
        for user, found in matching.pairs
    ]


def _without_active(found: LiveUser) -> LiveUser:
    if not found.omits_active:
        return found
    return replace(found, attributes={path: value for path, value in found.attributes.items() if path != "active"})
