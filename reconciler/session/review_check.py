"""Reviewed = applied: whether a plan is still what would be done, and which of its changes are.

Nothing is ever applied that was not reviewed. What the desired state moved makes the whole plan stale; where only the
accounts of some users moved, these are left out and the others go on (docs/decisions/0017-stale.md).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from reconciler import __version__
from reconciler.apply.staleness import find_differences, is_mostly_unchanged
from reconciler.core.plan import Outcome, Plan, Result
from reconciler.errors import BlockedError, StalePlanError
from reconciler.session.session import Session


def check_binding(reviewed: Plan, session: Session) -> None:
    """Raises unless the reviewed plan is for this target, of this version, and not too old."""
    here = session.target
    if reviewed.target != here:
        raise BlockedError(
            f"the plan is for {reviewed.target.base_url} ({reviewed.target.profile}), this target is "
            f"{here.base_url} ({here.profile})",
            "A plan is only applied to the target it was made for.",
        )
    if reviewed.reconciler_version != __version__:
        raise StalePlanError(
            f"the plan was made by version {reviewed.reconciler_version}, this is {__version__}", "Make a new plan."
        )
    if max(session.workspace.now, datetime.now(UTC)) >= reviewed.expires_at:
        raise StalePlanError(f"the plan expired on {reviewed.expires_at:%Y-%m-%d %H:%M} UTC", "Make a new plan.")


def find_unreviewed(reviewed: Plan, fresh: Plan, started: Collection[str], *, strict: bool) -> list[Outcome]:
    """The users whose change is not the reviewed one any more, as skipped; `started`: by an earlier apply of the plan.

    Raises `StalePlanError` when they are most, when the desired state is not the reviewed one, and when `strict`:
    then for whatever is more or other than reviewed. What is needed no more is no fault there.
    """
    pairs = find_differences(reviewed, fresh, started)
    if strict:
        pairs = [(old, new) for old, new in pairs if new is not None]
    if not pairs:
        return []
    from reconciler.render.stale_plan import render_difference, render_differences  # noqa: PLC0415 - deepdiff, 0.15 s

    if strict or reviewed.config_digest != fresh.config_digest or not is_mostly_unchanged(reviewed, fresh, pairs):
        raise StalePlanError(
            "the plan is stale: it is not what would be done now",
            f"{render_differences(pairs)}\nMake a new plan and have it reviewed.",
        )
    return [
        Outcome(change, Result.SKIPPED, f"not as reviewed: {render_difference(old, new)}; plan again")
        for old, new in pairs
        if (change := new or old) is not None
    ]
