"""What happens to one user: Entra's provisioning events, with drift corrected and every removal explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from reconciler.core.diff import diff
from reconciler.core.model import (
    Action,
    ActionReason,
    AttributeMapping,
    AttributePath,
    Attributes,
    Change,
    DesiredUser,
    LiveUser,
    Value,
)
from reconciler.core.policy import Policy, Removal


def create(desired: DesiredUser) -> Change:
    """A user in scope who has no live account."""
    return Change(
        key=desired.key,
        action=Action.CREATE,
        reason=ActionReason.NOT_IN_TARGET,
        detail="in scope and not in the target",
        live_id=None,
        before={},
        after={**desired.attributes, **desired.create_only},
        origin=desired.origin,
    )


def update(desired: DesiredUser, live: LiveUser, mappings: Sequence[AttributeMapping]) -> Change | None:
    """A user in scope with a live account; None when nothing differs."""
    changes = dict(diff(desired, live, mappings))
    if not live.managed:
        _link(desired, mappings, changes)
    if not changes:
        return None
    action, reason, detail = _kind(live, changes)
    return Change(
        key=desired.key,
        action=action,
        reason=reason,
        detail=detail,
        live_id=live.id,
        before=live.attributes,
        after=_applied(live.attributes, changes),
        origin=desired.origin,
    )


def _link(
    desired: DesiredUser, mappings: Sequence[AttributeMapping], changes: dict[AttributePath, Value | None]
) -> None:
    """Adopting sets externalId even where its mapping flows on create only: without it the account stays unmanaged."""
    external_id = desired.create_only.get("externalId")
    if external_id is not None and any(row.match and row.target == "externalId" for row in mappings):
        changes["externalId"] = external_id


def _kind(live: LiveUser, changes: Mapping[AttributePath, Value | None]) -> tuple[Action, ActionReason, str]:
    if not live.managed:
        return (
            Action.ADOPT,
            ActionReason.NO_EXTERNAL_ID,
            "same user name and no externalId: will be managed from now on",
        )
    if live.active and changes.get("active") is False:
        return Action.DEACTIVATE, ActionReason.ATTRIBUTES_DIFFER, "the mapping of active gives false"
    if not live.active and changes.get("active") is True:
        return Action.REACTIVATE, ActionReason.INACTIVE_IN_TARGET, "in scope, but deactivated in the target"
    return Action.UPDATE, ActionReason.ATTRIBUTES_DIFFER, "attributes differ from the desired state"


def remove(live: LiveUser, desired: DesiredUser | None, policy: Policy, now: datetime) -> tuple[Change | None, bool]:
    """A managed live user whom nobody desires: the change, if any, and whether settings keep the account as it is.

    `desired` is the user as written when it is out of scope, None when it is no longer written at all.
    """
    mode = policy.removed if desired is None else policy.out_of_scope
    if mode is Removal.KEEP:
        return None, True
    reason = ActionReason.NOT_IN_DESIRED_STATE if desired is None else ActionReason.OUT_OF_SCOPE
    detail = "no longer in the desired state" if desired is None else desired.verdict.text
    if mode is Removal.DELETE:
        return _removal(live, desired, Action.DELETE, reason, detail), False
    if live.active:
        return _removal(live, desired, Action.DEACTIVATE, reason, detail), False
    inactive = _inactive_days(live, now)
    if policy.delete_after_days is None or inactive is None or inactive < policy.delete_after_days:
        return None, False
    detail = f"{detail}; unchanged and deactivated for {inactive} days, the limit is {policy.delete_after_days}"
    return _removal(live, desired, Action.DELETE, ActionReason.INACTIVE_TOO_LONG, detail), False


def _removal(live: LiveUser, desired: DesiredUser | None, action: Action, reason: ActionReason, detail: str) -> Change:
    after: Attributes = {} if action is Action.DELETE else {**live.attributes, "active": False}
    return Change(
        key=desired.key if desired is not None else live.user_name or live.id,
        action=action,
        reason=reason,
        detail=detail,
        live_id=live.id,
        before=live.attributes,
        after=after,
        origin=desired.origin if desired is not None else None,
    )


def _inactive_days(live: LiveUser, now: datetime) -> int | None:
    """Days since the account was last modified, at the latest its deactivation; None when the target doesn't say."""
    try:
        modified = datetime.fromisoformat(live.last_modified or "")
    except ValueError:
        return None
    if modified.tzinfo is None:
        return None
    return max(now - modified, timedelta()).days


def _applied(before: Attributes, changes: Mapping[AttributePath, Value | None]) -> Attributes:
    after = {path: value for path, value in before.items() if path not in changes}
    after.update((path, value) for path, value in changes.items() if value is not None)
    return after
