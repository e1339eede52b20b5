"""Approvals: which guards of a plan an approval lifts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date

from reconciler.core.plan import Guard
from reconciler.core.policy import Approval


def apply_approvals(
    guards: Iterable[Guard], approvals: Iterable[Approval], plan_id: str, removals: int, today: date
) -> tuple[Guard, ...]:
    """Approve the approvable guards if an approval names exactly this plan and has not expired."""
    approved = any(
        approval.plan_id == plan_id
        and (approval.removals is None or approval.removals == removals)
        and (approval.until is None or today <= approval.until)
        for approval in approvals
    )
    return tuple(
        replace(guard, approved=True) if approved and guard.approvable and not guard.passed else guard
        for guard in guards
    )
