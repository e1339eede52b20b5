"""Evaluate all guards."""

from __future__ import annotations

from reconciler.core.plan import Guard
from reconciler.core.planning.guards import accounts, disconnect, identities, limits, target
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.policy import Policy


def evaluate_guards(context: GuardContext, policy: Policy) -> tuple[Guard, ...]:
    """Return the verdicts of all guards, passed ones included, always in the same order."""
    tenant = target.check_tenant(context, policy.domains)
    return (
        target.check_complete_read(context),
        limits.check_removals(context, policy.removals),
        limits.check_reactivations(context, policy.reactivations),
        limits.check_updates(context, policy.updates),
        limits.check_creates(context, policy.creates),
        accounts.check_protected(context, policy),
        accounts.check_last_active(context),
        accounts.check_foreign_accounts(context, policy.foreign_accounts),
        target.check_desired_state(context),
        identities.check_name_reuse(context),
        identities.check_name_takeovers(context, policy.name_takeovers),
        identities.check_identity_changes(context, policy.identity_changes),
        identities.check_relink(context),
        target.check_target(context),
        tenant,
        disconnect.check_disconnect(context, tenant),
    )
