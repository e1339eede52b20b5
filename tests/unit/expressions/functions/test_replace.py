import re

import pytest
from support.expressions import CONTEXT, evaluate

from reconciler.expressions.language import (
    EvaluationError,
    ExpressionError,
    Result,
    compile_expression,
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('Replace([missing], "a", , , "b", , )', None),
        ('Replace("aAa", "a", , , "b", , )', "bAb"),
        ('Replace([name], "é", , , "e")', "Jose"),
        ('Replace("abc", "b", , , [missing], , )', "ac"),
        ('Replace([missing], "<x>", , , , , "<x>@y")', None),
        ('Replace([name], "<x>", , , , , "<x>-<x>")', "José-José"),
        ('Replace([name], , "x", , "y", , )', "José"),
        ('Replace("abc1", , "[a-z]*", , "x", , )', "xx1x"),
        ('Replace([name], , "\\\\w", , "x", , )', "xxxx"),
        ('Replace("é-_ a", , "\\\\W+", , "", , )', "é_a"),
        ('Replace("ab", , "(?<n>a)(?<m>b)|c", "m", "x", , )', "ax"),
        ('Replace("a٣b", , "\\\\d", , "x", , )', "axb"),
        ('Replace("a\u00a0b", , "\\\\s", , "-", , )', "a-b"),
        ('Replace("é-_ a", , "[\\\\W_]", , "", , )', "éa"),
        ('Replace("a-b", , "[^\\\\s\\\\d]", , "x", , )', "xxx"),
        ('Replace("a-b", , "[\\\\S]", , "x", , )', "xxx"),
        ('Replace("a\nb", , "[\\\\s\\\\S]", , "x", , )', "xxx"),
        ('Replace("a\nb", , ".", , "x", , )', "x\nx"),
        ('Replace("ab", , "(?<a>a)(b)", , "$1$2$0${a}", , )', "baaba"),
        ('Replace("ab", , "(?\'q\'a)", , "[${q}]$$$& $x", , )', "[a]$a $xb"),
        ('Replace("ab", , "(a)|(b)", , "<$2>", , )', "<><b>"),
        ('Replace("AbC", , "(?i)[a-b]", , "x", , )', "xxC"),
        ('Replace("A:b", , "\\\\u0041(?#it)\\\\x3a", , "", , )', "b"),
        ('Replace("x[y]z", , "[[\\\\]]", , "", , )', "xyz"),
        ('Replace("a]b", , "[]]", , "", , )', "ab"),
        ('Replace("Lé", , "\\\\p{Lu}", , "x", , )', "xé"),
        ('Replace("a\x08b", , "[\\\\b]", , "", , )', "ab"),
        ('Replace("tab\there", , "\\\\011|\\\\cJ|\\\\e", , "-", , )', "tab-here"),
        ('Replace("a.b", , "(?:\\\\.)(?-i:b)", , "", , )', "a"),
        ('Replace([one], , "[^\\\\d\\\\D]", , "", , )', "single"),
        ('Replace("one two", , "\\\\bt", , "T", , )', "one Two"),
        ('Replace("+1 2", , "\\+(?<a>\\d)", "a", "$&", , )', "+$& 2"),
        ('Replace("a1b2", , "[a-z](?<n>\\\\d)?", "n", "x", , )', "axbx"),
        ('Replace("ab", , "[a-z](?<n>\\\\d)?", "n", "x", , )', "ab"),
        ('Replace([empty], , "(?<n>\\\\d+)", "n", , [number], )', "10"),
        ('Replace([missing], , "(?<n>\\\\d+)", "n", , [name], )', None),
        ('Replace([missing], , "(?<n>\\\\d+)", "n", , [missing], )', None),
        ('Replace([missing], , "(\\\\d+)", "1", , [number], )', "10"),
    ],
)
def test_replace_has_its_documented_result(source: str, expected: Result) -> None:
    assert evaluate(source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('Replace([name], [missing], , , "x", , )', "oldValue is empty"),
        ('Replace([name], , "\\\\bx", , "x", , )', "it is not ASCII"),
        ('Replace([name], , [missing], , "x", , )', "the regular expression of Replace is empty"),
        ('Replace([name], , "(?<a>x)", [name], "x", , )', 'has no group "José"; its groups: "0", "1", "a"'),
    ],
)
def test_replace_fails_for_a_user_with_a_reason(source: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(message)):
        evaluate(source)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ('"a", "b", , "c", , ', "Replace takes oldValue with"),
        (", , , , , ", "Replace takes oldValue with"),
        ('"a", , , , , ', "Replace takes oldValue with"),
        (', "(?<a>x)", "b", "c", , ', 'has no group "b"; its groups: "0", "1", "a"'),
        (', "(?<a>x)", , "${b}", , ', 'has no group "b"'),
        (', "x", , "$1", , ', 'has no group "1"; its groups: "0"'),
        (', "x", , "$`", , ', "$` in a replacement is not supported"),
    ],
)
def test_a_replace_that_makes_no_sense_is_an_error(arguments: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(message)):
        compile_expression(f"Replace([name], {arguments})")


def test_a_lone_surrogate_is_no_text_to_replace() -> None:
    for source in ('Replace([a], , "x", , "", , )', 'Replace("x", , [a], , "", , )'):
        with pytest.raises(EvaluationError):
            compile_expression(source).evaluate({"a": "\ud800"}, CONTEXT)
