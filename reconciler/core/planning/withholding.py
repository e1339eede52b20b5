"""Withhold the changes of a plan whose preconditions are unknown."""

from __future__ import annotations

from reconciler.core.model import error, warning
from reconciler.core.plan import REMOVALS, Action
from reconciler.core.planning.clock import find_clock_changes
from reconciler.core.planning.draft import PlanDraft
from reconciler.core.planning.matching import Matching
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.text import pluralize


def withhold_changes(draft: PlanDraft, request: PlanRequest, matching: Matching, live: LiveState) -> None:
    """Remove the changes that may not be made from the draft, with a warning for each kind."""
    if live.problem is not None:
        # A user that was not read looks new, and a removal needs a reliable read.
        draft.withhold_actions({Action.CREATE, *REMOVALS}, "the live users could not be read completely")
    if matching.unidentified:
        names = pluralize(len(matching.unidentified), "user")
        why = f"{names} could not be mapped, so their live accounts are unknown"
        draft.withhold_actions(REMOVALS, why)
    if request.unseen is not None:
        draft.unplanned += draft.withhold_actions(REMOVALS, request.unseen, error)
    if live.clock_problem is not None:
        _withhold_clock_changes(draft, request, live.clock_problem)
    forbidden = {action for action in Action if not request.policy.permits(action)}
    if forbidden:
        draft.withhold_actions(forbidden, "lifecycle.actions in settings.yaml does not permit it")


def _withhold_clock_changes(draft: PlanDraft, request: PlanRequest, why: str) -> None:
    """Withhold the changes that a wrong clock could cause, with an error; without such changes, only warn."""
    resting = find_clock_changes(draft.changes, request.desired, request.mappings)
    count = draft.withhold(lambda change: change.address in resting, why, error)
    draft.unplanned += count
    if not count:
        detail = "Deletions and changes by date would be withheld. Synchronize the clock of this machine."
        draft.diagnostics.append(warning(why, detail))
