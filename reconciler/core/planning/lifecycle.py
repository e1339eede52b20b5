"""Plan the action for one user: Entra's provisioning events, plus drift correction and a reason for each removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from reconciler.core.model import (
    AttributeMapping,
    AttributePath,
    Attributes,
    Deactivation,
    DesiredUser,
    Diagnostic,
    LiveUser,
    Origin,
    ScopeReason,
    Value,
    error,
)
from reconciler.core.paths import shorten_path
from reconciler.core.plan import Action, ActionReason, Change
from reconciler.core.planning.clock import CLOCK_TOLERANCE
from reconciler.core.planning.diff import diff_user
from reconciler.core.planning.forms import FormDifferences
from reconciler.core.policy import Policy, Removal
from reconciler.core.profile import Mutability
from reconciler.core.text import pluralize, quote, shorten
from reconciler.core.untrusted_values import EARLIEST_MODIFICATION, parse_moment

NO_ATTRIBUTES: Attributes = {}


@dataclass(frozen=True, slots=True)
class Clock:
    """The time of the plan, and the deactivations on record by live id."""

    now: datetime
    deactivated: Mapping[str, Deactivation] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RemovalDecision:
    """The removal decision for a managed account without a desired user. All defaults: nothing to do.

    `kept`: settings keep the account. `undated`: due for deletion, but the deactivation date is unknown.
    """

    change: Change | None = None
    kept: bool = False
    undated: bool = False


def plan_create(desired: DesiredUser, chosen: Attributes = NO_ATTRIBUTES) -> Change:
    """Plan the creation of a user in scope without a live account. `chosen`: the values chosen from its candidates."""
    return Change(
        key=desired.key,
        action=Action.CREATE,
        reason=ActionReason.NOT_IN_TARGET,
        detail="in scope and not in the target",
        live_id=None,
        before={},
        after={**desired.attributes, **desired.create_only, **chosen},
        origin=desired.origin,
    )


def plan_update(
    desired: DesiredUser,
    live: LiveUser,
    mappings: Sequence[AttributeMapping],
    *,
    relinked: bool = False,
    forms: FormDifferences | None = None,
) -> Change | None:
    """Plan the change of the live account of a user in scope; None if nothing differs.

    `relinked`: the account has another externalId, which changes to the user's. `forms`: decides which differences of
    form are left; None: none is.
    """
    changes = dict(diff_user(desired, live, mappings))
    if changes and forms is not None:
        changes = forms.leave(changes, live)
    before = live.attributes
    if not live.managed:
        # Adoption never deactivates: the guards count managed accounts only.
        if changes.get("active") is False:
            del changes["active"]
        _set_external_id(desired, changes)
    elif relinked:
        _set_external_id(desired, changes)
        before = {**before, "externalId": str(live.external_id)}
    if not changes:
        return None
    action, reason, detail = _classify_update(live, changes, relinked=relinked)
    return Change(
        key=desired.key,
        action=action,
        reason=reason,
        detail=detail,
        live_id=live.id,
        before=before,
        after=_apply_changes(before, changes),
        origin=desired.origin,
    )


def stays_inactive(desired: DesiredUser, live: LiveUser, change: Change | None) -> bool:
    """Whether a user in scope keeps a deactivated account although the mapping of active does not ask for it."""
    reactivated = change is not None and change.after.get("active") is True
    return live.managed and not live.active and not reactivated and desired.attributes.get("active") is not False


def _set_external_id(desired: DesiredUser, changes: dict[AttributePath, Value | None]) -> None:
    """Set externalId although its mapping sends it once only: the account would not be the user's."""
    external_id = desired.create_only.get("externalId", desired.attributes.get("externalId"))
    if external_id is not None and desired.anchor is not None:
        changes["externalId"] = external_id


def _classify_update(
    live: LiveUser, changes: Mapping[AttributePath, Value | None], *, relinked: bool
) -> tuple[Action, ActionReason, str]:
    if not live.managed:
        return (
            Action.ADOPT,
            ActionReason.NO_EXTERNAL_ID,
            "same user name and no externalId: will be managed from now on",
        )
    if relinked:
        detail = "relink in settings.yaml: the account of the same person gets the new externalId"
        revived = not live.active and changes.get("active") is True
        return (
            Action.RELINK,
            ActionReason.OTHER_EXTERNAL_ID,
            f"{detail}, and becomes active again" if revived else detail,
        )
    if live.active and changes.get("active") is False:
        return Action.DEACTIVATE, ActionReason.ATTRIBUTES_DIFFER, "the mapping of active gives false"
    if changes.get("active") is True and live.omits_active:
        detail = "in scope, but the service does not show that the account is active"
        return Action.REACTIVATE, ActionReason.INACTIVE_IN_TARGET, detail
    if not live.active and changes.get("active") is True:
        return Action.REACTIVATE, ActionReason.INACTIVE_IN_TARGET, "in scope, but deactivated in the target"
    return Action.UPDATE, ActionReason.ATTRIBUTES_DIFFER, "attributes differ from the desired state"


def check_immutable(change: Change, mappings: Sequence[AttributeMapping]) -> Diagnostic | None:
    """Return an error if an update changes an immutable attribute (RFC 7643 §7)."""
    changed = {row.path: row for row in change.attribute_changes()}
    for row in mappings:
        if row.attribute.mutability is Mutability.IMMUTABLE and row.target in changed:
            found = changed[row.target]
            before, after = (_format_value(value) for value in (found.before, found.after))
            summary = f"{shorten_path(row.target)} is {before} in the target and cannot become {after}: it is immutable"
            detail = "The user is left untouched. Correct the desired state, or write apply: create in its mapping."
            return error(summary, detail, change.origin, change.address)
    return None


def _format_value(value: Value | None) -> str:
    return "unassigned" if value is None else quote(shorten(str(value), 80))


def decide_out_of_scope_removal(live: LiveUser, desired: DesiredUser, policy: Policy, clock: Clock) -> RemovalDecision:
    """Decide the removal of a managed live user whose desired user is out of scope."""
    removal = _RemovalRule(live, desired.key, desired.origin, ActionReason.OUT_OF_SCOPE, desired.verdict.text)
    if desired.verdict.reason is ScopeReason.NOT_STARTED and policy.out_of_scope is not Removal.KEEP:
        # A user that has not started yet is never deleted.
        return removal.decide(Removal.DEACTIVATE, replace(policy, delete_after_days=None), clock)
    return removal.decide(policy.out_of_scope, policy, clock)


def decide_unclaimed_removal(live: LiveUser, key: str, policy: Policy, clock: Clock) -> RemovalDecision:
    """Decide the removal of a managed live user that is no longer in the desired state."""
    detail = "no longer in the desired state"
    removal = _RemovalRule(live, key, None, ActionReason.NOT_IN_DESIRED_STATE, detail)
    return removal.decide(policy.removed, policy, clock)


@dataclass(frozen=True, slots=True)
class _RemovalRule:
    live: LiveUser
    key: str
    origin: Origin | None
    reason: ActionReason
    detail: str

    def decide(self, mode: Removal, policy: Policy, clock: Clock) -> RemovalDecision:
        if mode is Removal.KEEP:
            return RemovalDecision(kept=True)
        if mode is Removal.DELETE:
            return RemovalDecision(self.to_change(Action.DELETE))
        if self.live.active:
            return RemovalDecision(self.to_change(Action.DEACTIVATE))
        if policy.delete_after_days is None:
            return RemovalDecision()
        return self._decide_deletion(policy.delete_after_days, clock)

    def _decide_deletion(self, limit: int, clock: Clock) -> RemovalDecision:
        since = _find_deactivation(self.live, clock)
        if since is None:
            return RemovalDecision(undated=True)
        when, source = since
        days = (clock.now - when).days
        if days < limit:
            return RemovalDecision()
        detail = f"{self.detail}; {source}, {pluralize(days, 'day')} ago, the limit is {limit}"
        return RemovalDecision(
            replace(self, reason=ActionReason.INACTIVE_TOO_LONG, detail=detail).to_change(Action.DELETE)
        )

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


def _find_deactivation(live: LiveUser, clock: Clock) -> tuple[datetime, str] | None:
    """Return the latest possible time of an account's deactivation, and its source in words; None if unknown.

    All witnesses must agree. The service's own date is required, so that no record, forged or written by a wrong clock,
    makes an account due for deletion; a receipt and its commit only delay it. A time in the future is no witness.
    """
    modified = parse_moment(live.last_modified, EARLIEST_MODIFICATION)
    if modified is None:
        return None
    witnesses = [(modified, f"last modified on {modified.date()}"), *_list_recorded_times(live, clock)]
    latest = max(witnesses)
    return None if latest[0] > clock.now + CLOCK_TOLERANCE else latest


def _list_recorded_times(live: LiveUser, clock: Clock) -> list[tuple[datetime, str]]:
    recorded = clock.deactivated.get(live.id)
    if recorded is None:
        return []
    times = [(recorded.at, f"deactivated on {recorded.at.astimezone(UTC).date()} (receipt {recorded.receipt})")]
    if recorded.committed is not None:
        day = recorded.committed.astimezone(UTC).date()
        times.append((recorded.committed, f"receipt {recorded.receipt} committed on {day}"))
    return times


def _apply_changes(before: Attributes, changes: Mapping[AttributePath, Value | None]) -> Attributes:
    after = {path: value for path, value in before.items() if path not in changes}
    after.update((path, value) for path, value in changes.items() if value is not None)
    return after
