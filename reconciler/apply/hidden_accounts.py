"""Reactivate an account that the service does not show while it is inactive.

Only the record says whose account it is, and a record can be wrong. So it is activated alone, then read: if it is not
this user's, it is deactivated again. Everything else is sent afterwards, as to any account.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from reconciler.apply.change_outcomes import complete, describe_name_holder, unverified
from reconciler.apply.confirmation import REREADS, Confirmations
from reconciler.apply.execution import Execution
from reconciler.apply.lookup import UserLookup
from reconciler.core.model import AttributeMapping, AttributePath, Attributes, Flow, LiveUser
from reconciler.core.plan import Action, Change, Outcome, Result
from reconciler.core.planning.full_names import FULL_NAME_PATHS, get_full_name
from reconciler.core.planning.guards.handovers import revives_as_another
from reconciler.core.text import quote
from reconciler.core.values import fold_case, is_same_value
from reconciler.errors import ScimError, StopRequestedError, TargetError, UnknownOutcomeError

_GONE = 410
_ACTIVE = ("active",)
_NAMES = FULL_NAME_PATHS | {"userName"}


@dataclass(frozen=True, slots=True)
class HiddenAccountReturn:
    """Reactivates accounts.

    `announce`: records a request before it is sent. `send_active`: sets `active`, and returns how the answer was lost,
    if it was. `send_rest`: carries out a change.
    """

    execution: Execution
    lookup: UserLookup
    confirmations: Confirmations
    announce: Callable[[Change, Iterable[AttributePath]], None]
    send_active: Callable[[Change, bool], UnknownOutcomeError | None]
    send_rest: Callable[[Change], Outcome]

    def run(self, change: Change) -> Outcome:
        """Reactivate the account of a change. Raises as `ChangeExecutor.apply`."""
        holder = self.lookup.find_name_holder(change)
        if holder is not None:
            message = f"no longer as planned: {describe_name_holder(change, holder)}; plan again"
            if holder.id == change.live_id:
                message = "a filter still shows the account as it was; nothing was sent. Plan again later"
            return Outcome(change, Result.SKIPPED, message, attributes=("userName",))
        self.announce(change, _ACTIVE)
        try:
            # If the answer was lost, reading shows whether it took effect.
            self.send_active(change, True)
        except ScimError as exc:
            if exc.status != _GONE:
                raise
            message = "the account is gone: the service does not find it by its id; plan again to create another"
            return Outcome(change, Result.SKIPPED, message, change.live_id, attributes=("id",))
        return self._finish(change)

    def _finish(self, change: Change) -> Outcome:
        """Check whose account it is, now that the service shows it, and send the rest."""
        try:
            live = self._read(change)
        except (ScimError, TargetError, StopRequestedError) as exc:
            return unverified(change, exc)
        if live is not None:
            return self._send_rest(change, live)
        message = "the service accepted it, but does not show the account"
        outcome = Outcome(change, Result.NOT_IN_EFFECT, message, change.live_id, ("id",), unconfirmed=_ACTIVE)
        self.confirmations.add(outcome, partial(self._look_again, outcome))
        return outcome

    def _look_again(self, outcome: Outcome) -> Outcome:
        """Return the outcome of an activation that nothing showed, as it is now."""
        try:
            found = self.execution.service.get_user(outcome.change.live_id or "")
        except (ScimError, TargetError, StopRequestedError):
            return outcome
        if found is None:
            return outcome
        return self._send_rest(outcome.change, self.execution.reader.read(found))

    def _send_rest(self, change: Change, live: LiveUser) -> Outcome:
        """Send the rest to an account that the service shows now, if it is this user's."""
        if not self._is_owner(change, live):
            owner = f"externalId {quote(live.external_id)}" if live.external_id else "no externalId"
            why = f"account {quote(live.id)} is not this user's, as the record says: it has {owner}"
            return replace(self._undo(change, live, why), attributes=("id",))
        rest = replace(change, before=live.attributes, after=_plan_rest(change, live, self.execution.mappings))
        # The guard identity-changes judged what the record knew of the account, which may have been nothing.
        as_found = replace(rest, before={**live.attributes, "active": False})
        if revives_as_another(as_found) and not _was_let_through(change, live):
            return self._undo(change, live, _explain_handover(live))
        if not rest.attribute_changes():
            return complete(change, live)
        try:
            return replace(self.send_rest(rest), change=change)
        except (ScimError, TargetError) as exc:
            message = f"it is active again, but the service refused the rest: {exc.summary}"
            return Outcome(change, Result.FAILED, message, live.id)

    def _read(self, change: Change) -> LiveUser | None:
        for pause in REREADS:
            self.execution.sleep(pause)
            found = self.execution.service.get_user(change.live_id or "")
            if found is not None:
                return self.execution.reader.read(found)
        return None

    def _is_owner(self, change: Change, live: LiveUser) -> bool:
        """Whether the account is linked to the user of the change, and managed."""
        attribute = next(row for row in self.execution.profile.attributes if row.path == "externalId")
        wanted = change.after.get("externalId")
        return live.managed and wanted is not None and is_same_value(attribute, live.external_id, wanted)

    def _undo(self, change: Change, live: LiveUser, why: str) -> Outcome:
        """Deactivate the account again."""
        message = why
        self.announce(replace(change, action=Action.DEACTIVATE), _ACTIVE)
        try:
            lost = self.send_active(change, False)
        except (ScimError, TargetError, StopRequestedError) as exc:
            message += f"; it is active now, and could not be deactivated again: {exc.summary}"
        else:
            message += (
                "; it was deactivated again" if lost is None else f"; its deactivation is unknown: {lost.summary}"
            )
        return Outcome(change, Result.FAILED, message, live.id, unseen=live.id)


def _was_let_through(change: Change, live: LiveUser) -> bool:
    """Whether the plan showed that the account becomes another user's, and a limit or an approval let it pass."""
    shown = {path: value for path, value in change.before.items() if path in _NAMES}
    agrees = all(fold_case(str(live.attributes.get(path))) == fold_case(str(value)) for path, value in shown.items())
    return "userName" in shown and agrees and revives_as_another(change)


def _explain_handover(live: LiveUser) -> str:
    full_name = get_full_name(live.attributes)
    called = f", {quote(full_name)}," if full_name else ""
    return (
        f"account {quote(live.id)} belongs to {quote(live.user_name)}{called} and would get the names of another user. "
        "Give another person an externalId of their own; for the same person, keep these names until the account is "
        "active"
    )


def _plan_rest(change: Change, live: LiveUser, mappings: Iterable[AttributeMapping]) -> Attributes:
    """Return what the account is to become: as a plan that knew its values would have it."""
    after = dict(live.attributes)
    for row in mappings:
        wanted, current = change.after.get(row.target), live.attributes.get(row.target)
        if wanted is None:
            if row.clear and row.flow is Flow.ALWAYS:
                after.pop(row.target, None)
        elif row.flow is Flow.CREATE or (row.flow is Flow.IF_EMPTY and current is not None):
            continue
        elif not is_same_value(row.attribute, wanted, current):
            after[row.target] = wanted
    return after
