"""Replacements are applied at once; every other character stays."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.history.text_edits import TextEdits
from reconciler.history.yaml_nodes import EditError, MappingNode, parse_nodes


def test_edits_are_at_positions_of_the_text_as_it_was() -> None:
    edits = TextEdits("0123456789", "\n")
    edits.replace(8, 9, "eight")
    edits.remove(2, 4)
    edits.insert(2, "a")
    edits.insert(2, "b")
    assert edits.apply() == "01ab4567eight9"


def test_edits_of_the_same_text_are_refused() -> None:
    edits = TextEdits("0123456789", "\n")
    edits.replace(2, 5, "x")
    edits.replace(4, 6, "y")
    with pytest.raises(EditError, match="two edits are of the same text"):
        edits.apply()


@given(st.text(), st.lists(st.tuples(st.integers(0, 20), st.text(max_size=3)), max_size=5))
def test_insertions_keep_the_text(text: str, insertions: list[tuple[int, str]]) -> None:
    edits = TextEdits(text, "\n")
    for at, new in insertions:
        edits.insert(min(at, len(text)), new)
    assert sorted(edits.apply()) == sorted(text + "".join(new for _, new in insertions))


def test_lines_end_before_their_line_break() -> None:
    edits = TextEdits("ab\r\n  cd\n\nef", "\r\n")
    assert [edits.line_start(at) for at in (0, 3, 6, 9, 11)] == [0, 0, 4, 9, 10]
    assert [edits.line_end(at) for at in (0, 4, 9, 10)] == [2, 8, 9, 12]
    assert [edits.next_line(at) for at in (0, 4, 10)] == [4, 9, 12]
    assert edits.column(6) == 2
    assert edits.starts_line(6)
    assert not edits.starts_line(7)


def test_the_content_of_a_block_ends_before_blank_lines_and_comments() -> None:
    text = "a: |\n  x\n\n# c\nb:\n  - y # d\n\n# e\nc: {}\nd:\n  e: f\n\n"
    edits, root = TextEdits(text, "\n"), parse_nodes(text)
    assert isinstance(root, MappingNode)
    ends = [text[: edits.content_end(value)].rpartition("\n")[2] for _, value in root.pairs]
    assert ends == ["  x", "  - y", "c: {}", "  e: f"]
