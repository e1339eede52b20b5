"""Expressions, evaluated for one user."""

import random
from datetime import UTC, datetime
from typing import Any

from hypothesis import strategies as st

from reconciler.expressions.language import (
    Context,
    Result,
    compile_expression,
)

SEED = random.Random(7)  # noqa: S311 # the same values in every run


CONTEXT = Context(datetime(2026, 3, 1, 15, 4, 5, tzinfo=UTC), {"taken"}.__contains__, SEED.randrange, creating=True)


JOSE: dict[str, Any] = {
    "name": "José",
    "empty": "",
    "yes": True,
    "no": False,
    "true": "true",
    "several": ("a", "b", "a", "A"),
    "one": ("single",),
    "number": "10",
    "zeros": "0012",
    "hired": "2020-03-16-07:00",
    "roles": ("Admin",),
    "role": '{"id": "1", "value": "admin", "displayName": "Administrator"}',
}


def evaluate(source: str) -> Result:
    """The result of an expression for `JOSE`."""
    return compile_expression(source).evaluate(JOSE, CONTEXT)


FIRST, LAST = datetime(1, 1, 3), datetime(9999, 12, 29)  # noqa: DTZ001 # as Hypothesis takes them
MOMENTS = st.datetimes(FIRST, LAST).map(lambda when: when.replace(microsecond=0))
