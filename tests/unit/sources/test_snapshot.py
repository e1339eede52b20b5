"""Data of a source."""

from __future__ import annotations

from reconciler.sources.snapshot import Person


def test_a_person_without_names_has_empty_ones() -> None:
    assert (Person({}).object_id, Person({}).name) == ("", "")


def test_a_person_has_the_names_as_written() -> None:
    person = Person({"objectId": "3F1C", "userPrincipalName": "Ada@example.com"})
    assert (person.object_id, person.name) == ("3F1C", "Ada@example.com")
