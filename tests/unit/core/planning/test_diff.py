from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import DEPARTMENT, MAPPINGS, desired, live, mapping, mappings

from reconciler.core.model import Flow, Value
from reconciler.core.planning.diff import diff_user

CLEARING = mappings(mapping("enterprise:department", "department", clear=True))


@pytest.mark.parametrize(
    ("wanted", "found", "changes"),
    [
        ({}, {}, {}),
        ({"family": "King"}, {}, {"name.familyName": "King"}),
        ({}, {"family": None}, {"name.familyName": "Lovelace"}),
        ({"user_name": "ADA@example.com"}, {}, {"userName": "ADA@example.com"}),
        ({"user_name": "countess@example.com"}, {}, {"userName": "countess@example.com"}),
        ({"external_id": "ID-ADA"}, {}, {}),
        ({"external_id": "other"}, {}, {"externalId": "other"}),
        ({"department": "engineering"}, {}, {DEPARTMENT: "engineering"}),
        ({}, {"active": False}, {"active": True}),
        ({"active": False}, {}, {"active": False}),
        ({"department": None}, {}, {}),
        (
            {"family": "King", "department": "R&D"},
            {"active": False},
            {"active": True, "name.familyName": "King", DEPARTMENT: "R&D"},
        ),
    ],
)
def test_what_differs(wanted: dict[str, Any], found: dict[str, Any], changes: dict[str, Any]) -> None:
    assert diff_user(desired(**wanted), live(**found), MAPPINGS) == changes


def test_an_unassigned_value_clears_only_with_when_null_clear() -> None:
    assert diff_user(desired(department=None), live(), CLEARING) == {DEPARTMENT: None}
    assert diff_user(desired(department=None), live(department=None), CLEARING) == {}


def test_a_row_that_flows_on_create_only_never_differs() -> None:
    user = desired(department=None, create_only={DEPARTMENT: "R&D"})
    for clear in (False, True):
        rows = mappings(mapping("enterprise:department", "department", flow=Flow.CREATE, clear=clear))
        assert diff_user(user, live(), rows) == {}


VALUES = st.fixed_dictionaries(
    {},
    optional={
        row.target: st.booleans() if row.target == "active" else st.text(min_size=1).filter(str.strip)
        for row in MAPPINGS
    },
)


@given(VALUES, VALUES)
def test_a_user_who_has_what_differed_differs_no_more(wanted: dict[str, Value], found: dict[str, Value]) -> None:
    user, account = replace(desired(), attributes=wanted), replace(live(), attributes=found)
    changes = diff_user(user, account, CLEARING)
    after = {path: value for path, value in {**found, **changes}.items() if value is not None}
    assert diff_user(user, replace(account, attributes=after), CLEARING) == {}
    assert diff_user(user, replace(account, attributes=wanted), CLEARING) == {}
    assert diff_user(user, replace(account, attributes={}), CLEARING) == wanted


@pytest.mark.parametrize(
    ("wanted", "found", "changes"),
    [
        ("Engineering", None, {DEPARTMENT: "Engineering"}),
        ("Engineering", "Sales", {}),
        ("Engineering", "Engineering", {}),
        (None, "Sales", {}),
        (None, None, {}),
    ],
)
def test_a_row_that_flows_where_the_target_is_empty_never_overwrites(
    wanted: str | None, found: str | None, changes: dict[str, Any]
) -> None:
    rows = mappings(mapping("enterprise:department", "department", flow=Flow.IF_EMPTY))
    assert diff_user(desired(department=wanted), live(department=found), rows) == changes
    assert diff_user(desired(department=wanted, family="King"), live(department=found), rows) == {
        **changes,
        "name.familyName": "King",
    }
