"""What to do about a blocked plan: approve it, remove the cause, or connect the directory again."""

from __future__ import annotations

from reconciler.core.plan import REMOVALS, Plan
from reconciler.core.planning.guards.disconnect import DISCONNECT
from reconciler.core.profile import TargetProfile


def describe_way_out(plan: Plan, profile: TargetProfile) -> tuple[str, ...]:
    """Return what to do about the blocked plan, in lines."""
    cut = any(guard.blocks and guard.name == DISCONNECT for guard in plan.guards)
    steps = [f"  {number}. {step}" for number, step in enumerate(profile.disconnect_steps, 1)] if cut else []
    return (*(["If the connection was cut:", *steps, ""] if steps else ()), *_explain_approval(plan))


def _explain_approval(plan: Plan) -> tuple[str, ...]:
    """Return how the blocked plan can be applied, in lines."""
    if any(guard.blocks and not guard.approvable for guard in plan.guards):
        return ("This plan cannot be approved: remove the cause.",)
    failed = [guard.name for guard in plan.guards if not guard.passed]
    # Both name removals alone if nothing else is said.
    lifts = "" if failed == ["removals"] else "".join(f" --lift {name}" for name in failed)
    keys = [
        f'plan: "{plan.plan_id}"',
        f"lifts: [{', '.join(failed)}]",
        f"removals: {plan.count(*REMOVALS)}",
        f"until: {plan.expires_at:%Y-%m-%d}",
        'reason: "…"',
    ]
    return (
        "If this is intended, approve exactly this plan in settings.yaml (write the key `approvals:` only once):",
        "",
        # Without an indent, so that both lines can be copied to the end of the file.
        "approvals:",
        f"  - {{{', '.join(keys)}}}",
        "",
        f"or on the command line, with more options of `reconciler apply`: --approve {plan.plan_id}{lifts}",
    )
