import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.desired_directory import Tree

from reconciler.core.model import Origin
from reconciler.desired import yaml_blocks, yaml_reader


@pytest.mark.parametrize(
    ("line", "column"),
    [
        ("- expression: Not([a])\n  target: title", 19),
        ("- {target: title, expression: 'Not([a])'}", 36),
    ],
)
def test_a_place_inside_of_a_value_is_that_of_its_character(tree: Tree, line: str, column: int) -> None:
    directory = tree({"mappings.yaml": f"# first\n{line}\n"})
    (row,) = directory.read_mappings()
    assert directory.locate_in_value(row.at("expression"), str(row.value.expression), 4) == Origin(
        "mappings.yaml", 2, column
    )
    assert directory.locate_in_value(None, "Not", 1) is None


@pytest.mark.parametrize(
    "written",
    [
        '"Not(\\u005ba])"',
        '"Not(\n  [a])"',
        "Not(\n    [a])",
        "'Not(\n  [a])'",
        ">2-\n    Not([a])",
        ">-\n    Not(\n      [a])",
    ],
)
def test_a_place_that_is_not_certain_is_none(tree: Tree, written: str) -> None:
    directory = tree({"mappings.yaml": f"- target: title\n  expression: {written}\n"})
    (row,) = directory.read_mappings()
    assert row.value.expression is not None
    assert directory.locate_in_value(row.at("expression"), row.value.expression, 4) is None


WORDS = st.text('ab[]( "#>|-:', min_size=1, max_size=6).map(str.strip).filter(bool)


@given(
    words=st.lists(st.tuples(WORDS, st.integers(0, 2)), min_size=1, max_size=5),
    style=st.sampled_from([">", ">-", ">+", "|", "|-", "|+", "|  # why", ">-   "]),
    indent=st.integers(1, 6),
    breaks=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
)
def test_every_character_of_a_block_is_found_in_its_line(
    words: list[tuple[str, int]], style: str, indent: int, breaks: str, *, last: bool
) -> None:
    lines = [line for word, blank in words for line in ("  " + " " * indent + word, *[""] * blank)]
    content = (
        breaks.join(["- target: x", f"  expression: {style}", *lines, *([] if last else ["  default: y"])]) + breaks
    )
    (item,) = yaml_reader.read_items(content.encode(), "m.yaml", pytest.fail)
    at, text = item.value_origin("expression"), str(item["expression"])
    written = content.replace("\r\n", "\n").split("\n")
    for position, character in enumerate(text.rstrip("\n")):
        place = yaml_blocks.locate_in_block(content.split("\n"), at.line, at.column, text, position)
        assert place is not None
        line = written[place[0] - 1]
        if character == "\n":
            assert place[1] in (len(line) + 1, indent + 3)
        else:
            assert (line + " ")[place[1] - 1] == character
    end = yaml_blocks.locate_in_block(content.split("\n"), at.line, at.column, text, len(text.rstrip("\n")))
    where = max(number for number, line in enumerate(lines) if line) + 3
    assert end == (where, len(written[where - 1]) + 1)
