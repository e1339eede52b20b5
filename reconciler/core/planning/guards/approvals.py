"""Approvals: which guards of a plan an approval lifts. It names them, covers exactly one plan, and works once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

from reconciler.core.model import Diagnostic, warning
from reconciler.core.plan import REMOVALS, Guard, Plan
from reconciler.core.policy import Approval


def apply_approvals(
    guards: Iterable[Guard], approvals: Iterable[Approval], plan_id: str, removals: int, today: date
) -> tuple[Guard, ...]:
    """Approve each failed guard that a valid approval of this plan names; note why the other approvals do not."""
    named = [approval for approval in approvals if approval.plan_id == plan_id]
    return tuple(_approve(guard, named, removals, today) if guard.blocks else guard for guard in guards)


def _approve(guard: Guard, approvals: Sequence[Approval], removals: int, today: date) -> Guard:
    if not guard.approvable:
        return guard
    refusals = []
    for approval in approvals:
        refusal = _find_refusal(approval, guard.name, removals, today)
        if refusal is None:
            return replace(guard, approved=True, approved_by=approval.id, approval=f"lifted by {approval.place}")
        refusals.append(f"{approval.place} {refusal}")
    return replace(guard, approval="; ".join(refusals)) if refusals else guard


def _find_refusal(approval: Approval, guard: str, removals: int, today: date) -> str | None:
    """Return why the approval does not lift the guard, as a predicate; None if it does."""
    if approval.used is not None:
        return f"was used on {approval.used}"
    if approval.until is not None and today > approval.until:
        return f"expired on {approval.until}"
    if approval.removals is not None and approval.removals != removals:
        return f"is for {approval.removals:,} removals, and the plan has {removals:,}"
    return None if guard in approval.lifts else f"does not lift {guard}: it names {', '.join(sorted(approval.lifts))}"


def report_spent(approvals: Iterable[Approval], today: date) -> Iterable[Diagnostic]:
    """Yield a warning for each approval that has no effect any more."""
    for approval in approvals:
        if approval.used is not None:
            yield warning(
                f"the approval was used on {approval.used}",
                "An approval works once: remove it. To approve the plan again, write a new one.",
                approval.origin,
            )
        elif approval.until is not None and today > approval.until:
            yield warning(f"the approval expired on {approval.until}", "Remove it.", approval.origin)


def reevaluate_guards(plan: Plan, approvals: Sequence[Approval], today: date) -> Plan:
    """Return the plan with its guards evaluated against `approvals` on `today`; earlier approvals do not count."""
    unapproved = (replace(item, approved=False, approved_by="", approval="") for item in plan.guards)
    return carry_over_approval(replace(plan, guards=tuple(unapproved)), approvals, today)


def carry_over_approval(plan: Plan, approvals: Sequence[Approval], today: date, approved: Plan | None = None) -> Plan:
    """Return the plan with further approvals, which may name the plan it is the remainder of (`approved`)."""
    named = approved or plan
    return replace(plan, guards=apply_approvals(plan.guards, approvals, named.plan_id, named.count(*REMOVALS), today))
