"""What is restored, and what was edited since and stays."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.core.field_change import FieldChange
from reconciler.history.edits import USER, Entity, compare_entities
from reconciler.history.revert import Conflict, RevertPlan, RevertStep, plan_revert

ADDRESS = 'user["ada"]'


def user(name: str = "ada", **fields: Any) -> Entity:
    return Entity(USER, name, {"userPrincipalName": name, **fields}, "users/people.yaml")


def revert(undone: list[Entity], wanted: list[Entity], today: list[Entity], *, force: bool = False) -> RevertPlan:
    return plan_revert(compare_entities(undone, wanted), today, force=force)


def test_an_entry_that_was_not_edited_since_is_restored_as_a_whole() -> None:
    undone, wanted = user(title="Lady"), user(title="Countess")
    found = revert([undone], [wanted], [user(title="Lady")])
    assert found.conflicts == []
    (step,) = found.steps
    assert (step.wanted, step.fields) == (wanted, {})
    assert step.rows == (FieldChange("title", "Lady", "Countess"),)
    assert step.result == wanted.fields


def test_an_added_entry_is_removed_and_a_removed_one_is_added() -> None:
    assert revert([user()], [], [user()]).steps == [RevertStep(user(), None)]
    (step,) = revert([], [user()], []).steps
    assert (step.now, step.wanted, step.result) == (None, user(), user().fields)


def test_only_the_fields_that_were_edited_then_are_set_in_an_entry_edited_since() -> None:
    found = revert(
        [user(title="Lady", department="Sales")],
        [user(title="Countess", department="Sales")],
        [user(title="Lady", department="Research")],
    )
    (step,) = found.steps
    assert (step.fields, found.conflicts) == ({"title": "Countess"}, [])
    assert step.result == {"userPrincipalName": "ada", "title": "Countess", "department": "Research"}


def test_a_field_that_is_to_be_unassigned_is_set_to_none() -> None:
    (step,) = revert([user(title="Lady")], [user()], [user(title="Lady", department="x")]).steps
    assert step.fields == {"title": None}
    assert step.result == {"userPrincipalName": "ada", "department": "x"}


@pytest.mark.parametrize("force", [False, True])
def test_a_field_that_was_edited_since_is_a_conflict_and_stays_unless_forced(force: bool) -> None:
    found = revert([user(title="Lady")], [user(title="Countess")], [user(title="Baroness")], force=force)
    assert found.conflicts == [Conflict(ADDRESS, "title", "Baroness", "Countess", "edited since")]
    assert [step.fields for step in found.steps] == ([{"title": "Countess"}] if force else [])


def test_a_field_that_is_as_wanted_already_is_no_conflict() -> None:
    found = revert([user(title="Lady", x="1")], [user(title="Countess", x="1")], [user(title="Countess", x="2")])
    assert found == RevertPlan()


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    ("undone", "wanted", "today", "why"),
    [
        ([user(title="Lady")], [user(title="Countess")], [], "removed since"),
        ([user()], [], [user(title="Lady")], "edited since"),
        ([], [user()], [user(title="Lady")], "added since"),
    ],
)
def test_an_entry_that_came_or_went_since_is_a_conflict(
    undone: list[Entity], wanted: list[Entity], today: list[Entity], why: str, force: bool
) -> None:
    found = revert(undone, wanted, today, force=force)
    assert found.conflicts == [Conflict(ADDRESS, None, None, None, why)]
    assert len(found.steps) == int(force)


def test_what_is_as_wanted_already_needs_no_step() -> None:
    assert revert([], [user()], [user()]) == RevertPlan()
    assert revert([user()], [], []) == RevertPlan()


def test_an_entry_is_found_by_its_object_id_after_a_rename() -> None:
    now = user("ada.king", objectId="1")
    found = revert([user(objectId="1", title="Lady")], [user(objectId="1")], [now, user("ada", objectId="2")])
    assert [step.now for step in found.steps] == []
    found = revert([user(objectId="1")], [user(objectId="1", title="Lady")], [now, user("ada", objectId="2")])
    assert [step.now for step in found.steps] == [now]


def test_another_user_that_has_the_name_today_is_not_touched() -> None:
    found = revert([user(objectId="1")], [], [user(objectId="2")])
    assert found == RevertPlan()


def test_an_entry_that_was_only_moved_stays_where_it_is() -> None:
    moved = Entity(USER, "ada", user().fields, "users/other.yaml")
    assert revert([moved], [user()], [moved]) == RevertPlan()
