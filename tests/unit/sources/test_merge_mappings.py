from __future__ import annotations

from reconciler.core.field_change import Field
from reconciler.history.edits import MAPPING, Entity
from reconciler.sources.merge_mappings import MappingEdits, merge_mappings

FIRST = {"target": "externalId", "source": "objectId", "match": "1"}
NAME = {"target": "userName", "source": "userPrincipalName", "match": "2"}
TITLE = {"target": "title", "source": "jobTitle"}


def merge(rows: list[dict[str, str]], *held: dict[str, str]) -> MappingEdits:
    return merge_mappings(rows, [Entity(MAPPING, row["target"], row, "mappings.yaml") for row in held])


def after(found: MappingEdits) -> list[dict[str, Field]]:
    return [dict(edit.after.fields) for edit in found.edits if edit.after is not None]


def test_the_same_rows_change_nothing() -> None:
    assert merge([FIRST, NAME, TITLE], FIRST, NAME, TITLE) == MappingEdits((), ())
    assert merge([TITLE], {**TITLE, "apply": "always", "when_null": "clear"}).edits == ()
    assert merge([{**TITLE, "target": "Title"}], TITLE).edits == ()


def test_a_rule_that_differs_is_overridden_and_what_entra_does_not_know_stays() -> None:
    found = merge(
        [{"target": "title", "expression": "Trim([jobTitle])", "apply": "create"}], {**TITLE, "when_null": "clear"}
    )
    assert after(found) == [
        {"target": "title", "expression": "Trim([jobTitle])", "apply": "create", "when_null": "clear"}
    ]
    (edit,) = found.edits
    assert {row.path: (row.before, row.after) for row in edit.rows} == {
        "apply": (None, "create"),
        "expression": (None, "Trim([jobTitle])"),
        "source": ("jobTitle", None),
    }


def test_a_row_that_only_git_has_stays_and_is_named() -> None:
    found = merge([NAME], FIRST, NAME)
    assert found.edits == ()
    assert found.notes == ('1 row of mappings.yaml that Entra\'s schema does not have: "externalId". They stay.',)


def test_matching_is_gits_own() -> None:
    assert merge([{**NAME, "match": "1"}, FIRST], FIRST, NAME).edits == ()
    assert merge([{"target": "userName", "source": "userPrincipalName", "match": "1"}], {
        "target": "userName", "source": "userPrincipalName"}).edits == ()  # fmt: skip


def test_added_rows_match_after_those_of_git() -> None:
    mail = {"target": "emails[primary eq true].value", "source": "mail", "match": "2"}
    found = merge([{**NAME, "match": "1"}, mail, TITLE], FIRST)
    assert after(found) == [{**NAME, "match": "2"}, {**mail, "match": "3"}, TITLE]
    assert [edit.before for edit in found.edits] == [None] * 3
    assert after(merge([NAME], {**FIRST, "match": "x"})) == [{**NAME, "match": "1"}]


def test_a_second_merge_changes_nothing() -> None:
    rows = [{**NAME, "match": "1"}, TITLE, {"target": "active", "expression": "Not([IsSoftDeleted])"}]
    held = [Entity(MAPPING, row["target"], row, "mappings.yaml") for row in (FIRST, {"target": "title", "source": "x"})]
    found = merge_mappings(rows, held)
    changed = {edit.before.name: edit.after for edit in found.edits if edit.before is not None}
    new = [edit.after for edit in found.edits if edit.before is None]
    held = [changed.get(each.name) or each for each in held] + [each for each in new if each is not None]
    assert merge_mappings(rows, held).edits == ()
