from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from pygments.lexers import DiffLexer
from pygments.token import Generic
from support.builders import APPLE, change
from support.laws import examples
from support.parsers import fences_of
from support.untrusted_text import HOSTILE, plan_that_says, texts

from reconciler.core.plan import REMOVALS, Action
from reconciler.render.changes import render_change, render_lines
from reconciler.render.diff_fence import mark_lines
from reconciler.render.markdown import render_markdown
from reconciler.render.style import Style
from reconciler.render.templating import Templates

MARKS = {
    Action.CREATE: "+   ",
    Action.UPDATE: "!   ",
    Action.ADOPT: "! & ",
    Action.RELINK: "! > ",
    Action.REACTIVATE: "+ ^ ",
    Action.DEACTIVATE: "- ! ",
    Action.DELETE: "-   ",
}


@pytest.mark.parametrize("action", Action)
def test_the_first_column_has_the_colour_of_the_action(action: Action) -> None:
    block = render_change(change("ada", action), Style())
    (line,) = [line for line in mark_lines(block).split("\n") if 'user "ada' in line]
    assert line.startswith(f"{MARKS[action]}user ")
    (short,) = render_lines([change("ada", action)], Style())
    assert mark_lines(short).startswith(f"{MARKS[action]}{action.value} ")


def test_every_removal_is_red() -> None:
    assert {MARKS[action][0] for action in REMOVALS} == {"-"}


def test_attributes_are_marked_and_what_does_not_change_is_not() -> None:
    block = render_change(
        change("ada", before={"a": "1", "b": "1", "userName": "x"}, after={"b": "2", "c": "1", "userName": "x"}),
        Style(),
    )
    assert mark_lines(block).split("\n") == [
        '  # user["ada@example.com"] will be updated in-place',
        '!   user "ada@example.com" {',
        '-       a        = "1" -> null',
        '!       b        = "1" -> "2"',
        '+       c        = "1"',
        '        userName = "x"',
        "    }",
        "",
    ]


def test_only_columns_of_symbols_are_marked() -> None:
    for line in ("    - x", "        + x", "  # - x", "  -x", "  -  x", " - x", "- x", "        ~ = 1"):
        assert mark_lines(line) == line


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_value_forges_no_coloured_line(name: str) -> None:
    assert colours(HOSTILE[name]) == colours("Zebulon")


@settings(deadline=None, max_examples=examples(30))
@given(texts())
def test_no_value_forges_a_coloured_line(word: str) -> None:
    assert colours(word) == colours("Zebulon")


def test_the_colours_are_those_of_the_plan() -> None:
    found = {each for fence in colours("Zebulon") for each in fence}
    assert found == {Generic.Deleted, Generic.Inserted, Generic.Strong, None}


def colours(word: str) -> list[list[object]]:
    """Return how a highlighter colours each line of each fence that GitHub would colour."""
    changes = plan_that_says(word)
    found = []
    for summary_only in (False, True):
        text = render_markdown(changes, APPLE, Style(), Templates(None), limit=10_000_000, summary_only=summary_only)
        found += [list(_colours(content)) for info, content in fences_of(text) if info == "diff"]
    return found


def _colours(content: str) -> Iterator[object]:
    lexer = DiffLexer(stripnl=False, ensurenl=False)
    for line in content.split("\n"):
        kinds = {kind for kind, text in lexer.get_tokens(f"{line}\n") if text.strip() and kind in Generic}
        assert len(kinds) <= 1
        yield next(iter(kinds), None)
