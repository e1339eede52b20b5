"""Withhold the changes of a plan whose preconditions are unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reconciler.core.model import DesiredUser, Diagnostic, Severity, error, format_user_address, warning
from reconciler.core.plan import REMOVALS, Action
from reconciler.core.planning.clock import find_clock_changes
from reconciler.core.planning.draft import PlanDraft
from reconciler.core.planning.matching import Matching
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.text import pluralize


def withhold_changes(draft: PlanDraft, request: PlanRequest, live: LiveState) -> None:
    """Remove the changes that may not be made from the draft, with a warning for each kind."""
    if live.problem is not None:
        # A user that was not read looks new, and a removal needs a reliable read.
        draft.withhold_actions({Action.CREATE, *REMOVALS}, "the live users could not be read completely")
    if request.unseen is not None:
        draft.unplanned += draft.withhold_actions(REMOVALS, request.unseen, error)
    if live.clock_problem is not None:
        _withhold_clock_changes(draft, request, live.clock_problem)
    forbidden = {action for action in Action if not request.policy.permits(action)}
    if forbidden:
        draft.withhold_actions(forbidden, "lifecycle.actions in settings.yaml does not permit it")


def withhold_doubtful_removals(
    draft: PlanDraft, request: PlanRequest, matching: Matching, problems: Iterable[Diagnostic]
) -> int:
    """Withhold the removal of accounts that may be those of users with an error; return the number of removals.

    No account was found for such a user: after the error is corrected, it may be one that looks unclaimed today. An
    externalId that no account has shows that the user is new, or has an account without externalId. `problems`: errors
    that are not in the draft.
    """
    users = _find_without_account(draft, matching, problems)
    if not users:
        return 0
    anchors = Counter(user.anchor for user in request.desired)
    links = any(row.target == "externalId" and not row.once for row in request.mappings)
    linked = {id(user) for user in users if links and _has_external_id(user) and anchors[user.anchor] == 1}
    sharing = set(map(id, matching.sharing))
    unknown = [user for user in users if id(user) not in linked]
    partly = [user for user in users if id(user) in linked and (_has_doubtful_match(user) or id(user) in sharing)]
    if not unknown and not partly:
        return 0
    unclaimed = {found.id for found in matching.unclaimed if unknown or found.external_id is None}
    names = pluralize(len(unknown) + len(partly), "user")
    why = f"{names} with an error could not be identified, so their live accounts are unknown"
    return draft.withhold(lambda change: change.action in REMOVALS and change.live_id in unclaimed, why)


def _find_without_account(
    draft: PlanDraft, matching: Matching, problems: Iterable[Diagnostic]
) -> Sequence[DesiredUser]:
    """Return the users with an error for whom no live account was found."""
    wrong = {item.address for item in (*draft.diagnostics, *problems) if item.severity is Severity.ERROR}
    return [
        *matching.sharing,
        *(
            user
            for user, found in matching.pairs
            if found is None
            and (user.failed or (wrong and user.verdict.in_scope and format_user_address(user.key) in wrong))
        ),
    ]


def _has_external_id(user: DesiredUser) -> bool:
    return user.anchor is not None and "externalId" not in user.doubtful


def _has_doubtful_match(user: DesiredUser) -> bool:
    return None in user.match or bool(user.doubtful)


def _withhold_clock_changes(draft: PlanDraft, request: PlanRequest, why: str) -> None:
    """Withhold the changes that a wrong clock could cause, with an error; without such changes, only warn."""
    resting = find_clock_changes(draft.changes, request.desired, request.mappings)
    count = draft.withhold(lambda change: change.address in resting, why, error)
    draft.unplanned += count
    if not count:
        detail = "Deletions and changes by date would be withheld. Synchronize the clock of this machine."
        draft.diagnostics.append(warning(why, detail))
