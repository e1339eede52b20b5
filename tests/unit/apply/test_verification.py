from dataclasses import replace
from typing import Any

import pytest
from support.builders import DEPARTMENT, MAPPINGS, change, live, mapping, mappings, reader, resource, values_of

from reconciler.apply.verification import (
    contradicts,
    drifted_attributes,
    find_form_differences,
    is_already_applied,
    reads_everything,
    unapplied_attributes,
)
from reconciler.core.model import Flow
from reconciler.core.plan import Action, Change, FormDifference

RENAMED = change(after=values_of("ada", family="King"))
CREATE_ONLY = mappings(mapping("timezone", "timezone", flow=Flow.CREATE))


@pytest.mark.parametrize(
    ("found", "paths"),
    [
        ({}, ()),
        ({"user_name": "ADA@EXAMPLE.COM"}, ()),
        # already as planned: doing it again does no harm
        ({"family": "King"}, ()),
        ({"family": "Byron"}, ("name.familyName",)),
        ({"family": None}, ("name.familyName",)),
        ({"department": "Sales"}, (DEPARTMENT,)),
        ({"department": None}, (DEPARTMENT,)),
        ({"active": False}, ("active",)),
        ({"external_id": "other"}, ("externalId",)),
        ({"external_id": "other", "active": False, "family": "Byron"}, ("externalId", "active", "name.familyName")),
    ],
)
def test_a_change_goes_ahead_only_while_the_account_is_as_planned(
    found: dict[str, Any], paths: tuple[str, ...]
) -> None:
    assert drifted_attributes(RENAMED, live(**found), MAPPINGS) == paths


def test_a_gone_account_has_moved() -> None:
    assert drifted_attributes(RENAMED, None, MAPPINGS) == ("id",)


@pytest.mark.parametrize(
    ("external_id", "paths"),
    [(None, ()), ("id-ada", ()), ("somebody-else", ("externalId",)), ("ID-ADA", ("externalId",))],
)
@pytest.mark.parametrize("flow", list(Flow))
def test_an_account_linked_by_another_client_is_not_adopted(
    external_id: str | None, paths: tuple[str, ...], flow: Flow
) -> None:
    rows = mappings(mapping("externalId", "objectId", match=1, flow=flow))
    adopt = change(action=Action.ADOPT, before=values_of("ada", external_id=None))
    assert drifted_attributes(adopt, live(external_id=external_id), rows) == paths


def test_what_flows_on_create_only_may_change_meanwhile() -> None:
    rows = mappings(mapping("enterprise:department", "department", flow=Flow.CREATE))
    assert drifted_attributes(RENAMED, live(department="Sales"), rows) == ()


@pytest.mark.parametrize(
    ("found", "paths"),
    [
        ({"family": "King"}, ()),
        ({}, ("name.familyName",)),
        ({"family": None}, ("name.familyName",)),
        # only what was to change counts
        ({"family": "King", "department": "Sales", "active": False}, ()),
    ],
)
def test_a_change_is_in_effect_when_its_values_are_there(found: dict[str, Any], paths: tuple[str, ...]) -> None:
    assert unapplied_attributes(RENAMED, live(**found), MAPPINGS) == paths


def test_a_cleared_value_is_gone() -> None:
    clear = change(after=values_of("ada", department=None))
    assert unapplied_attributes(clear, live(department=None), MAPPINGS) == ()
    assert unapplied_attributes(clear, live(), MAPPINGS) == (DEPARTMENT,)


def test_a_created_account_has_all_its_values_those_of_create_only_included() -> None:
    create = change(action=Action.CREATE, after={**values_of("ada"), "timezone": "UTC"})
    rows = reads_everything(CREATE_ONLY)
    read = reader(rows).read
    assert unapplied_attributes(create, read(resource(timezone="UTC")), rows) == ()
    assert unapplied_attributes(create, read(resource(timezone="Asia/Tokyo", name={"givenName": "Ada"})), rows) == (
        "name.familyName",
        "timezone",
    )
    assert unapplied_attributes(create, None, rows) == ("id",)


def test_values_are_compared_by_the_rule_of_their_attribute() -> None:
    rename = change(after=values_of("ada", user_name="Countess@Example.com"))
    assert unapplied_attributes(rename, live(user_name="countess@example.com"), MAPPINGS) == ()


@pytest.mark.parametrize(
    ("account", "paths"), [(None, ()), (live(active=False), ()), (live(), ("id",)), (live(family="x"), ("id",))]
)
def test_a_deleted_account_is_gone_or_at_least_deactivated(account: Any, paths: tuple[str, ...]) -> None:
    assert unapplied_attributes(change(action=Action.DELETE), account, MAPPINGS) == paths


def test_a_deactivation_is_in_effect_when_the_account_is_inactive() -> None:
    deactivate = change(action=Action.DEACTIVATE, after=values_of("ada", active=False))
    assert unapplied_attributes(deactivate, live(active=False), MAPPINGS) == ()
    assert unapplied_attributes(deactivate, live(), MAPPINGS) == ("active",)


def test_everything_is_read_and_nothing_else_changes() -> None:
    found = reads_everything(CREATE_ONLY)
    assert [row.target for row in found] == [row.target for row in CREATE_ONLY]
    assert all(row.flow is Flow.ALWAYS for row in found)
    assert [row.match for row in found] == [row.match for row in CREATE_ONLY]


def test_a_value_that_was_set_in_the_meantime_is_not_overwritten() -> None:
    rows = mappings(mapping("enterprise:department", "department", flow=Flow.IF_EMPTY))
    planned = change(before=values_of(department=None))
    assert drifted_attributes(planned, live(department=None), rows) == ()
    assert drifted_attributes(planned, live(department="Sales"), rows) == (DEPARTMENT,)


def test_a_change_of_case_alone_is_in_effect_when_the_case_is_there() -> None:
    rename = change(after=values_of("ada", user_name="Ada@example.com"))
    assert drifted_attributes(rename, live(), MAPPINGS) == ()
    assert unapplied_attributes(rename, live(), MAPPINGS) == ("userName",)
    assert unapplied_attributes(rename, live(user_name="Ada@example.com"), MAPPINGS) == ()


@pytest.mark.parametrize(
    ("shown", "forms"),
    [
        ({"department": "r&d", "family": "King"}, (FormDifference(DEPARTMENT, "R&D", "r&d"),)),
        ({"department": "R &D", "family": "King"}, ()),
        ({"department": "r&d"}, ()),
        ({"department": None, "family": "King"}, ()),
        ({"department": "R&D", "family": "King"}, ()),
    ],
)
def test_values_in_another_form_are_found_if_nothing_else_is_missing(
    shown: dict[str, Any], forms: tuple[FormDifference, ...]
) -> None:
    planned = change(after=values_of("ada", department="R&D", family="King"))
    assert find_form_differences(planned, live(**shown), MAPPINGS) == forms
    assert find_form_differences(planned, None, MAPPINGS) == ()


def _omitting(value: bool | None) -> Any:
    return replace(live(active=value), omits_active=True, lacks_active=True)


def test_an_omitted_active_proves_a_deactivation_only_where_it_was_shown_before() -> None:
    deactivate = change(action=Action.DEACTIVATE, after=values_of("ada", active=False))
    assert drifted_attributes(deactivate, _omitting(False), MAPPINGS) == ("active",)
    assert drifted_attributes(RENAMED, _omitting(False), MAPPINGS) == ()
    unknown = replace(deactivate, before=values_of("ada", active=None))
    assert drifted_attributes(unknown, _omitting(False), MAPPINGS) == ()
    # What is not shown is sent.
    assert not is_already_applied(unknown, _omitting(False), MAPPINGS)
    assert is_already_applied(unknown, live(active=False), MAPPINGS)
    assert unapplied_attributes(unknown, _omitting(False), MAPPINGS) == ()
    assert unapplied_attributes(unknown, _omitting(None), MAPPINGS) == ("active",)


def test_a_new_account_without_active_is_as_it_was_sent() -> None:
    create = change(action=Action.CREATE, after=values_of("ada"))
    assert unapplied_attributes(create, _omitting(False), MAPPINGS) == ()
    reactivate = change(action=Action.REACTIVATE, before=values_of("ada", active=None))
    assert unapplied_attributes(reactivate, _omitting(False), MAPPINGS) == ("active",)


LEAVER = change("ada", Action.DEACTIVATE, before=values_of("ada"), after=values_of("ada", active=False))


@pytest.mark.parametrize(
    ("sent", "answer", "expected"),
    [
        (RENAMED, {}, True),
        (RENAMED, {"family": "King"}, False),
        (RENAMED, {"family": None}, False),
        (LEAVER, {"active": True}, True),
        (LEAVER, {"active": False}, False),
    ],
)
def test_only_another_value_in_an_answer_contradicts(sent: Change, answer: dict[str, Any], *, expected: bool) -> None:
    """What an answer leaves out says nothing."""
    assert contradicts(sent, live("ada", **answer), MAPPINGS) is expected


def test_an_active_that_is_read_into_an_answer_contradicts_nothing() -> None:
    assert not contradicts(LEAVER, replace(live("ada", active=True), lacks_active=True), MAPPINGS)
