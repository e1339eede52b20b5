"""Guards of accounts that must not be removed."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.model import LiveUser
from reconciler.core.plan import REMOVALS, Action, Change, Guard
from reconciler.core.planning.guards.context import GuardContext, format_names
from reconciler.core.policy import Policy
from reconciler.core.text import pluralize
from reconciler.core.values import fold_case

GAINS = frozenset({Action.CREATE, Action.REACTIVATE, Action.ADOPT})
"""Actions after which there is one more active user."""


def check_protected(context: GuardContext, policy: Policy) -> Guard:
    """Block the removal of protected users."""
    named = policy.protected | {fold_case(user.key) for user in context.desired if user.lifecycle.protected}
    live = {user.id: user for user in context.managed}
    hit = sorted(
        change.key
        for change in context.changes
        if change.action in REMOVALS and _collect_names(change, live.get(change.live_id or "")) & named
    )
    if not hit:
        return Guard("protected", passed=True, message="no protected user would be removed", approvable=False)
    message = f"{pluralize(len(hit), 'protected user')} would be removed: {format_names(hit)}"
    return Guard("protected", passed=False, message=message, approvable=False)


def _collect_names(change: Change, live: LiveUser | None) -> set[str]:
    """Collect the folded names of the user of a change."""
    known = [change.key, change.live_id, change.before.get("userName"), change.before.get("externalId")]
    if live is not None:
        known += [live.user_name, live.external_id]
    return {fold_case(str(name)) for name in known if name}


def check_last_active(context: GuardContext) -> Guard:
    """Block a plan that would remove the last active user."""
    # A replacement that is not selected is not created, so an active user must remain in both cases.
    passed = _leaves_active_user(context.changes, context) and (
        context.selected is None or _leaves_active_user(context.selected, context)
    )
    message = "an active user remains" if passed else "the last active managed user would be removed"
    return Guard("last-active-user", passed, message)


def _leaves_active_user(changes: Sequence[Change], context: GuardContext) -> bool:
    removed = {change.live_id for change in changes if change.action in REMOVALS}
    active = [user for user in context.managed if user.active]
    gained = any(change.action in GAINS for change in changes)
    return not removed or not active or gained or any(user.id not in removed for user in active)
