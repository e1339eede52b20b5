"""Who is provisioned: accountEnabled, lifecycle dates, assignment, exclusions, scoping filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from reconciler.core.model import IN_SCOPE, ScopeReason, SourceUser, Verdict
from reconciler.core.scope.filters import ScopingFilter, evaluate_filters
from reconciler.core.scope.groups import NO_MEMBERS, GroupMembers, fold_names
from reconciler.core.text import quote


@dataclass(frozen=True, slots=True)
class Roster:
    """What assignment and exclusion were resolved from, to say how somebody came into them."""

    assigned: GroupMembers = NO_MEMBERS
    excluded: GroupMembers = NO_MEMBERS
    groups: Mapping[str, GroupMembers] = field(default_factory=dict)
    """By folded name."""


@dataclass(frozen=True, slots=True)
class ScopeRules:
    """Assignment with groups resolved; people by folded userPrincipalName or objectId. `assigned` None: everybody."""

    assigned: frozenset[str] | None
    excluded: frozenset[str] = frozenset()
    filters: tuple[ScopingFilter, ...] = ()
    """One must be true; empty: everybody passes."""
    roster: Roster = field(default_factory=Roster)


def decide_scope(user: SourceUser, rules: ScopeRules, today: date) -> Verdict:
    """Whether `user` is in scope on `today` (UTC), and why not. The first reason in Entra's order of steps counts."""
    enabled = user.attributes.get("accountEnabled")
    if enabled is False:
        return Verdict(ScopeReason.DISABLED, "accountEnabled is false")
    lifecycle = user.lifecycle
    if lifecycle.expires is not None and lifecycle.expires <= today:
        return Verdict(ScopeReason.EXPIRED, f"expired {quote(str(lifecycle.expires))}")
    if lifecycle.starts is not None and lifecycle.starts > today:
        return Verdict(ScopeReason.NOT_STARTED, f"starts {quote(str(lifecycle.starts))}")
    assignment = _assignment(user, rules)
    return evaluate_filters(user, rules.filters) if rules.filters and assignment.in_scope else assignment


def _assignment(user: SourceUser, rules: ScopeRules) -> Verdict:
    if rules.assigned is None and not rules.excluded:
        return IN_SCOPE
    names = fold_names(user)
    if rules.assigned is not None and rules.assigned.isdisjoint(names):
        return Verdict(ScopeReason.NOT_ASSIGNED, "not assigned in scope.yaml")
    if not rules.excluded.isdisjoint(names):
        return Verdict(ScopeReason.EXCLUDED, "excluded in scope.yaml")
    return IN_SCOPE
