import json
from typing import Any

import pytest
from support.untrusted_text import HOSTILE

from reconciler.core.field_change import JsonText
from reconciler.render.field_values import list_items, render_field
from reconciler.render.style import Style

PLAIN, REDACTED = Style(), Style(redact=True)
FILTER = {"name": "Engineering", "clauses": [{"attribute": "department", "operator": "IN", "value": 'R&D, "x"'}]}
AS_WRITTEN = '{name: Engineering, clauses: [{attribute: department, operator: IN, value: "R&D, \\"x\\""}]}'

WORDS = ("a commit", "right to left", "5,000 characters without a space")
QUOTED = [HOSTILE[name] for name in HOSTILE if name not in WORDS]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "(none)"),
        ((), "(none)"),
        (True, "true"),
        ('a"\n', '"a\\"\\n"'),
        (("a", "b"), '["a", "b"]'),
        (("a",) * 22, "[" + ", ".join(['"a"'] * 20) + ", … (2 more)]"),
        ("x" * 205, f'"{"x" * 200}… (5 more characters)"'),
    ],
)
def test_a_value_is_quoted_and_limited(value: Any, text: str) -> None:
    assert render_field(value, PLAIN) == text
    assert render_field(value, REDACTED) == (text if text == "(none)" else "(hidden)")


def test_a_filter_is_rendered_as_in_the_file() -> None:
    value = (JsonText(json.dumps(FILTER)), "text")
    assert render_field(value, PLAIN) == f'[{AS_WRITTEN}, "text"]'
    assert list_items(value, PLAIN) == [AS_WRITTEN, "text"]
    assert "Engineering" not in render_field(value, REDACTED)


def test_text_that_only_looks_like_json_is_text() -> None:
    assert render_field(('{"a": 1}',), PLAIN) == '["{\\"a\\": 1}"]'


@pytest.mark.parametrize("scalar", ["a, b", "a: b", "", " a", "a ", "[a]", "# a", "~", "a\nb", *QUOTED])
def test_a_scalar_that_could_be_taken_for_structure_is_quoted(scalar: str) -> None:
    (shown,) = list_items(JsonText(json.dumps([scalar[:300], None, True])), PLAIN)
    assert shown.startswith('["')
    assert shown.endswith('", ~, true]')
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("value", "items"),
    [
        (None, []),
        ((), []),
        (False, ["false"]),
        ("a\\b", ["a\\\\b"]),
        (("a", "b"), ["a", "b"]),
        (("a",) * 22, [*["a"] * 20, "… (2 more)"]),
    ],
)
def test_a_page_sets_items_apart(value: Any, items: list[str]) -> None:
    assert list_items(value, PLAIN) == items
    assert list_items(value, REDACTED) == (["(hidden)"] if items else [])
