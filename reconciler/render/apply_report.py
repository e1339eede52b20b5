"""Render the outcomes of an apply as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reconciler.core.plan import NOT_STARTED, Action, Outcome, Result
from reconciler.core.profile import TargetProfile
from reconciler.core.text import escape_control, pluralize
from reconciler.render.changes import address_of
from reconciler.render.labels import format_counts_done
from reconciler.render.style import BOLD, GREEN, HIDDEN, RED, Style

ENDINGS = ("interrupted", "the run was stopped")
"""Why a run ended before its last change."""
_COMPLETE = {
    Action.CREATE: "Creation complete",
    Action.UPDATE: "Update complete",
    Action.ADOPT: "Adoption complete",
    Action.RELINK: "Relinking complete",
    Action.REACTIVATE: "Reactivation complete",
    Action.DEACTIVATE: "Deactivation complete",
    Action.DELETE: "Deletion complete",
}


def render_outcome(outcome: Outcome, style: Style) -> str:
    """Render one finished change in one line."""
    address = style.paint(address_of(outcome.change, style), BOLD)
    if outcome.result is Result.DONE:
        note = f" ({escape_control(outcome.message)})" if outcome.message else ""
        return f"{address}: {_COMPLETE[outcome.change.action]} [id={escape_control(outcome.live_id or '')}]{note}"
    result = {
        Result.FAILED: "FAILED",
        Result.NOT_IN_EFFECT: "NOT IN EFFECT",
        Result.UNKNOWN: "UNKNOWN",
        Result.SKIPPED: "Skipped",
    }[outcome.result]
    message = HIDDEN if style.redact else escape_control(outcome.message)
    return f"{address}: {style.paint(result, BOLD, RED)}: {message}"


_PLAN_AGAIN = "plan again"
"""What outcomes say that a run of the same plan cannot change."""


def was_not_started(outcome: Outcome) -> bool:
    """Whether the run ended before this change. Such changes are counted, not listed."""
    return outcome.not_started and outcome.message.removeprefix(f"{NOT_STARTED}: ") in ENDINGS


def render_report(outcomes: Sequence[Outcome], style: Style) -> str:
    """Render the last lines of an apply, counted from its outcomes."""
    counts = format_counts_done(item.change for item in outcomes if item.result is Result.DONE)
    missing = [item for item in outcomes if item.result is not Result.DONE]
    if not missing:
        return f"{style.paint('Apply complete!', BOLD, GREEN)} Users: {counts}.\n"
    lines = [f"{style.paint('Apply incomplete:', BOLD, RED)} Users: {counts}; {len(missing)} not done:", ""]
    lines += [f"  {render_outcome(item, style)}" for item in missing if not was_not_started(item)]
    lines += _count_unstarted(missing)
    if not all(item.permanent for item in missing):
        # An account that is no longer as planned is not so for the same plan again.
        stale = any(_PLAN_AGAIN in item.message.casefold() for item in missing)
        step = "Plan again, and apply that plan," if stale else "Run the same command again"
        lines += ["", f"{step} for the rest: nothing is done twice."]
    return "\n".join(lines) + "\n"


def _count_unstarted(missing: Sequence[Outcome]) -> Iterator[str]:
    """Yield a line for the changes that the end of the run left out; with all others, if some are listed above."""
    ended = [item for item in missing if was_not_started(item)]
    if ended:
        total = sum(item.not_started for item in missing)
        listed = f"; with those above, {pluralize(total, 'change')} not started" if total > len(ended) else ""
        yield f"  {pluralize(len(ended), 'change')} {escape_control(ended[0].message)}{listed}"


def explain_conflicts(outcomes: Sequence[Outcome], profile: TargetProfile) -> str:
    """List once what can hold the user names that the service refused without a reason; "" if it refused none so."""
    held = sum(profile.conflict_hint in outcome.message for outcome in outcomes)
    if not held or not profile.conflict_causes:
        return ""
    causes = "\n".join(f"  - {cause}" for cause in profile.conflict_causes)
    return (
        f"\n{profile.title} does not say over SCIM what holds {pluralize(held, 'user name')}; "
        f"its activity log does. Likely one of:\n{causes}"
    )
