"""The comparison operators `=`, `<>`, `<`, `<=`, `>` and `>=`.

Entra documents the operators and one rule: a condition whose source attribute is null or empty fails. So a side that
is not a constant and has no value, or "", makes every comparison false, `<>` too. The rest is not documented. Here `=`
and `<>` compare texts with their case (as Switch does), and numbers only if one side is a number without quotes:
"0012" is not "12", but `[StatusRehire] = 1` is true for "1". The other operators compare numbers if both sides are
numbers, dates if both sides have the format of the date functions, and otherwise texts by their code points.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from reconciler.expressions import date_values
from reconciler.expressions.signature import Argument
from reconciler.expressions.value_types import (
    FALSE,
    Attributes,
    Context,
    Evaluator,
    Value,
    format_boolean,
    parse_number,
    to_text,
)

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def build_comparison(symbol: str, left: Argument, right: Argument, *, numeric: bool) -> Evaluator:
    """Build the evaluator of a comparison; `numeric`: one side is a number without quotes."""
    compare = _OPERATORS[symbol]
    ordered = symbol not in ("=", "<>")
    first, second = left.evaluate, right.evaluate
    first_is_literal, second_is_literal = left.literal, right.literal

    def evaluate(attributes: Attributes, context: Context) -> Value:
        one, two = to_text(first(attributes, context)), to_text(second(attributes, context))
        if one is None or two is None or not ((one or first_is_literal) and (two or second_is_literal)):
            return FALSE
        if numeric or ordered:
            return format_boolean(compare(*_to_comparable(one, two, dated=ordered)))
        return format_boolean(compare(one, two))

    return evaluate


def _to_comparable(one: str, two: str, *, dated: bool) -> tuple[Any, Any]:
    numbers = parse_number(one), parse_number(two)
    if None not in numbers:
        return numbers
    moments = (date_values.parse_standard(one), date_values.parse_standard(two)) if dated else (None, None)
    return (one, two) if None in moments else moments
