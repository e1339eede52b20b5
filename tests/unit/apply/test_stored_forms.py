from dataclasses import replace

import pytest
from support.builders import DEPARTMENT, MAPPINGS, change, live, values_of

from reconciler.apply.habit_notes import HabitNotes
from reconciler.apply.stored_forms import StoredForms
from reconciler.core.plan import Action, FormDifference, Result

PLANNED = change(after=values_of("ada", department="R&D"))
SHOUTED = change(after=values_of("ada", department="ENGINEERING"))


def test_a_value_in_another_form_is_applied_and_another_value_is_not() -> None:
    forms = StoredForms(MAPPINGS, HabitNotes(lambda _said: None))
    for department, applied in (("R&D", True), ("r&d", True), ("rd", False), (None, False)):
        assert forms.is_applied(PLANNED, live(department=department)) is applied
    assert not forms.is_applied(PLANNED, None)


def test_a_value_as_before_shows_no_form_until_it_was_waited_for() -> None:
    forms = StoredForms(MAPPINGS, HabitNotes(lambda _said: None))
    assert forms.shows_other_forms(PLANNED, live(department="r&d"))
    assert not forms.shows_other_forms(PLANNED, live(department="R&D"))
    assert not forms.shows_other_forms(SHOUTED, live())
    outcome = forms.complete(SHOUTED, live())
    assert (outcome.result, outcome.message) == (Result.DONE, "stored enterprise:department in another case")
    assert outcome.forms == (FormDifference(DEPARTMENT, "ENGINEERING", "Engineering"),)
    assert forms.shows_other_forms(SHOUTED, live())


def test_a_message_of_its_own_is_kept() -> None:
    assert StoredForms(MAPPINGS, HabitNotes(lambda _said: None)).complete(
        PLANNED, live(department="R&D"), "already in effect"
    ).message == ("already in effect")


@pytest.mark.parametrize(
    ("action", "omits", "kept"),
    [(Action.DEACTIVATE, True, "then"), (Action.DEACTIVATE, False, None), (Action.UPDATE, True, None)],
)
def test_a_deactivation_that_is_not_shown_keeps_when_the_account_was_modified(
    action: Action, omits: bool, kept: str | None
) -> None:
    forms = StoredForms(MAPPINGS, HabitNotes(lambda _said: None))
    account = replace(live(active=False), omits_active=omits, last_modified="then")
    outcome = forms.complete(change(action=action, after=values_of("ada", active=False)), account)
    assert outcome.without_active == kept
