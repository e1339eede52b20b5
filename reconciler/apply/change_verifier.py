"""Prove by reading that a change that was sent is in effect, now or a little later."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

from reconciler.apply import verification
from reconciler.apply.change_outcomes import (
    describe_survivor,
    hidden,
    not_in_effect,
    partly_sent,
    unconfirmed,
    unverified,
)
from reconciler.apply.confirmation import NOT_SEEN, REREADS, Confirmations, Seen
from reconciler.apply.execution import Execution
from reconciler.apply.lookup import UserLookup
from reconciler.apply.stored_forms import StoredForms
from reconciler.core.model import AttributePath, LiveUser
from reconciler.core.plan import Action, Change, Outcome
from reconciler.errors import ScimError, StopRequestedError, TargetError, UnknownOutcomeError

_WORKERS = 8
NOTHING: Mapping[AttributePath, str] = {}


@dataclass(frozen=True, slots=True)
class ChangeVerifier:
    """Verifies changes by reading."""

    execution: Execution
    lookup: UserLookup
    forms: StoredForms
    confirmations: Confirmations

    def read(self, identity: str) -> LiveUser | None:
        """Read a user by its id; None if the service shows none. Raises `ScimError`."""
        found = self.execution.service.get_user(identity)
        return self.execution.reader.read(found) if found is not None else None

    def _read_back(self, change: Change, identity: str | None) -> LiveUser | None:
        """Read the user of a change that was sent. `identity`: of a create, the one in the answer."""
        if change.action is Action.DELETE:
            # A 404 by id does not show that the account is gone: a filter may still find it.
            return self.read(change.live_id or "") or self.lookup.find_planned(change)
        if change.action is not Action.CREATE:
            return self.read(change.live_id or "")
        try:
            live = self.read(identity) if identity is not None else None
        except ScimError:
            live = None
        if live is not None and not self._is_another(change, live):
            return live
        # The answer may have been another user's: what the account is called decides which one it is.
        return self.lookup.find_created(change)[0]

    def _claim_id(self, change: Change, identity: str | None) -> str | None:
        """Return the id that a create was answered with, unless it is another user's; None without one."""
        try:
            live = self.read(identity) if identity is not None else None
        except (ScimError, TargetError, StopRequestedError):
            return None
        return None if live is not None and self._is_another(change, live) else identity

    def _is_another(self, change: Change, live: LiveUser) -> bool:
        """Whether the account is not the one that a create made: it has another externalId or userName."""
        unapplied = verification.unapplied_attributes(change, live, self.execution.mappings)
        return not {"externalId", "userName"}.isdisjoint(unapplied)

    def verify(
        self,
        change: Change,
        identity: str | None,
        *,
        lost: UnknownOutcomeError | None = None,
        left_out: Mapping[AttributePath, str] = NOTHING,
        seen: Seen = NOT_SEEN,
        on_difference: Callable[[], None] = lambda: None,
    ) -> Outcome:
        """Verify a change that was sent by reading its user. `identity`: of a create, the one in the answer.

        `left_out`: attributes of the change that were not sent, and why. `seen`: what the service showed before and in
        its answer. If it still shows the same, the outcome is to be looked at again (`Confirmations`).
        `on_difference`: called when a read does not show the change; a later one may.
        """
        live: LiveUser | None = None
        unapplied: tuple[AttributePath, ...] = ("id",)
        for pause in REREADS[: self.confirmations.rereads]:
            self.execution.sleep(pause)
            try:
                live = self._read_back(change, identity)
            except (ScimError, TargetError, StopRequestedError) as exc:
                return unverified(change, exc)
            if lost is None and self._was_hidden(change, live, seen):
                return hidden(change)
            unapplied = verification.unapplied_attributes(change, live, self.execution.mappings)
            if not unapplied or self.forms.shows_other_forms(change, live):
                return self.forms.complete(change, live, describe_survivor(change, live))
            if left_out.keys() >= set(unapplied):
                return partly_sent(change, left_out)
            on_difference()
        if self.forms.is_applied(change, live):
            return self.forms.complete(change, live)
        return self._doubt(change, live, identity, unapplied, lost=lost, seen=seen)

    def _doubt(
        self,
        change: Change,
        live: LiveUser | None,
        identity: str | None,
        unapplied: tuple[AttributePath, ...],
        *,
        lost: UnknownOutcomeError | None,
        seen: Seen,
    ) -> Outcome:
        """Return the outcome of a change that no read shows, and note one that is to be looked at again."""
        shown = verification.settle(change, live, self.execution.mappings) if live is not None else None
        outcome = not_in_effect(change, shown, unapplied, "the service accepted it" if lost is None else lost.summary)
        if seen.shows_no_effect(live):
            outcome = replace(outcome, unconfirmed=unapplied)
        if lost is None and seen.shows_no_effect(live):
            if change.action is Action.CREATE:
                outcome = unconfirmed(outcome, self._claim_id(change, identity))
            self.confirmations.add(outcome, partial(self._look_again, outcome, seen))
        return outcome

    def compare(self, changes: Sequence[Change]) -> Iterator[Outcome]:
        """Yield the outcomes of changes that are not in effect, although the service's answers said so.

        What cannot be read keeps its outcome. Once the run is to end, nothing is read.
        """
        differing = list(changes)
        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="compare") as pool:
            for pause in (0.0, sum(REREADS)):
                if not differing or self.execution.stop.is_set():
                    return
                self.execution.sleep(pause)
                outcomes = [found for found in pool.map(self._find_difference, differing) if found is not None]
                differing = [outcome.change for outcome in outcomes]
        yield from outcomes

    def _find_difference(self, change: Change) -> Outcome | None:
        """Return the outcome of a change that reading does not show."""
        if self.execution.stop.is_set():
            return None
        try:
            live = self.read(change.live_id or "")
        except (ScimError, TargetError, StopRequestedError):
            return None
        unapplied = verification.unapplied_attributes(change, live, self.execution.mappings)
        if not unapplied or self.forms.is_applied(change, live):
            return None
        shown = verification.settle(change, live, self.execution.mappings) if live is not None else None
        return not_in_effect(change, shown, unapplied, "the service's answer showed it")

    def _look_again(self, outcome: Outcome, seen: Seen) -> Outcome:
        """Return the outcome of a change that was not in effect, as it is now."""
        change = outcome.change
        try:
            live = self._read_back(change, outcome.live_id)
        except (ScimError, TargetError, StopRequestedError):
            return outcome
        if self._was_hidden(change, live, seen):
            return hidden(change)
        unapplied = verification.unapplied_attributes(change, live, self.execution.mappings)
        if unapplied and not self.forms.is_applied(change, live):
            return outcome
        return self.forms.complete(change, live, describe_survivor(change, live))

    def _was_hidden(self, change: Change, live: LiveUser | None, seen: Seen) -> bool:
        """Whether a deactivation was accepted, and nothing shows the account any more: it has no access left."""
        if live is not None or change.action is not Action.DEACTIVATE:
            return False
        active = seen.answer.get("active") if seen.answer is not None else None
        return active in (None, False, "False", "false") and self.lookup.find_planned(change) is None
