import re

import pytest
from support.expressions import evaluate

from reconciler.expressions.language import EvaluationError, IgnoreFlow, Result


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("Not([true])", "False"),
        ("Not([yes])", "False"),
        ("Not([no])", "True"),
        ('Not("nonsense")', "True"),
        ('Not([number] = "10")', "False"),
        ("IsNull([missing])", "True"),
        ("IsNothing([missing])", "True"),
        ("IsNothing([name])", "False"),
        ("IsNull([empty])", "False"),
        ("IsPresent([several])", "True"),
        ("IsString([name])", "True"),
        ("IsString([missing])", "False"),
        ("IsString([several])", "False"),
        ("CBool(0)", "False"),
        ("CBool([number])", "True"),
        ("CBool([true])", "True"),
        ("CBool([empty])", "False"),
        ("CBool([missing])", "False"),
        ("CBool([missing] = [missing2])", "False"),
        ('IIF([yes], "y", "n")', "y"),
        ('IIF([no], "y", "n")', "n"),
        ('IIF([true], "y", "n")', "y"),
        ('IIF([missing], "y", "n")', "n"),
        ('IIF([number], "y", "n")', "y"),
        ('IIF(IsNullOrEmpty([empty]), "y", "n")', "y"),
        ('IIF([name] = "José", [missing], "n")', None),
        ('IIF([name] = "x", Error("never"), "n")', "n"),
        ('Switch([missing], , "", "none", "x", "y")', "none"),
        ('Switch([name], , "x", "y")', None),
        ('Switch([missing], "d", [missing2], "none")', "d"),
        ('Switch([name], Error("never"), "José", "found", "x", Error("never"))', "found"),
        ('Switch([name], "d", "José", "first", "José", "second")', "first"),
        ('Switch([name], "d", [name], "first", [name], Error("never"))', "first"),
        ('Switch([no], , "False", "True", "True", "False")', "True"),
        ('Coalesce([empty], [name], "d")', "José"),
        ('Coalesce([missing], "")', ""),
        ("Coalesce([empty], [missing])", None),
        ("Coalesce([name], Error([name]))", "José"),
        ("Coalesce([empty])", ""),
        ("IgnoreFlowIfNullOrEmpty([missing])", IgnoreFlow.ATTRIBUTE),
        ('SelectUniqueValue("taken", [missing], "free")', "free"),
    ],
)
def test_a_function_of_logic_has_its_documented_result(source: str, expected: Result) -> None:
    assert evaluate(source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Error([name])", "José"),
        ("CBool([name])", '"José" is neither true nor false'),
        ('IIF([name], "a", "b")', '"José" is neither true nor false'),
        ('SelectUniqueValue("taken", "taken")', 'no unique value: "taken", "taken"'),
    ],
)
def test_a_function_of_logic_fails_for_a_user_with_a_reason(source: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(message)):
        evaluate(source)
