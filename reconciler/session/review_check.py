"""Reviewed = applied: whether a reviewed plan still is what would be done, and which of its changes are.

Nothing is applied that was not reviewed. A changed desired state makes the whole plan stale; if only the accounts of
some users changed, these are skipped and the others proceed (docs/decisions/0017-stale.md).
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
    """Check that the reviewed plan is for this target and from this version, and has not expired.

    Raises `BlockedError` for another target, and `StalePlanError` for another version, an expired plan, or one that was
    made while provisioning was off.
    """
    here = session.target
    if reviewed.target != here:
        raise BlockedError(
            f"the plan is for {reviewed.target}, this target is {here}",
            "A plan is only applied to the target it was made for.",
        )
    if reviewed.reconciler_version != __version__:
        raise StalePlanError(
            f"the plan was made by version {reviewed.reconciler_version}, this is {__version__}", "Make a new plan."
        )
    if not reviewed.provisioning.enabled:
        # Its readers read that nothing of it is applied.
        raise StalePlanError("the plan was made while provisioning was off", "Make a new plan and have it reviewed.")
    check_expiry(reviewed, session)


def check_expiry(reviewed: Plan, session: Session) -> None:
    """Check that the plan has not expired by the latest clock; the service's is known after the live users are read.

    Raises `StalePlanError`.
    """
    present = datetime.now(UTC)
    if max(session.workspace.now, present, session.service_time or present) >= reviewed.expires_at:
        raise StalePlanError(f"the plan expired on {reviewed.expires_at:%Y-%m-%d %H:%M} UTC", "Make a new plan.")


def find_unreviewed(reviewed: Plan, fresh: Plan, started: Collection[str], *, strict: bool) -> list[Outcome]:
    """Return the changes that differ from the reviewed ones, as skipped. `started`: by an earlier apply of the plan.

    Raises `StalePlanError` if most of them differ, or if the desired state is not the reviewed one. If `strict`, for
    any change that is new or differs; a reviewed change that is no longer needed is no difference then.
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
