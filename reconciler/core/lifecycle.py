"""What happens to one user: Entra's provisioning events, with drift corrected and every removal explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    Origin,
    ScopeReason,
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
        # Whether it may be deactivated is for the guards to say, once it is managed.
        if changes.get("active") is False:
            del changes["active"]
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


def remove_out_of_scope(
    live: LiveUser, desired: DesiredUser, policy: Policy, now: datetime
) -> tuple[Change | None, bool]:
    """A managed live user who is written, but out of scope: the change, if any, and whether settings keep it."""
    removal = _Removal(live, desired.key, desired.origin, ActionReason.OUT_OF_SCOPE, desired.verdict.text)
    if desired.verdict.reason is ScopeReason.NOT_STARTED and policy.out_of_scope is not Removal.KEEP:
        # Somebody who is about to start is never deleted.
        return removal.decide(Removal.DEACTIVATE, replace(policy, delete_after_days=None), now)
    return removal.decide(policy.out_of_scope, policy, now)


def remove_unclaimed(live: LiveUser, key: str, policy: Policy, now: datetime) -> tuple[Change | None, bool]:
    """A managed live user, called `key`, who is not written any more: as `remove_out_of_scope`."""
    detail = "no longer in the desired state"
    removal = _Removal(live, key, None, ActionReason.NOT_IN_DESIRED_STATE, detail)
    return removal.decide(policy.removed, policy, now)


@dataclass(frozen=True, slots=True)
class _Removal:
    live: LiveUser
    key: str
    origin: Origin | None
    reason: ActionReason
    detail: str

    def decide(self, mode: Removal, policy: Policy, now: datetime) -> tuple[Change | None, bool]:
        if mode is Removal.KEEP:
            return None, True
        if mode is Removal.DELETE:
            return self.to_change(Action.DELETE), False
        if self.live.active:
            return self.to_change(Action.DEACTIVATE), False
        inactive = _inactive_days(self.live, now)
        limit = policy.delete_after_days
        if limit is None or inactive is None or inactive < limit:
            return None, False
        detail = f"{self.detail}; unchanged and deactivated for {inactive} days, the limit is {limit}"
        return replace(self, reason=ActionReason.INACTIVE_TOO_LONG, detail=detail).to_change(Action.DELETE), False

    def to_change(self, action: Action) -> Change:
        after: Attributes = {} if action is Action.DELETE else {**self.live.attributes, "active": False}
        return Change(
            key=self.key,
            action=action,
            reason=self.reason,
            detail=self.detail,
            live_id=self.live.id,
            before=self.live.attributes,
            after=after,
            origin=self.origin,
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
