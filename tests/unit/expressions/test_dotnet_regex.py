import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.expressions import CONTEXT

from reconciler.expressions.language import (
    EvaluationError,
    ExpressionError,
    compile_expression,
)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?=a)", "uses look-ahead, which is not supported"),
        ("(?!a)", "look-ahead"),
        ("(?<=a)", "look-behind"),
        ("(?<!a)", "look-behind"),
        ("(?>a)", "an atomic group"),
        ("(?(1)a|b)", "a conditional group"),
        (r"(a)\1", "a back reference"),
        (r"(?<n>a)\k<n>", "a back reference"),
        ("(?<n>a)(?<n>b)", "two groups named n"),
        ("(?P<n>a)", "(?P<"),
        ("(?x)a b", "(?x)"),
        ("[a-z-[aeiou]]", "subtraction of classes"),
        (r"[^\W_]", "in a class with ^"),
        (r"\Ga", r"\G"),
        (r"a\Z", r"\Z"),
        (r"\p{IsGreek}", r"\p"),
        (r"\Qa\E", r"\Q"),
        ("a**", "is not a regular expression"),
        ("(a", "is not a regular expression"),
        ("a\\", "ends in a backslash"),
        ("(a)" * 33, "more than 32 groups"),
        ("[a", "has an unterminated character class"),
        ("(?#a", "has an unterminated comment"),
        ("a{1001}", "is not a regular expression"),
        ("a" * 1_001, "more than 1,000 characters"),
    ],
)
def test_a_pattern_that_cannot_be_expressed_is_an_error(pattern: str, message: str) -> None:
    escaped = pattern.replace("\\", "\\\\")
    with pytest.raises(ExpressionError, match=re.escape(message)) as caught:
        compile_expression(f'Replace([name], , "{escaped}", , "x", , )')
    assert caught.value.position == 18


@given(st.text("()[]?<>\\wdsSWDbpPLu{}0123-^$|.*+:=!#", max_size=20), st.text(max_size=10))
def test_any_text_is_a_pattern_or_an_error(pattern: str, text: str) -> None:
    try:
        compile_expression('Replace([a], , [p], , "$0", , )').evaluate({"a": text, "p": pattern}, CONTEXT)
    except EvaluationError:
        return
