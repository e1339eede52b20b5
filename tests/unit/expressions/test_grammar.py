import pytest

from reconciler.expressions import grammar
from reconciler.expressions.value_types import MAX_LENGTH, ExpressionError

TREE = grammar.Call(
    "IIF",
    (
        grammar.Compare("<>", grammar.AttributeReference("a b"), grammar.Number("&HF")),
        grammar.Concatenation((grammar.String('say "hi"'), grammar.Keyword("vbTextCompare"))),
        grammar.Omitted(),
    ),
)
TEXT = r'IIF([a b] <> &HF, "say \"hi\"" & vbTextCompare, )'


def test_a_text_becomes_a_tree_and_back() -> None:
    assert grammar.parse(f"  {TEXT}\n") == TREE
    assert grammar.format_tree(TREE) == TEXT


def test_nodes_know_their_positions() -> None:
    call = grammar.parse('Append([a], "b")')
    assert [(each.position, each.depth) for each in (call, *grammar.list_children(call))] == [(0, 2), (7, 1), (12, 1)]


def test_leaves_have_no_children() -> None:
    assert grammar.list_children(grammar.String("a")) == ()


def test_numbers_have_decimal_values() -> None:
    assert [grammar.Number(text).value for text in ("&HFF", "-1.50", "7")] == ["255", "-1.50", "7"]


def test_a_call_without_arguments_has_none() -> None:
    assert grammar.parse("Now( )") == grammar.Call("Now", ())


def test_other_backslashes_are_literal() -> None:
    assert grammar.parse(r'"\d\\\""') == grammar.String('\\d\\"')


@pytest.mark.parametrize(
    ("source", "message", "position"),
    [
        ("", "the expression is empty", 0),
        ("x" * (MAX_LENGTH + 1), "longer than 10,000 characters", MAX_LENGTH),
        ("Trim([a]", "the expression ends too early", 8),
        ("[a] AND [b]", "AND is not an operator", 4),
        ("Trim('a')", "strings use double quotes", 5),
        ("[ ]", "the brackets contain no attribute name", 0),
    ],
)
def test_an_error_has_its_position(source: str, message: str, position: int) -> None:
    with pytest.raises(ExpressionError, match=message) as caught:
        grammar.parse(source)
    assert caught.value.position == position


def test_the_depth_is_limited() -> None:
    grammar.parse("Trim(" * (grammar.MAX_DEPTH - 1) + "[a]" + ")" * (grammar.MAX_DEPTH - 1))
    with pytest.raises(ExpressionError, match="calls nest deeper than 50"):
        grammar.parse("Trim(" * grammar.MAX_DEPTH + "[a]" + ")" * grammar.MAX_DEPTH)
