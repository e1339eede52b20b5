from typing import Any

import pytest
from support.expressions import CONTEXT, JOSE, evaluate

from reconciler.expressions import compiler, grammar
from reconciler.expressions.language import (
    IgnoreFlow,
)
from reconciler.expressions.value_types import ExpressionError


def test_an_ignored_constant_stays_ignored() -> None:
    assert evaluate('Append(IgnoreFlowIfNullOrEmpty(""), "x")') is IgnoreFlow.ATTRIBUTE


def evaluate_tree(source: str, attributes: dict[str, Any] | None = None) -> object:
    return compiler.compile_tree(grammar.parse(source))(attributes or {}, CONTEXT)


def test_attributes_are_read_as_values() -> None:
    attributes = {"text": "x", "yes": True, "none": (), "several": ("a", "b")}
    found = [evaluate_tree(f"[{name}]", attributes) for name in (*attributes, "missing")]
    assert found == ["x", "True", None, ("a", "b"), None]


def test_constant_parts_are_computed_once_and_random_ones_are_not() -> None:
    assert evaluate_tree('Append("a", Append("b", "c"))') == "abc"
    guid = compiler.compile_tree(grammar.parse("Guid()"))
    assert guid(JOSE, CONTEXT) != guid(JOSE, CONTEXT)


def test_an_older_form_of_a_function_lacks_one_argument() -> None:
    assert evaluate_tree('FormatDateTime("2020", "yyyy", "yy")') == evaluate_tree(
        'FormatDateTime("2020", , "yyyy", "yy")'
    )


def test_a_trace_sees_every_part() -> None:
    seen: list[str] = []

    def trace(node: grammar.Node, evaluate: Any) -> Any:
        seen.append(grammar.format_tree(node))
        return evaluate

    compiler.compile_tree(grammar.parse('Append([a], "b")'), trace)
    assert seen == ["[a]", '"b"', 'Append([a], "b")']


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Trim()", "Trim needs 1 argument: value is missing"),
        ("Append([a])", "Append needs 2 arguments: suffix is missing"),
        ("Append(, [a])", "Append needs its argument source"),
        ('Trim([a], "b")', "Trim takes 1 arguments, not 2"),
        ("Trimm([a])", "there is no function Trimm. Did you mean Trim?"),
        ("trim([a])", "names are case-sensitive. Did you mean Trim?"),
        ("Append([a], Now)", "Now is a bare word: a function needs parentheses"),
        ("Append([a], true)", 'true is a bare word: write "True"'),
        ('Append([a], [b] = "c")', "a comparison is a condition: only IIF, CBool and Not take one"),
        ('Trim(SelectUniqueValue("a", "b"))', "SelectUniqueValue cannot be nested in another function"),
        ('Left("abc", "x")', '"x" is not a whole number'),
        ('Item(Split("a", ","), 2)', "this can never have a value"),
    ],
)
def test_what_can_never_work_is_an_error_of_the_expression(source: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate_tree(source)
    assert message in str(caught.value)
