"""Decide who is in scope: accountEnabled, lifecycle dates, assignment, exclusions, scoping filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date

from reconciler.core.model import IN_SCOPE, ScopeReason, SourceUser, Verdict
from reconciler.core.scope.filters import ScopingFilter, evaluate_filters
from reconciler.core.scope.groups import NO_MEMBERS, GroupMembers, fold_names
from reconciler.core.text import quote


@dataclass(frozen=True, slots=True)
class Roster:
    """The unresolved assignment and exclusion, to explain how a user is in them."""

    assigned: GroupMembers = NO_MEMBERS
    excluded: GroupMembers = NO_MEMBERS
    groups: Mapping[str, GroupMembers] = field(default_factory=dict)
    """By folded name."""


@dataclass(frozen=True, slots=True)
class ScopeRules:
    """Resolved assignment and exclusion by folded userPrincipalName or objectId. `assigned` None: all users."""

    assigned: frozenset[str] | None
    excluded: frozenset[str] = frozenset()
    filters: tuple[ScopingFilter, ...] = ()
    """One must be true; empty: all users pass."""
    roster: Roster = field(default_factory=Roster)

    @property
    def use_today(self) -> bool:
        """Whether a filter compares a date with today."""
        return any(clause.uses_today for each in self.filters for clause in each.clauses)


def decide_scope(user: SourceUser, rules: ScopeRules, today: date) -> Verdict:
    """Decide whether `user` is in scope on `today` (UTC). The first reason against it in Entra's order counts."""
    enabled = user.attributes.get("accountEnabled")
    if enabled is False:
        return Verdict(ScopeReason.DISABLED, "accountEnabled is false")
    lifecycle = user.lifecycle
    if lifecycle.expires is not None and lifecycle.expires <= today:
        return Verdict(ScopeReason.EXPIRED, f"expired {quote(str(lifecycle.expires))}")
    if lifecycle.starts is not None and lifecycle.starts > today:
        return Verdict(ScopeReason.NOT_STARTED, f"starts {quote(str(lifecycle.starts))}")
    assigned = _check_assignment(user, rules)
    if not rules.filters or not assigned.in_scope:
        return assigned
    verdict = evaluate_filters(user, rules.filters)
    return replace(verdict, by_date=True) if rules.use_today else verdict


def _check_assignment(user: SourceUser, rules: ScopeRules) -> Verdict:
    if rules.assigned is None and not rules.excluded:
        return IN_SCOPE
    names = fold_names(user)
    if rules.assigned is not None and rules.assigned.isdisjoint(names):
        return Verdict(ScopeReason.NOT_ASSIGNED, "not assigned in scope.yaml")
    if not rules.excluded.isdisjoint(names):
        return Verdict(ScopeReason.EXCLUDED, "excluded in scope.yaml")
    return IN_SCOPE
