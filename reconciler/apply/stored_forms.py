"""Whether planned values are in effect in the form that the service gives them, and which forms a run has seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from reconciler.apply import verification
from reconciler.apply.change_outcomes import complete, describe_forms
from reconciler.apply.habit_notes import HabitNotes
from reconciler.core.model import AttributeMapping, AttributePath, LiveUser
from reconciler.core.plan import Action, Change, Outcome


class StoredForms:
    """Judges accounts after their changes. Its methods may run in several threads."""

    def __init__(self, mappings: Sequence[AttributeMapping], notes: HabitNotes) -> None:
        self._mappings = mappings
        self._notes = notes
        self._seen: set[AttributePath] = set()

    def is_applied(self, change: Change, live: LiveUser | None) -> bool:
        """Whether the planned values are in effect, in whatever form the service gives them."""
        return not verification.unapplied_attributes(change, live, self._mappings) or bool(
            verification.find_form_differences(change, live, self._mappings)
        )

    def shows_other_forms(self, change: Change, live: LiveUser | None) -> bool:
        """Whether the account certainly shows the planned values, in another form.

        A value that is as before the change may only not show the change yet, unless this was waited for in this run.
        """
        forms = verification.find_form_differences(change, live, self._mappings)
        return bool(forms) and all(
            each.shown != change.before.get(each.path) or each.path in self._seen for each in forms
        )

    def complete(self, change: Change, live: LiveUser | None, message: str = "") -> Outcome:
        """Return the outcome of a change that is in effect, with the values that the service has in another form."""
        forms = verification.find_form_differences(change, live, self._mappings)
        self._seen.update(each.path for each in forms)
        self._notes.note_unlabelled(change, live)
        outcome = complete(change, live, message or describe_forms(forms), forms)
        if live is not None and live.omits_active and change.action is Action.DEACTIVATE:
            return replace(outcome, without_active=live.last_modified)
        return outcome
