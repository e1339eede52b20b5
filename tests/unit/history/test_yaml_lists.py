"""Items of lists are edited one by one, in the style of the list."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.values import fold_case
from reconciler.history.text_edits import TextEdits
from reconciler.history.yaml_lists import ListChange, edit_list, list_values, plan_members, plan_sequence
from reconciler.history.yaml_nodes import EditError, MappingNode, SequenceNode, parse_nodes

words = st.lists(st.sampled_from([*"abcdefgh", "No", "0012", "A"]), max_size=7)
LAYOUTS = {
    "in a line": ("[", ", ", "]"),
    "in a line with spaces": ("[ ", " , ", " ]"),
    "in lines": ("[\n      ", ",\n      ", "\n    ]"),
    "in lines with a comma at the end": ("[\n      ", ",\n      ", ",\n    ]"),
    "in lines with comments": ("[ # x\n      ", ", # x\n      ", " # x\n    ]"),
    "wrapped": ("[", ",\n      ", "]"),
    "block": ("\n      - ", "\n      - ", ""),
    "block with comments": ("  # x\n      # x\n      - ", "  # x\n\n      # x\n      - ", "  # x"),
    "block without indentation": ("\n    - ", "\n    - ", ""),
}


def write(layout: str, items: Sequence[str]) -> str:
    start, comma, end = LAYOUTS[layout]
    listed = comma.join(f'"{item}"' for item in items)
    body = f"{start}{listed}{end}" if items else "[]"
    return f"- name: x\n  members:\n    users: {body}\n    z: z  # z\n"


def find_list(text: str) -> tuple[SequenceNode, int]:
    root = parse_nodes(text)
    assert isinstance(root, SequenceNode)
    assert isinstance(root.items[0], MappingNode)
    members = root.items[0].get("members")
    assert isinstance(members, MappingNode)
    key, node = members.pairs[members.find("users")]
    assert isinstance(node, SequenceNode)
    return node, key.end


def carry_out(text: str, change: ListChange) -> str:
    node, key_end = find_list(text)
    edits = TextEdits(text, "\n")
    edit_list(edits, node, key_end, change)
    return edits.apply()


@pytest.mark.parametrize("layout", LAYOUTS)
@given(old=words, wanted=words)
def test_an_ordered_list_becomes_the_wanted_one(layout: str, old: list[str], wanted: list[str]) -> None:
    edited = carry_out(write(layout, old), plan_sequence(old, wanted))
    assert list_values(find_list(edited)[0]) == wanted
    assert edited.endswith("    z: z  # z\n")


@pytest.mark.parametrize("layout", LAYOUTS)
@given(old=words, wanted=words, names=st.dictionaries(st.sampled_from("abcd"), st.sampled_from([*"abxy", None])))
def test_members_become_the_wanted_ones(
    layout: str, old: list[str], wanted: list[str], names: dict[str, str | None]
) -> None:
    edited = carry_out(write(layout, old), plan_members(old, wanted, names))
    assert sorted(filter(None, list_values(find_list(edited)[0]))) == sorted(wanted)
    assert edited.endswith("    z: z  # z\n")


@given(old=words, wanted=words)
def test_sorted_members_stay_sorted(old: list[str], wanted: list[str]) -> None:
    old = sorted(old, key=fold_case)
    edited = carry_out(write("block", old), plan_members(old, wanted))
    found = [item or "" for item in list_values(find_list(edited)[0])]
    assert found == sorted(found, key=fold_case)


@pytest.mark.parametrize("layout", LAYOUTS)
@given(old=words, wanted=words)
def test_lines_of_items_that_stay_are_not_touched(layout: str, old: list[str], wanted: list[str]) -> None:
    before = write(layout, old)
    if layout.startswith("block") and old and wanted:
        after = carry_out(before, plan_members(old, [*old, *wanted])).splitlines()
        assert [line for line in before.splitlines() if line not in after] == []
    assert carry_out(before, plan_members(old, old)) == before


def test_a_new_member_of_a_list_that_is_not_sorted_comes_last() -> None:
    assert plan_members(["b", "a"], ["c", "a", "b", "0"]).inserted == {1: ["c", "0"]}
    assert plan_members(["a", "c"], ["b", "a", "c", "0"]).inserted == {-1: ["0"], 0: ["b"]}


def test_items_without_a_value_stay() -> None:
    text = "- name: x\n  members:\n    users:\n      - ~\n      - a\n"
    assert list_values(find_list(text)[0]) == [None, "a"]
    assert plan_sequence([None, "a"], ["a", "b"]).removed == set()
    assert carry_out(text, plan_members([None, "a"], ["b"])) == text.replace("- a", "- b")


def test_lists_of_mappings_are_not_edited() -> None:
    with pytest.raises(EditError, match="a list of mappings or lists"):
        list_values(find_list("- members:\n    users: [{a: b}]\n")[0])
