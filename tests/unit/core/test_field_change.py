from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.field_change import FieldChange, diff_fields


def test_fields_that_differ_are_listed_by_path() -> None:
    assert diff_fields({"b": "1", "c": "2", "d": "3"}, {"a": "0", "b": "1", "c": True}) == (
        FieldChange("a", None, "0"),
        FieldChange("c", "2", True),
        FieldChange("d", "3", None),
    )


def test_of_two_lists_the_removed_and_the_added_items_are_listed_in_order() -> None:
    (found,) = diff_fields({"groups": ("a", "b", "c", "d")}, {"groups": ("e", "c", "a", "f")})
    assert found == FieldChange("groups", ("b", "d"), ("e", "f"))


def test_a_list_that_only_grows_has_nothing_removed() -> None:
    assert diff_fields({"groups": ("a",)}, {"groups": ("a", "b")}) == (FieldChange("groups", (), ("b",)),)


def test_lists_with_the_same_items_in_another_order_or_number_are_listed_whole() -> None:
    for other in (("b", "a"), ("a", "b", "b")):
        assert diff_fields({"groups": ("a", "b")}, {"groups": other}) == (FieldChange("groups", ("a", "b"), other),)


def test_a_list_that_replaces_a_text_is_listed_whole() -> None:
    assert diff_fields({"x": "a"}, {"x": ("a",)}) == (FieldChange("x", "a", ("a",)),)
    assert diff_fields({}, {"x": ("a",)}) == (FieldChange("x", None, ("a",)),)


RECORDS = st.dictionaries(
    st.sampled_from("abcd"), st.text("xy", max_size=2) | st.lists(st.sampled_from("pqr"), max_size=3).map(tuple)
)


@given(RECORDS, RECORDS)
def test_there_are_changes_exactly_where_records_differ(before: dict[str, Any], after: dict[str, Any]) -> None:
    different = sorted(path for path in {*before, *after} if before.get(path) != after.get(path))
    assert [found.path for found in diff_fields(before, after)] == different
    for found, back in zip(diff_fields(before, after), diff_fields(after, before), strict=True):
        assert (found.before, found.after) == (back.after, back.before)
