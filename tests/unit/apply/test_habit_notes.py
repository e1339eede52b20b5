"""Habits are said once in a run."""

from __future__ import annotations

from dataclasses import replace

from support.builders import change, live, values_of

from reconciler.apply.habit_notes import HabitNotes

WORK = 'emails[type eq "work"].value'


def test_a_habit_is_said_once() -> None:
    said: list[str] = []
    notes = HabitNotes(said.append)
    for sentence in ("one", "two", "one"):
        notes.say(sentence)
    assert said == ["one", "two"]


def test_a_value_in_an_element_without_its_type_is_noted() -> None:
    said: list[str] = []
    notes = HabitNotes(said.append)
    account = replace(live("ada"), unselected={WORK: ({"value": "a"},)})
    notes.note_unlabelled(change("ada"), account)
    notes.note_unlabelled(change("ada"), None)
    assert said == []
    for _ in range(2):
        notes.note_unlabelled(change("ada", after={**values_of("ada"), WORK: "a"}), account)
    assert said == [f"The service does not keep type of emails: an element without it counts as {WORK}."]
