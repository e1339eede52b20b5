"""The policy of settings.yaml: actions, removals, guards, relinking and approvals."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import date

from reconciler.core.model import Diagnostic, error
from reconciler.core.policy import (
    MAX_APPROVAL_PERIOD,
    NO_RELINKING,
    Approval,
    Limit,
    Policy,
    RelinkedId,
    RelinkRules,
    Removal,
    UnattendedLimits,
)
from reconciler.core.values import fold_case
from reconciler.desired import schema
from reconciler.desired.guard_settings import ApprovalSettings
from reconciler.desired.validation import LocatedModel


def build_policy(located: LocatedModel[schema.Settings]) -> Policy:
    """Build the policy of valid settings."""
    settings = located.value
    lifecycle, guards = settings.lifecycle, settings.guards
    places = {fold_case(name): located.at("guards", "protected", n) for n, name in enumerate(guards.protected)}
    return Policy(
        permitted=frozenset(lifecycle.actions),
        out_of_scope=Removal(lifecycle.out_of_scope),
        removed=Removal(lifecycle.removed),
        delete_after_days=lifecycle.delete_after_days,
        removals=Limit(guards.removals.count, guards.removals.percent, guards.removals.floor),
        reactivations=Limit(guards.reactivations.count, guards.reactivations.percent, guards.reactivations.floor),
        updates=Limit(guards.updates.count, guards.updates.percent),
        creates=Limit(guards.creates.count, guards.creates.percent),
        domains=tuple(settings.target.domains),
        name_takeovers=Limit(guards.name_takeovers.count),
        identity_changes=Limit(guards.identity_changes.count),
        foreign_accounts=Limit(guards.foreign_accounts.count),
        failures=Limit(guards.failures.count, guards.failures.percent, guards.failures.floor),
        protected=frozenset(places),
        protected_origins={name: origin for name, origin in places.items() if origin is not None},
        digests=settings.record.values == "digest",
        record_branch=settings.record.branch,
        relink=_build_relink_rules(settings.relink, located),
        approvals=_build_approvals(located),
        unattended=UnattendedLimits(**dict(settings.unattended)) if settings.unattended is not None else None,
    )


def _build_relink_rules(settings: schema.RelinkSettings, located: LocatedModel[schema.Settings]) -> RelinkRules:
    if not settings.ids and settings.match is None:
        return NO_RELINKING
    rows = (RelinkedId(row.old, row.new, located.at("relink", "ids", n)) for n, row in enumerate(settings.ids))
    return RelinkRules(tuple(rows), settings.match == "userName", located.at("relink"))


def _build_approvals(settings: LocatedModel[schema.Settings]) -> tuple[Approval, ...]:
    return tuple(
        Approval(
            entry.plan,
            entry.removals,
            entry.until,
            frozenset(entry.lifts),
            id=_compute_approval_id(entry),
            origin=settings.at("approvals", number),
        )
        for number, entry in enumerate(settings.value.approvals)
    )


def _compute_approval_id(entry: ApprovalSettings) -> str:
    """Return what an apply records of an approval, so that it works once; another date or reason makes another one."""
    content = json.dumps(entry.model_dump(mode="json") | {"lifts": sorted(entry.lifts)}, sort_keys=True)
    return f"approval:{hashlib.sha256(content.encode()).hexdigest()[:16]}"


def check_approvals(settings: LocatedModel[schema.Settings], report: Callable[[Diagnostic], None], today: date) -> None:
    """Report approvals that are valid for too long after `today`."""
    last = today + MAX_APPROVAL_PERIOD
    for number, entry in enumerate(settings.value.approvals):
        if entry.until > last:
            days = MAX_APPROVAL_PERIOD.days
            summary = f"an approval is valid for {days} days at most, but this one is valid until {entry.until}"
            origin = settings.at("approvals", number, "until")
            report(error(summary, f"Set `until` to {last} or earlier.", origin))
