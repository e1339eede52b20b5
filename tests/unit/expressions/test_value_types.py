from decimal import Decimal
from typing import Any

import pytest

from reconciler.expressions import value_types
from reconciler.expressions.value_types import (
    MAX_LENGTH,
    MAX_TOTAL,
    MAX_VALUES,
    EvaluationError,
    check_length,
    check_limits,
    format_boolean,
    parse_number,
    quote_value,
)


def test_a_quoted_value_is_shortened_and_cannot_close_its_quotes() -> None:
    assert quote_value('a"b\n') == '"a\\"b\\n"'
    assert quote_value("x" * 41) == f'"{"x" * 39}…"'
    assert quote_value("é" * 40, 40) == f'"{"é" * 40}"'


def test_booleans_have_entras_spelling() -> None:
    assert [format_boolean(each) for each in (True, False)] == ["True", "False"]


@pytest.mark.parametrize("value", [None, "", "x" * MAX_LENGTH, ("x",) * MAX_VALUES, ("x" * MAX_LENGTH,) * 10])
def test_values_within_the_limits_are_returned(value: Any) -> None:
    assert check_limits(value) is value


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("x" * (MAX_LENGTH + 1), "a text of more than 10,000 characters"),
        (("x",) * (MAX_VALUES + 1), "more than 1,000 values"),
        (("x" * (MAX_LENGTH + 1),), "the values are too long"),
        (("x" * (MAX_TOTAL // 20 + 1),) * 20, "the values are too long"),
    ],
)
def test_values_beyond_the_limits_are_errors(value: Any, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        check_limits(value)


def test_a_length_is_checked_before_the_text_is_built() -> None:
    check_length(MAX_LENGTH)
    with pytest.raises(EvaluationError, match="a text of more than 10,000 characters"):
        check_length(MAX_LENGTH + 1)


@pytest.mark.parametrize(
    ("convert", "value", "expected"),
    [
        ("to_any", ("a", "b"), ("a", "b")),
        ("to_text", None, None),
        ("to_text", "a", "a"),
        ("to_text", ("a",), "a"),
        ("to_text", (), None),
        ("to_values", None, ()),
        ("to_values", "a", ("a",)),
        ("to_values", ("a", "b"), ("a", "b")),
        ("to_integer", " -7 ", -7),
        ("to_integer", "10.000", 10),
        ("to_natural", "0", 0),
        ("to_position", ("1",), 1),
        ("to_truth", None, False),
        ("to_truth", "", False),
        ("to_truth", " TRUE ", True),
        ("to_truth", "false", False),
        ("to_truth", "0.0", False),
        ("to_truth", "-1", True),
    ],
)
def test_a_value_is_converted(convert: str, value: Any, expected: Any) -> None:
    found = getattr(value_types, convert)(value)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("convert", "value", "message"),
    [
        ("to_text", ("a", "b"), "2 values where one is needed: choose with Item, or Join them"),
        ("to_integer", None, "no value where a number is needed"),
        ("to_integer", "1.5", '"1.5" is not a whole number'),
        ("to_integer", "1" * 20, "is not a whole number"),
        ("to_natural", "-1", '"-1" is negative'),
        ("to_position", "0", 'positions start at 1, not "0"'),
        ("to_truth", "maybe", '"maybe" is neither true nor false'),
    ],
)
def test_a_value_that_cannot_be_converted_is_an_error(convert: str, value: Any, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        getattr(value_types, convert)(value)


def test_numbers_are_parsed_with_their_fraction() -> None:
    assert [parse_number(text) for text in (" +1.50 ", "-2", "1e3", "")] == [Decimal("1.50"), Decimal(-2), None, None]
