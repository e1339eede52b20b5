import pytest

from reconciler.expressions import regex
from reconciler.expressions.value_types import EvaluationError


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("([1-9][0-9])", "42", True),
        ("([1-9][0-9])", "421", False),
        ("a|ab", "ab", True),
        ("^a$", "a", True),
        (r"\Aa\z", "a", True),
        ("a", "a\n", False),
        ("a", "A", False),
        ("(?i)a", "A", True),
        (r".*\@domain.com", "x@domain.com", True),
        (r"(?<first>\w)\d*", "é７", True),
        ("", "", True),
        ("", "a", False),
    ],
)
def test_a_pattern_matches_a_whole_text_or_nothing(pattern: str, text: str, expected: bool) -> None:
    assert regex.compile_full_match(pattern)(text) is expected


def test_case_can_be_ignored() -> None:
    matches = regex.compile_full_match("[a-c]é", ignore_case=True)
    assert matches("Bé")
    assert matches("BÉ")
    assert not matches("dé")


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?=a)", "uses look-ahead, which is not supported"),
        ("(?<!a)", "uses look-behind"),
        (r"(a)\1", "uses a back reference"),
        ("a(", 'is not a regular expression: "missing )'),
        ("a)(?:b", "is not a regular expression"),
        ("x" * 1_001, "more than 1,000 characters"),
        ("()" * 33, "more than 32 groups"),
        ("[^a]{1000}" * 90, "pattern too large"),
    ],
)
def test_what_is_no_pattern_or_has_no_equivalent_is_refused(pattern: str, message: str) -> None:
    with pytest.raises(EvaluationError) as caught:
        regex.compile_full_match(pattern)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("pattern", "text", "message"),
    [
        (r"\bé", "é", "it is not ASCII"),
        ("a", "\ud800", "is not text"),
        ("(a?){900}(b?){900}(.?){900}c", "a" * 60_000, "takes too long on a text of 60,000 characters"),
    ],
)
def test_a_text_that_cannot_be_judged_is_refused(pattern: str, text: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=message):
        regex.compile_full_match(pattern)(text)
