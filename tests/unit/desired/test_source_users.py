import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.desired_directory import Tree, messages, users

from reconciler.core.model import Lifecycle, Origin, SourceUser
from reconciler.desired.source_users import _build_plain_user, _build_validated_user
from reconciler.desired.yaml_reader import read_items

_KEYS = st.sampled_from(("userPrincipalName", "objectId", "accountEnabled", "lifecycle", "department", "city"))
_VALUES = st.sampled_from(("Ada", " Ada ", "true", "", None, ["a"], [], {}, "Łódź"))


@given(st.dictionaries(_KEYS, _VALUES, min_size=1))
def test_the_short_way_for_plain_text_gives_what_the_model_gives(user: dict[str, Any]) -> None:
    (item,) = read_items(f"- {json.dumps(user)}".encode(), "users/a.yaml", lambda _diagnostic: None)
    short = _build_plain_user(item)
    assert short is None or short == _build_validated_user(item, lambda _diagnostic: None)


def test_the_short_way_is_taken() -> None:
    (item,) = read_items(b"- {userPrincipalName: ada@example.com}", "users/a.yaml", lambda _diagnostic: None)
    assert _build_plain_user(item) is not None


def test_a_user_is_read_as_written(tree: Tree) -> None:
    directory = tree(
        users__a="""\
- userPrincipalName: ada@example.com
  objectId: 0012
  surname: No
  department: Null
  jobTitle: ~
  city:
  state: ""
  accountEnabled: FALSE
  otherMails: [a@example.com, ~, "", b@example.com]
  proxyAddresses: []
  extensionAttribute1: 2026-12-01
  lifecycle: {starts: 2026-12-01, expires: 2027-06-30, protected: True}
"""
    )
    (user,) = directory.read_users()
    assert directory.diagnostics == []
    assert user == SourceUser(
        {
            "userPrincipalName": "ada@example.com",
            "objectId": "0012",
            "surname": "No",
            "department": "Null",
            "otherMails": ("a@example.com", "b@example.com"),
            "extensionAttribute1": "2026-12-01",
            "accountEnabled": False,
        },
        Origin("users/a.yaml", 1, 3),
        Lifecycle(date(2026, 12, 1), date(2027, 6, 30), protected=True),
        user.origin_of,
    )
    assert user.at("surname") == Origin("users/a.yaml", 3, 12)
    assert user.at("unknown") == Origin("users/a.yaml", 1, 3)


@pytest.mark.parametrize(
    ("entry", "place", "summary"),
    [
        ("{surname: Lovelace}", "1:3", '"userPrincipalName" is missing'),
        ("{userPrincipalName: ~}", "1:3", '"userPrincipalName" is missing'),
        ('{userPrincipalName: ""}', "1:23", "userPrincipalName: expected text"),
        ("{userPrincipalName: a, accountEnabled: No}", "1:42", "accountEnabled: expected true or false"),
        ("{userPrincipalName: a, manager: {value: x}}", "1:35", "manager: expected text or a list of texts"),
        ("{userPrincipalName: a, tags: [a, {b: c}]}", "1:32", "tags: expected text or a list of texts"),
        ("{userPrincipalName: [a]}", "1:23", "userPrincipalName: expected text"),
        (
            "{userPrincipalName: a, lifecycle: x}",
            "1:37",
            "lifecycle: expected a mapping",
        ),
        ("{userPrincipalName: a, lifecycle: {ends: 2026-01-01}}", "1:38", 'unknown key "ends"'),
        (
            "{userPrincipalName: a, lifecycle: {expires: 20261201}}",
            "1:47",
            "lifecycle.expires: expected a date such as 2026-12-31",
        ),
        (
            "{userPrincipalName: a, lifecycle: {starts: 2026-02-02, expires: 2026-02-02}}",
            "1:37",
            "lifecycle: expires must be later than starts",
        ),
    ],
)
def test_a_wrong_entry_is_reported_at_its_origin_and_the_others_are_read(
    tree: Tree, entry: str, place: str, summary: str
) -> None:
    directory = tree(users__a=f"- {entry}\n- userPrincipalName: bob\n")
    assert users(directory) == ["bob"]
    assert messages(directory) == [(f"users/a.yaml:{place}", summary)]


@pytest.mark.parametrize(
    ("written", "dates"),
    [
        ('{expires: ""}', Lifecycle()),
        ('{starts: " ", expires: "2027-12-31 "}', Lifecycle(None, date(2027, 12, 31))),
        ('{starts: " 2026-12-01", expires: ~, protected: "true "}', Lifecycle(date(2026, 12, 1), None, protected=True)),
    ],
)
def test_an_empty_date_is_no_date_and_blanks_do_not_count(tree: Tree, written: str, dates: Lifecycle) -> None:
    directory = tree(users__a=f"- {{userPrincipalName: a, lifecycle: {written}}}\n")
    (user,) = directory.read_users()
    assert (user.lifecycle, messages(directory)) == (dates, [])


@pytest.mark.parametrize("day", ["2026-02-30", "2026-13-01", "0000-00-00", "٢٠٢٦-١٢-٣١"])
def test_a_day_that_does_not_exist_is_reported(day: str, tree: Tree) -> None:
    directory = tree(users__a=f"- {{userPrincipalName: a, lifecycle: {{expires: {day}}}}}\n")
    assert users(directory) == []
    assert messages(directory) == [("users/a.yaml:1:47", "lifecycle.expires: expected a date such as 2026-12-31")]
