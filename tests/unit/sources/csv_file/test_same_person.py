"""Entries and people that may be one person."""

from __future__ import annotations

import pytest

from reconciler.history.edits import USER, Entity
from reconciler.sources.csv_file.same_person import ANY, STRONG, find_same_people
from reconciler.sources.snapshot import Person


def entry(**fields: str) -> Entity:
    return Entity(USER, "old@x.com", {"userPrincipalName": "old@x.com", **fields}, "users/a.yaml")


def person(**attributes: str) -> Person:
    return Person({"userPrincipalName": "new@x.com", **attributes})


@pytest.mark.parametrize(
    ("shared", "strong"),
    [
        ({"employeeId": "007"}, True),
        ({"mail": "a@x.com"}, True),
        ({"displayName": "Ada L"}, False),
        ({"givenName": "Ada", "surname": "L"}, False),
    ],
)
def test_people_are_the_same_by_what_they_share(shared: dict[str, str], *, strong: bool) -> None:
    assert len(find_same_people([person(**shared)], [entry(**shared)], ANY)) == 1
    assert len(find_same_people([person(**shared)], [entry(**shared)], STRONG)) == strong


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {}),
        ({"employeeId": "7"}, {"employeeId": "8"}),
        ({"givenName": "Ada"}, {"givenName": "Ada"}),
        ({"employeeId": "7"}, {"mail": "7"}),
        ({"employeeId": "7", "objectId": "a"}, {"employeeId": "7", "objectId": "b"}),
    ],
)
def test_people_are_different_otherwise(old: dict[str, str], new: dict[str, str]) -> None:
    assert find_same_people([person(**new)], [entry(**old)], ANY) == []


def test_one_objectid_proves_nothing() -> None:
    assert find_same_people([person(mail="A@x.com", objectId="b")], [entry(mail="a@x.com")], ANY)
