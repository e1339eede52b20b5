"""Whether a plan is applied without a review: it is small, today, and gives and takes no one's access. Pure.

All or nothing: a plan beyond a limit is left for a review as a whole. The limits count the accounts of the plan and
those that earlier unattended applies changed within `WINDOW`, so that no series of small applies gets around them; what
was reviewed does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from reconciler.core.model import Severity
from reconciler.core.plan import REMOVALS, Action, Change, Plan
from reconciler.core.planning.guards.context import RecentChange
from reconciler.core.policy import UnattendedLimits
from reconciler.core.text import pluralize
from reconciler.core.values import fold_case

_IDENTITY = frozenset({"externalId", "userName"})
_PRIVILEGES = frozenset({"role", "roles", "entitlement", "entitlements", "password", "x509certificates"})
"""Attributes, of RFC 7643 §4.1 or of an extension, by which an account may do more than others, or be entered."""
_NAMED_BY_ADDRESS = frozenset({Action.CREATE})


def find_unattended_obstacles(plan: Plan, limits: UnattendedLimits, recent: Sequence[RecentChange]) -> tuple[str, ...]:
    """Return why a plan needs a review, a clause each; none: it may be applied unattended.

    `recent`: the changes of the applies on record within `WINDOW`. The plan has no approvals: they are for one that
    was reviewed, and a plan that a guard blocks is not applied anyway.
    """
    earlier = [change for change in recent if change.unattended]
    obstacles = [
        f"{pluralize(count, 'account')} would {what}: this is always reviewed"
        for is_it, what in _REVIEWED
        if (count := sum(map(is_it, plan.changes)))
    ]
    # What a review decides about counts as an update as well.
    updates = frozenset(Action) - REMOVALS - {Action.CREATE}
    for name, actions, limit in (
        ("updates", updates, limits.updates),
        ("creates", frozenset({Action.CREATE}), limits.creates),
        ("removals", REMOVALS, limits.removals),
    ):
        planned, before = _find_accounts(plan.changes, actions), _find_accounts(earlier, actions)
        # A plan without such changes cannot undo those of the day.
        if planned and len(planned | before) > limit:
            obstacles.append(_format_excess(name, len(planned), len(before - planned), limit))
    if not plan.complete:
        obstacles.append("the plan does not know all accounts")
    failed = max(plan.tally.failed, sum(item.severity is Severity.ERROR for item in plan.diagnostics))
    if failed:
        obstacles.append(f"{pluralize(failed, 'user')} cannot be planned")
    return tuple(obstacles)


def changes_identity(change: Change) -> bool:
    """Whether an account would get another userName or externalId, also for a moment."""
    if change.live_id is None:
        return False
    paths = {each.path for each in change.attribute_changes()} if change.action is not Action.DELETE else set()
    return change.temporary_user_name is not None or bool(paths & _IDENTITY)


def changes_activity(change: Change) -> bool:
    """Whether an update would let an account in, or shut it out, without being called so."""
    return change.action is Action.UPDATE and any(each.path == "active" for each in change.attribute_changes())


def links_or_revives(change: Change) -> bool:
    """Whether a user would get an account that exists: their own again, or one that was not managed by this."""
    return change.action in (Action.REACTIVATE, Action.ADOPT, Action.RELINK)


def changes_privileges(change: Change) -> bool:
    """Whether an account, also a new one, would get or lose what lets it do more than others."""
    if change.action in REMOVALS:
        return False
    return any(not _PRIVILEGES.isdisjoint(_find_names(each.path)) for each in change.attribute_changes())


def _find_names(path: str) -> list[str]:
    """Return the names of attribute and sub-attribute in a path, without URN and filter, folded."""
    before, _, rest = path.partition("[")
    names = before + rest.rpartition("]")[2]
    return names.rpartition(":")[2].casefold().split(".")


def _find_accounts(changes: Iterable[Change | RecentChange], actions: AbstractSet[Action]) -> set[str]:
    """Return the accounts with one of these changes; that of a create has no id before it is made."""
    return {
        fold_case(change.address) if change.action in _NAMED_BY_ADDRESS else str(change.live_id)
        for change in changes
        if change.action in actions
    }


def _format_excess(name: str, planned: int, earlier: int, limit: int) -> str:
    more = f", {earlier:,} more unattended in the last 24 hours" if earlier else ""
    return f"{pluralize(planned, name.removesuffix('s'))}{more}: more than unattended.{name} allows ({limit:,})"


_REVIEWED: tuple[tuple[Callable[[Change], bool], str], ...] = (
    (links_or_revives, "be reactivated, adopted or relinked"),
    (changes_identity, "get another userName or externalId"),
    (changes_activity, "become active or inactive by an update"),
    (changes_privileges, "get other roles, entitlements or credentials"),
)
