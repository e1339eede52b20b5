"""What the language says of a user it refuses: every value stands in quotes, so that `redacted` can take it out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.text import redact_quoted
from reconciler.expressions.functions.registry import FUNCTIONS
from reconciler.expressions.language import Context, EvaluationError, ExpressionError, compile_expression
from reconciler.expressions.template import compile_template
from reconciler.expressions.value_types import MappingTemplateError

MARK = "qzx"
VALUES = (
    f"{MARK}@{MARK}.example",
    f"it's {MARK}",
    f'"{MARK}" \\ "{MARK}\\',
    f"{MARK}\n::error::{MARK}",
    f"{MARK}é (",
    f"[{MARK}",
    "{" + MARK,
    f'{{"x": "{MARK}"}}',
    f"%{MARK}",
    MARK * 100,
)
"""Of every kind that some function cannot take."""
NUMBER = "-48151623"
WORDS = ("d", "1", "1/1/2021 1:00:00 AM", "yyyy-MM-dd", NUMBER, "9" * 18)
"""What a function may ask for before it looks at the value."""
CONTEXT = Context(datetime(2026, 12, 1, tzinfo=UTC), taken=lambda _value: True, random=lambda _below: 0, creating=True)


def messages(source: str, attributes: dict[str, str | tuple[str, ...]]) -> Iterator[str]:
    try:
        compile_expression(source).evaluate(attributes, CONTEXT)
    except EvaluationError as exc:
        yield str(exc)
    except ExpressionError:
        return


def calls(name: str) -> Iterator[str]:
    for count in range(1, 6):
        for place in range(count):
            for word in WORDS:
                literal = f'"{word}"'
                yield f"{name}({', '.join('[a]' if at == place else literal for at in range(count))})"
        yield f"{name}({', '.join(['[a]'] * count)})"


@pytest.mark.slow
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_function_says_a_value_outside_of_quotes(name: str) -> None:
    for call in calls(name):
        for value in (*VALUES, NUMBER, VALUES):
            for said in messages(call, {"a": value}):
                shown = redact_quoted(said)
                assert MARK not in shown, (call, said)
                assert value != NUMBER or NUMBER[1:] not in shown, (call, said)


def test_most_of_it_is_really_reported() -> None:
    """The law above would hold of a language that never refuses anything."""
    for name in ("CBool", "CDate", "Error", "Item", "Left", "Mid", "SelectUniqueValue", "StringFromSid"):
        assert any(any(messages(call, {"a": VALUES})) for call in calls(name)), name
    assert any(MARK in said for said in messages("CDate([a])", {"a": VALUES[0]}))


@given(
    st.text(min_size=1), st.sampled_from(["CDate([a])", "Error([a])", "CBool([a])", 'Replace("x", , [a], , "", , )'])
)
def test_whatever_a_value_is_its_message_is_one_quoted_text(value: str, call: str) -> None:
    for said in messages(call, {"a": f"{MARK}{value}{MARK}"}):
        assert MARK not in redact_quoted(said), said


@pytest.mark.parametrize(
    "template", ["{{ a | truncate(a) }}", "{{ a < 1 }}", "{{ -a }}", "{{ a | replace }}", "{{ a in 5 }}"]
)
@pytest.mark.parametrize("value", VALUES)
def test_no_template_says_a_value_outside_of_quotes(template: str, value: str) -> None:
    rule, _ = compile_template(template)
    said = ""
    try:
        rule({"a": value})
    except MappingTemplateError as exc:
        said = str(exc)
    assert MARK not in redact_quoted(said), said
