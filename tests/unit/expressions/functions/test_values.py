import base64
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.expressions import CONTEXT, evaluate

from reconciler.expressions.language import (
    EvaluationError,
    Result,
    compile_expression,
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("BitAnd(6, 3)", "2"),
        ('BitAnd("-1", &HFF)', "255"),
        ("Count([several])", "4"),
        ("Count([name])", "1"),
        ("Count([missing])", "0"),
        ("Item([several], 2)", "b"),
        ("Item([name], 1)", "José"),
        ("Item([missing], 1)", None),
        ("RemoveDuplicates([several])", ("a", "b", "A")),
        ("RemoveDuplicates([missing])", None),
        ('ConvertFromBase64(ConvertToBase64("é😀"))', "é😀"),
        ('ConvertFromBase64("YWJj", ASCII)', "abc"),
        ('ConvertFromBase64("YWJj", "UTF8")', "abc"),
        ("ConvertFromBase64([missing])", None),
        ("ConvertToBase64([missing])", None),
        ('ConvertToUTF8Hex("é")', "C3A9"),
        ('DNComponent("cn=Joe\\, Jr,ou=x", 1)', "Joe, Jr"),
        ('DNComponent("cn=Joe,ou=x", 2)', "x"),
        ('DNComponent("cn=Joe,ou=x", 3)', None),
        (
            'StringFromSid("AQUAAAAAAAUVAAAAoGXPfnhLm1/nfIdwr/1IAQ==")',
            "S-1-5-21-2127521184-1604012920-1887927527-21560751",
        ),
        ('StringFromSid("S-1-5-18")', "S-1-5-18"),
        ("SingleAppRoleAssignment([roles])", "Admin"),
        ("SingleAppRoleAssignment([role])", "admin"),
        ("SingleAppRoleAssignment([missing])", None),
        ("AppRoleAssignments([role])", ("admin",)),
        ("AppRoleAssignmentsComplex([missing])", None),
    ],
)
def test_a_function_on_values_has_its_documented_result(source: str, expected: Result) -> None:
    assert evaluate(source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("ConvertFromBase64([name], [name])", '"José" is not Unicode, ASCII, UTF8'),
        ("StringFromSid([name])", "is not a security identifier"),
        ("StringFromSid([roles])", "is not a security identifier"),
        ("Item([several], 5)", 'there is no item "5": the attribute has 4, counted from 1'),
        ("Item([several], 0)", 'there is no item "0"'),
        ("ConvertFromBase64([name])", "is not Base64 of Unicode text"),
        ("StringFromSid([number])", "is not a security identifier"),
        ("SingleAppRoleAssignment([several])", "4 app roles where one is supported"),
        ("RandomString([number], 5, 5, 5, 0)", "not fewer than its parts"),
        ('RandomString([number], 1, 0, 0, 0, "0123456789")', "CharactersToAvoid leaves no character"),
    ],
)
def test_a_function_on_values_fails_for_a_user_with_a_reason(source: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(message)):
        evaluate(source)


def test_complex_roles_are_elements_of_scims_roles() -> None:
    expected = {"primary": False, "type": "WindowsAzureActiveDirectoryRole", "display": "Admin", "value": "Admin"}
    for name in ("AppRoleAssignmentsComplex", "AssertiveAppRoleAssignmentsComplex"):
        found = evaluate(f"{name}([roles])")
        assert isinstance(found, tuple)
        assert [json.loads(role) for role in found] == [expected]
    for wrong in ("{", "{}", '{"value": 1}'):
        with pytest.raises(EvaluationError, match="app role"):
            compile_expression("AppRoleAssignments([a])").evaluate({"a": wrong}, CONTEXT)


def test_a_guid_has_the_shape_of_one() -> None:
    found = {evaluate("Guid()") for _ in range(20)}
    assert len(found) == 20
    shape = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
    assert all(re.fullmatch(shape, str(each)) for each in found)


def test_a_random_text_keeps_its_conditions() -> None:
    for _ in range(50):
        found = str(evaluate('RandomString(10,2,2,2,1,"?,")'))
        assert len(found) == 10
        assert sum(each.isdigit() for each in found) >= 2
        assert sum(each.isupper() for each in found) >= 2
        assert sum(each.islower() for each in found) >= 1
        assert sum(not each.isalnum() for each in found) >= 2
        assert not set("?,") & set(found)


@given(st.text(max_size=30))
def test_base64_comes_back(text: str) -> None:
    found = compile_expression("ConvertFromBase64(ConvertToBase64([a]))").evaluate({"a": text}, CONTEXT)
    assert found == text


def test_base64_of_bytes_that_are_no_text_is_refused() -> None:
    odd = base64.b64encode(b"abc").decode()
    for source in (f'ConvertFromBase64("{odd}" & [empty])', "ConvertFromBase64([a], UTF8)"):
        with pytest.raises(EvaluationError, match="is not Base64 of"):
            compile_expression(source).evaluate({"a": "/w=="}, CONTEXT)


def test_a_lone_surrogate_becomes_a_question_mark_in_utf8() -> None:
    assert compile_expression("ConvertToUTF8Hex([a])").evaluate({"a": "\ud800"}, CONTEXT) == "3F"
