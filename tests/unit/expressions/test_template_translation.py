"""Templates as expressions: the same value, or none at all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.expressions.language import Context, compile_expression
from reconciler.expressions.template import compile_template
from reconciler.expressions.template_translation import translate_template

NOW = Context(datetime(2026, 3, 1, tzinfo=UTC), lambda _value: False, lambda _limit: 0, creating=False)
TEMPLATES = (
    "{{ a }}",
    "{{ a }} {{ b }}",
    "{{ a }}{{ b }}{{ a }}",
    "Dr. {{ a | trim }}",
    '{{ a ~ "-" ~ b ~ c }}',
    "{{ (a ~ b) | upper }}",
    '{{ a | default("x") }}.{{ b | lower }}',
    '{{ a | d("") }}{{ "q\\"\\\\" }}',
    '{{ a | trim | replace("-", "_") | upper }}',
    '{{ a | replace("x", "") }}!',
    "constant",
)


@pytest.mark.parametrize("template", TEMPLATES)
@given(st.dictionaries(st.sampled_from("abc"), st.text("aBx-_ \"\\'1", min_size=1, max_size=5)))
def test_an_expression_gives_what_its_template_gives(template: str, attributes: dict[str, Any]) -> None:
    text = translate_template(template)
    assert text is not None
    assert compile_expression(text).evaluate(attributes, NOW) == compile_template(template)[0](attributes)


@pytest.mark.parametrize(
    "template",
    [
        "", "{% if a %}x{% endif %}", "{{ a[0] }}", "{{ 'x' if a else b }}", "{{ a | title }}", "{{ a | length }}",
        "{{ 1 }}", "{{ none }}", "{{ a | replace('', 'x') }}", "{{ a | replace('x', b) }}", "{{ a", "{{ a.b }}",
        "{{ a | trim | default('x') }}", "{{ a | default(b) }}", "{{ a | trim('x') }}", "{{ a == b }}",
        "{{ a | default('x', boolean=true) }}",
    ],
)  # fmt: skip
def test_a_template_without_an_equivalent_gives_none(template: str) -> None:
    assert translate_template(template) is None
