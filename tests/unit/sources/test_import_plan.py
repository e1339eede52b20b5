"""Edits of an import."""

from __future__ import annotations

from reconciler.history.edits import USER, Entity
from reconciler.sources.import_plan import EntryEdit, ImportPlan


def user(**fields: str) -> Entity:
    return Entity(USER, fields["userPrincipalName"], fields, "users/entra.yaml")


def test_an_edit_knows_the_fields_to_set_and_to_unassign() -> None:
    before = user(userPrincipalName="ada@example.com", department="Sales", jobTitle="Lead")
    after = user(userPrincipalName="ada@example.com", department="Marketing", city="Rome")
    edit = EntryEdit(before, after)
    assert edit.fields == {"department": "Marketing", "city": "Rome", "jobTitle": None}
    assert [(row.path, row.before, row.after) for row in edit.rows] == [
        ("city", None, "Rome"),
        ("department", "Sales", "Marketing"),
        ("jobTitle", "Lead", None),
    ]


def test_an_added_or_removed_entry_sets_no_single_fields() -> None:
    ada = user(userPrincipalName="ada@example.com")
    assert EntryEdit(None, ada).fields == {}
    assert EntryEdit(ada, None).fields == {}
    assert EntryEdit(ada, None).entity is ada


def test_a_plan_without_edits_and_renames_is_empty() -> None:
    assert ImportPlan("staff.csv").is_empty
    assert not ImportPlan("staff.csv", names={"ada@example.com": None}).is_empty
