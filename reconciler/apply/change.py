"""Execute one planned change: send the request, and prove that it took effect.

Nothing here knows of other changes. The client raises what the service refuses; everything else ends as an `Outcome`.
A write whose answer was lost (`UnknownOutcomeError`) is resolved by reading the user; sending again after a refusal is
the transport's (`scim.retry_transport`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

from reconciler.apply import verification
from reconciler.apply.account_creation import AccountCreation
from reconciler.apply.answer_trust import AnswerTrust
from reconciler.apply.change_outcomes import (
    cannot_patch,
    complete,
    describe_left_out,
    skip_drifted,
)
from reconciler.apply.change_verifier import ChangeVerifier
from reconciler.apply.confirmation import Confirmations, Seen
from reconciler.apply.execution import MAX_SENDS, Execution
from reconciler.apply.habit_notes import HabitNotes
from reconciler.apply.hidden_accounts import HiddenAccountReturn
from reconciler.apply.lookup import UserLookup
from reconciler.apply.patch_sender import PatchSender, PatchUnsupportedError
from reconciler.apply.patched_account import PatchedAccount
from reconciler.apply.refusals import RefusalExplainer
from reconciler.apply.stored_forms import StoredForms
from reconciler.core.identity import parse_identity
from reconciler.core.model import AttributePath, LiveUser, Resource
from reconciler.core.plan import NOT_STARTED, REMOVALS, Action, AttributeChange, Change, Outcome, Result
from reconciler.core.planning.guards.identities import is_relink
from reconciler.core.values import fold_case
from reconciler.errors import MachineLimitError, ScimError, StopRequestedError, TargetError, UnknownOutcomeError

T = TypeVar("T")

_NOT_FOUND_BY_ID = "the service does not find the account by its id, but a filter shows it; nothing was sent"


class ChangeExecutor:
    """Executes single changes. Its methods may run in several threads."""

    def __init__(self, execution: Execution) -> None:
        self._execution = execution
        self._lookup = UserLookup(execution.service, execution.reader, execution.profile)
        self._refusals = RefusalExplainer(execution, self._lookup)
        self._answers = AnswerTrust()
        notes = HabitNotes(execution.on_habit)
        self._patches = PatchSender(notes.say)
        self._forms = StoredForms(execution.mappings, notes)
        self.confirmations = Confirmations(execution, self.record)
        self._verifier = ChangeVerifier(execution, self._lookup, self._forms, self.confirmations)
        self._creation = AccountCreation(
            execution, self._lookup, self._forms, self._verifier, self.confirmations, self._record_started
        )
        self._hidden_return = HiddenAccountReturn(
            execution,
            self._lookup,
            self.confirmations,
            self._record_started,
            self._send_active,
            self._send_rest,
        )
        self._unfinished: set[str] = set()  # addresses on record as started and not as finished

    def apply(self, change: Change, *, temporarily_renamed: bool) -> Outcome:
        """Apply the change and record its outcome. `temporarily_renamed`: the user has its temporary name now.

        Raises `ScimError` if the service refuses it, `TargetError` if it refuses every request, and
        `StopRequestedError` if the run is to end before anything is sent.
        """
        match change.action:
            case Action.CREATE:
                return self.record(self._creation.run(change))
            case Action.DELETE:
                return self.record(self._delete(change))
            case Action.UPDATE | Action.ADOPT | Action.RELINK | Action.REACTIVATE | Action.DEACTIVATE:
                expected = change
                if temporarily_renamed:
                    expected = _with_user_name(change, before=change.temporary_user_name)
                return self.record(self._patch(change, expected))

    def find_drift(self, change: Change) -> Outcome | None:
        """Return a recorded outcome if the account of a rename is no longer as planned. Raises as `apply`."""
        live = self._verifier.read(change.live_id or "")
        expected = _with_user_name(change, after=change.temporary_user_name) if change.temporary_user_name else change
        drifted = verification.drifted_attributes(expected, live, self._execution.mappings)
        return self.record(skip_drifted(change, drifted)) if drifted else None

    def rename_temporarily(self, change: Change) -> Outcome:
        """Give the user its temporary name, the first step of a cycle of renames. Raises as `apply`.

        On record the change has begun then, and has not ended.
        """
        original = str(change.before.get("userName"))
        step = _with_user_name(replace(change, after=change.before), after=change.temporary_user_name)
        sent = self.confirmations.wait_for(self._patch(step, step, original_user_name=original))
        outcome = replace(sent, change=change)
        return outcome if outcome.result is Result.DONE else self.record(outcome)

    def restore_user_name(self, change: Change, present: str, original: str) -> Outcome | None:
        """Give the user the name `original` again if it has the name `present`; None if it has another, or is gone.

        Records that the request is sent, and not how the change ends. Raises as `apply`.
        """
        live = self._verifier.read(change.live_id or "")
        if live is None or fold_case(live.user_name) != fold_case(present):
            return None
        # Only the name: whatever else has changed since is not this change's.
        step = replace(change, before=live.attributes, after={**live.attributes, "userName": original})
        sent = self.confirmations.wait_for(self._patch(step, step, original_user_name=original))
        return replace(sent, change=change)

    def confirm(self, outcome: Outcome) -> Outcome:
        """Return a recorded outcome as it is once the service shows it; recorded again if that changed it."""
        found = self.confirmations.wait_for(outcome)
        return outcome if found is outcome else self.record(found)

    def recheck(self) -> Iterator[Outcome]:
        """Yield, recorded, what only answers showed in effect and reads do not, once answers proved wrong."""
        for outcome in self._verifier.compare(self._answers.take_unproven()):
            yield self.record(outcome)

    def record_failure(self, change: Change, error: ScimError | TargetError) -> Outcome:
        """Record that the service refused the change, with what may be the cause."""
        message, unseen = self._refusals.explain(change, error)
        status, scim_type = (error.status, error.scim_type) if isinstance(error, ScimError) else (None, "")
        outcome = Outcome(change, Result.FAILED, message, status=status, scim_type=scim_type, unseen=unseen)
        return self.record(outcome)

    def record_interruption(self, change: Change, stop: StopRequestedError | MachineLimitError) -> Outcome:
        """Record that the run ended before the write was sent."""
        outcome = Outcome(change, Result.SKIPPED, f"{NOT_STARTED}: {stop.summary}")
        return self.record(outcome) if change.address in self._unfinished else outcome

    # --- patch and delete -----------------------------------------------------

    def _patch(self, change: Change, expected: Change, *, original_user_name: str | None = None) -> Outcome:
        """Send what differs, unless the user is no longer as in `expected`."""
        if is_relink(change) and not self._execution.relinks:
            return Outcome(
                change,
                Result.SKIPPED,
                "not sent: clearing or changing the externalId needs an approval of the guard relink",
            )
        resource = self._execution.service.get_user(change.live_id or "")
        live = self._execution.reader.read(resource) if resource is not None else None
        if live is None and change.action is Action.REACTIVATE and self._is_hidden(change):
            return self._hidden_return.run(change)
        drifted = verification.drifted_attributes(expected, live, self._execution.mappings)
        if drifted:
            return self._skip(change, live, drifted)
        if verification.is_already_applied(change, live, self._execution.mappings):
            return complete(change, live, "already in effect")
        if self._patches.habits.unsupported:
            return cannot_patch(change, self._patches.habits.unsupported)
        return self._send_patch(change, expected, resource or {}, original_user_name)

    def _skip(self, change: Change, live: LiveUser | None, drifted: Sequence[AttributePath]) -> Outcome:
        """Return the outcome of a change whose account is not as planned, or is not found by its id."""
        if live is None and self._lookup.find_planned(change) is not None:
            # Reads by id of some services lag behind the others.
            return Outcome(change, Result.SKIPPED, f"{_NOT_FOUND_BY_ID}. Plan again later")
        return skip_drifted(change, drifted)

    def _send_patch(
        self, change: Change, expected: Change, resource: Resource, original_user_name: str | None
    ) -> Outcome:
        """Send the change of a user that the service shows as `resource`, and verify it."""
        rows = expected.attribute_changes()
        paths = [row.path for row in rows]
        live = self._execution.reader.read(resource)
        self._record_started(change, paths, original_user_name, live.last_modified)
        account = PatchedAccount(self._execution, expected, partial(self._send, expected))
        try:
            sent = self._patches.send(rows, resource, account)
        except PatchUnsupportedError as exc:
            return cannot_patch(change, exc.summary)
        if len(sent.left_out) == len(rows):
            return cannot_patch(change, describe_left_out(sent.left_out))
        answer = sent.answer
        shown = answer is not None and self._shows_change(change, answer)
        if answer is not None and shown and self._accepts(change, paths, original_user_name):
            return self._forms.complete(change, self._execution.reader.read(answer))
        seen = self._note_seen(change, live, answer if not shown else None)
        doubt = partial(self._answers.doubt, change) if shown else lambda: None
        outcome = self._verifier.verify(
            change, change.live_id, lost=sent.lost, left_out=sent.left_out, seen=seen, on_difference=doubt
        )
        if shown and outcome.result in (Result.DONE, Result.NOT_IN_EFFECT):
            self._answers.note(change, paths, confirmed=outcome.result is Result.DONE)
        return outcome

    def _accepts(self, change: Change, paths: Sequence[AttributePath], original_user_name: str | None) -> bool:
        """Whether an answer with all of a change counts. A temporary name is a step, and is not compared later."""
        if change.action in REMOVALS or original_user_name is not None:
            return False
        return self._answers.accept(change, paths)

    def _note_seen(self, change: Change, before: LiveUser | None, answer: Resource | None) -> Seen:
        """Note what the service showed before a write, and in an answer without all of the change."""
        if answer is None or parse_identity(answer.get("id")) is None:
            return Seen(before, answer)
        shown = self._execution.reader.read(answer)
        return Seen(before, answer, verification.contradicts(change, shown, self._execution.mappings))

    def _is_hidden(self, change: Change) -> bool:
        """Whether the record has the account of a change as one that the service does not show."""
        account = self._execution.recorded.accounts.get(change.live_id or "")
        return account is not None and account.hidden

    def _send_active(self, change: Change, value: bool) -> UnknownOutcomeError | None:
        """Set `active` of an account that the service may not show. Raises `ScimError` if it refuses."""
        rows, unseen = [AttributeChange("active", not value, value)], {"id": change.live_id, "active": not value}
        account = PatchedAccount(self._execution, change, partial(self._send, change), unseen)
        return self._patches.send(rows, unseen, account).lost

    def _send_rest(self, change: Change) -> Outcome:
        return self._patch(change, change)

    def _shows_change(self, change: Change, answer: Mapping[str, Any]) -> bool:
        """Whether the answer to a write shows this user with all of the planned values."""
        if parse_identity(answer.get("id")) != change.live_id:
            return False
        live = self._execution.reader.read(answer)
        return verification.shows_all_changes(change, answer) and not verification.unapplied_attributes(
            change, live, self._execution.mappings
        )

    def _delete(self, change: Change) -> Outcome:
        live = self._verifier.read(change.live_id or "")
        if live is None and self._lookup.find_planned(change) is not None:
            # A service that finds no user by its id would prove every deletion.
            return Outcome(change, Result.FAILED, _NOT_FOUND_BY_ID)
        expected = replace(change, after=change.before)
        drifted = verification.drifted_attributes(expected, live, self._execution.mappings)
        if live is not None and drifted:
            return skip_drifted(change, drifted)
        self._record_started(change, (), last_modified=live.last_modified if live is not None else None)
        _, lost = self._send(expected, partial(self._execution.service.delete_user, change.live_id or ""))
        return self._verifier.verify(change, change.live_id, lost=lost, seen=Seen(live))

    def _send(self, expected: Change, send: Callable[[], T]) -> tuple[T | None, UnknownOutcomeError | None]:
        """Send a write; return its answer, or why there is none: then only reading shows whether it is in effect.

        A write whose answer was lost is sent again only while reading shows the user exactly as before.
        """
        lost: UnknownOutcomeError | None = None
        for _ in range(MAX_SENDS):
            try:
                return send(), None
            except UnknownOutcomeError as exc:
                lost = exc
            except (TargetError, StopRequestedError):
                if lost is None:
                    raise
                break
            if not self._is_unchanged(expected):
                break
        return None, lost

    def _is_unchanged(self, expected: Change) -> bool:
        """Whether reading shows the user exactly as before. If it can't be read, verification reads it once more."""
        try:
            live = self._verifier.read(expected.live_id or "")
        except (ScimError, TargetError, StopRequestedError):
            return False
        nothing = replace(expected, after=expected.before, action=Action.UPDATE)
        return not verification.drifted_attributes(nothing, live, self._execution.mappings)

    # --- outcomes -------------------------------------------------------------

    def _record_started(
        self,
        change: Change,
        attributes: Iterable[AttributePath],
        original_user_name: str | None = None,
        last_modified: str | None = None,
    ) -> None:
        """Record the write before it is sent. Raises `StopRequestedError` if the run is to end."""
        if self._execution.stop.is_set():
            raise StopRequestedError("interrupted")
        self._unfinished.add(change.address)
        before = change.before if change.live_id is not None else None
        self._execution.record.started(
            change.address,
            change.action,
            change.live_id,
            sorted(attributes),
            original_user_name,
            before=before,
            last_modified=last_modified,
        )

    def record(self, outcome: Outcome) -> Outcome:
        """Record how a change ended, and return it."""
        self._execution.record.finished(outcome)
        self._unfinished.discard(outcome.change.address)
        return outcome


def _with_user_name(change: Change, *, before: str | None = None, after: str | None = None) -> Change:
    """Return the change with another user name before or after it."""
    if before is not None:
        change = replace(change, before={**change.before, "userName": before})
    return change if after is None else replace(change, after={**change.after, "userName": after})
