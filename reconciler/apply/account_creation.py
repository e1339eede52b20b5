"""Create an account: no second one for a user whose request was refused or whose answer was lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from reconciler.apply import verification
from reconciler.apply.change_outcomes import complete, describe_name_holder, unverified
from reconciler.apply.change_verifier import ChangeVerifier
from reconciler.apply.confirmation import LONGEST_WAIT, REREADS, Confirmations, await_unanswered
from reconciler.apply.execution import MAX_SENDS, Execution
from reconciler.apply.lookup import UserLookup
from reconciler.apply.refusals import is_conflict
from reconciler.apply.stored_forms import StoredForms
from reconciler.core import patch
from reconciler.core.identity import parse_identity
from reconciler.core.model import AttributePath, LiveUser
from reconciler.core.plan import Change, Outcome, Result
from reconciler.errors import ScimError, StopRequestedError, TargetError, UnknownOutcomeError

_UNAVAILABLE = 503
_TOO_MANY = 429
_SERVICE_FAILED = (500, 501, 503)
"""The service itself reports that it failed. A gateway's 502 or 504 says nothing about what the service did."""


@dataclass(frozen=True, slots=True)
class AccountCreation:
    """Creates accounts. `announce`: records a request before it is sent."""

    execution: Execution
    lookup: UserLookup
    forms: StoredForms
    verifier: ChangeVerifier
    confirmations: Confirmations
    announce: Callable[[Change, Iterable[AttributePath]], None]

    def run(self, change: Change) -> Outcome:
        """Create the account of a change. Raises as `ChangeExecutor.apply`."""
        await_unanswered(change, self.execution)
        creations = self.execution.creations
        looked_up = creations.decide(change, self.execution.now(), late=self.confirmations.late) is not None
        if looked_up and (outcome := self._find_existing(change)) is not None:
            return outcome
        self.announce(change, change.after)
        lost: UnknownOutcomeError | None = None
        is_absent = None if creations.unique else partial(self._is_absent, change)
        for sends_left in reversed(range(MAX_SENDS)):
            try:
                answer = self.execution.service.create_user(patch.build_resource(change.after), is_absent=is_absent)
            except UnknownOutcomeError as exc:
                creations.note_doubt()
                lost = exc
            except ScimError as exc:
                if not looked_up and lost is None and (outcome := self._find_refused(change, exc)) is not None:
                    return outcome
                return self._resolve_refused_create(change, exc, lost)
            except (TargetError, StopRequestedError) as exc:
                if lost is None:
                    raise
                return unverified(change, exc)
            else:
                # The answer may echo the request: whether the account exists shows only when it is read.
                return self.verifier.verify(change, parse_identity(answer["id"]) if answer is not None else None)
            may_resend = sends_left > 0 and lost.status == _UNAVAILABLE
            outcome = self._resolve_lost_create(change, lost, may_resend=may_resend)
            if outcome is not None:
                return outcome
        raise AssertionError("the last attempt is resolved")  # pragma: no cover

    def _is_absent(self, change: Change) -> bool:
        """Whether a create that was refused for now may be sent again: no filter shows that it made the account."""
        try:
            return self.lookup.find_created(change)[0] is None
        except ScimError:
            return True

    def _find_existing(self, change: Change) -> Outcome | None:
        """Resolve that the user name was given since the plan was made, by another apply or an administrator."""
        holder = self.lookup.find_name_holder(change)
        self.execution.creations.note_lookup(found=holder is not None, filtered=self.lookup.filters)
        if holder is None:
            return None
        if self.forms.is_applied(change, holder):
            return self.forms.complete(change, holder, "already in effect")
        message = f"no longer as planned: {describe_name_holder(change, holder)}; plan again"
        return Outcome(change, Result.SKIPPED, message, attributes=("userName",))

    def _find_refused(self, change: Change, refusal: ScimError) -> Outcome | None:
        """Make up for a look-up that was left out, if the service refuses the name. None if no user is found."""
        if not is_conflict(refusal):
            return None
        self.execution.creations.note_doubt()
        try:
            return self._find_existing(change)
        except (TargetError, StopRequestedError):
            return None

    def _resolve_refused_create(self, change: Change, refusal: ScimError, lost: UnknownOutcomeError | None) -> Outcome:
        """Resolve a refusal that may be due to an earlier send, or to another apply a moment ago. Else raise it."""
        if lost is None and not is_conflict(refusal) and refusal.status != _TOO_MANY:
            raise refusal
        try:
            found, _ = self.lookup.find_created(change)
        except (TargetError, StopRequestedError) as exc:
            if lost is not None:
                return unverified(change, exc)
            raise refusal from exc
        if found is None or not self.forms.is_applied(change, found):
            raise refusal
        return self.forms.complete(change, found)

    def _resolve_lost_create(self, change: Change, lost: UnknownOutcomeError, *, may_resend: bool) -> Outcome | None:
        """Look whether the user exists; None if it certainly does not and the create may be sent again.

        Only a service that reported to be unavailable is asked again: one that answered nothing may still be at work.
        """
        # A service that lags may have made the account, and not show it yet.
        for pause in (*REREADS, LONGEST_WAIT - sum(REREADS)) if may_resend else REREADS[:1]:
            self.execution.sleep(pause)
            try:
                found, conclusive = self.lookup.find_created(change)
            except (ScimError, TargetError, StopRequestedError) as exc:
                return unverified(change, exc)
            if found is not None:
                return self._verify_found(change, found)
        if conclusive and may_resend:
            return None
        result = Result.FAILED if lost.status in _SERVICE_FAILED else Result.UNKNOWN
        return Outcome(change, result, f"{lost.summary}; the user was not found afterwards", attributes=("id",))

    def _verify_found(self, change: Change, found: LiveUser) -> Outcome:
        """Verify a create by the user that a look-up found; what that does not show is read."""
        if verification.unapplied_attributes(change, found, self.execution.mappings):
            return self.verifier.verify(change, found.id)
        return complete(change, found)
