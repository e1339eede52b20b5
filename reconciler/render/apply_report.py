"""Render the outcomes of an apply as text."""

from __future__ import annotations

from collections.abc import Sequence

from reconciler.core.plan import Action, Outcome, Result
from reconciler.core.text import escape_control, pluralize
from reconciler.render.changes import address_of
from reconciler.render.labels import format_counts_done
from reconciler.render.style import BOLD, GREEN, HIDDEN, RED, Style

_STOPPED = "not started: the run was stopped"
_COMPLETE = {
    Action.CREATE: "Creation complete",
    Action.UPDATE: "Update complete",
    Action.ADOPT: "Adoption complete",
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


def was_not_started(outcome: Outcome) -> bool:
    """Whether the run ended before this change. Such changes are counted, not listed."""
    return outcome.result is Result.SKIPPED and outcome.message in ("not started: interrupted", _STOPPED)


def render_report(outcomes: Sequence[Outcome], style: Style) -> str:
    """Render the last lines of an apply, counted from its outcomes."""
    counts = format_counts_done(item.change for item in outcomes if item.result is Result.DONE)
    missing = [item for item in outcomes if item.result is not Result.DONE]
    unstarted = [item for item in missing if was_not_started(item)]
    if not missing:
        return f"{style.paint('Apply complete!', BOLD, GREEN)} Users: {counts}.\n"
    lines = [f"{style.paint('Apply incomplete:', BOLD, RED)} Users: {counts}; {len(missing)} not done:", ""]
    lines += [f"  {render_outcome(item, style)}" for item in missing if not was_not_started(item)]
    if unstarted:
        lines.append(f"  {pluralize(len(unstarted), 'change')} {escape_control(unstarted[0].message)}")
    if not all(item.permanent for item in missing):
        lines += ["", "Run the same command again for the rest: nothing is done twice."]
    return "\n".join(lines) + "\n"
