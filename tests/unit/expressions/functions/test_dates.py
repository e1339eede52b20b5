import re
from datetime import datetime

import pytest
from hypothesis import given
from support.expressions import CONTEXT, MOMENTS, evaluate

from reconciler.expressions.language import (
    EvaluationError,
    ExpressionError,
    Result,
    compile_expression,
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('CDate("2021-08-24")', "8/24/2021 12:00:00 AM"),
        ('CDate("8/24/2021 1:02 pm")', "8/24/2021 1:02:00 PM"),
        ('CDate("2021/8/4T23:59:59.9999999Z")', "8/4/2021 11:59:59 PM"),
        ('CDate("Mon, 15 Jun 2009 20:45:30 GMT")', "6/15/2009 8:45:30 PM"),
        ('CDate("June 15, 2009 12:30 AM")', "6/15/2009 12:30:00 AM"),
        ('CDate("15-Jun-2009")', "6/15/2009 12:00:00 AM"),
        ("CDate([missing])", None),
        ("CDate([empty])", None),
        ("Now()", "3/1/2026 3:04:05 PM"),
        ('DateAdd("m", 1, "2021-01-31")', "2/28/2021 12:00:00 AM"),
        ('DateAdd("yyyy", -1, "2024-02-29")', "2/28/2023 12:00:00 AM"),
        ('DateAdd("m", "-13", "2021-01-31")', "12/31/2019 12:00:00 AM"),
        ('DateAdd("n", 90, "2021-01-01")', "1/1/2021 1:30:00 AM"),
        ('DateAdd("d", 1, [missing])', None),
        ('DateDiff("d", "2021-01-02", "2021-01-01T00:00:01")', "0"),
        ('DateDiff("h", "2021-01-01T00:59", "2021-01-01T02:00")', "1"),
        ('DateDiff("yyyy", "2020-12-31", "2021-01-01")', "1"),
        ('DateDiff("m", "2021-01-31", "2021-02-01")', "1"),
        ('DateDiff("ww", "2021-01-02", "2021-01-03")', "1"),
        ('DateDiff("ww", "2021-01-02T23:00", "2021-01-03T01:00")', "0"),
        ('DateDiff("ww", "2021-01-03", "2021-01-09")', "0"),
        ('DateDiff("d", [missing], Now())', None),
        ('DateFromNum("0")', "1/1/1601 12:00:00 AM"),
        ("DateFromNum([missing])", None),
        ('NumFromDate("1601-01-01T00:00:00.000001Z")', "10"),
        ("NumFromDate([missing])", None),
    ],
)
def test_a_function_on_dates_has_its_documented_result(source: str, expected: Result) -> None:
    assert evaluate(source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("DateFromNum(9223372036854775807 & [empty])", "is outside the calendar"),
        ('CDate("13/13/2021 1:00:00 AM" & [empty])', "is not a date that exists"),
        ('CDate("1/1/2021 13:00:00 AM" & [empty])', "is not a date that exists"),
        ("CDate([name])", '"José" is not a date'),
        ('CDate(Append([number], "-13-40"))', "is not a date"),
        ('CDate("2021-13-" & [number])', "is not a date that exists"),
        ('CDate("2021-01-01+" & [number] & "99")', "has an offset that does not exist"),
        ('DateAdd("yyyy", 99999, Now())', "is outside the calendar"),
        ('DateAdd("d", 9999999999999, Now())', "is outside the calendar"),
        ('DateFromNum(Append([number], "00000000000000000") & "0")', "not a whole number"),
    ],
)
def test_a_function_on_dates_fails_for_a_user_with_a_reason(source: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(message)):
        evaluate(source)


ARTICLE = (
    'FormatDateTime(IIF(IsNullOrEmpty([e]), "", IIF(Len([e])<>"10", "", IIF(InStr([e], "/", , )<"1", "", [e]))), '
    '"32", "dd/MM/yyyy", "yyyy-MM-dd")'
)
"""An expression from a public article: a date in an attribute that may have other text in it."""


@pytest.mark.parametrize(
    ("value", "expected"),
    [("31/12/2027", "2027-12-31"), ("contractor", None), ("no date at", None), ("", None), (None, None)],
)
def test_an_expression_that_runs_in_entra_picks_a_date_out_of_free_text(value: str | None, expected: Result) -> None:
    attributes = {} if value is None else {"e": value}
    assert compile_expression(ARTICLE).evaluate(attributes, CONTEXT) == expected


@pytest.mark.parametrize(
    ("styles", "text"),
    [
        ("0", "2027-01-02"),
        ("32", "2027-01-02"),
        (" 32 ", "2027-01-02"),
        ("+32", "2027-01-02"),
        ("80", "2027-01-02"),
        ("AssumeLocal,AllowInnerWhite", "2027 - 01 - 02"),
        (" AssumeUniversal , AdjustToUniversal ", "2027-01-02"),
        ("None", "2027-01-02"),
        ("4", "2027 - 01 - 02"),
        ("7", "2027 - 01 - 02"),
        ("36", "2027 - 01 - 02"),
        ("DateTimeStyles.AllowWhiteSpaces | DateTimeStyles.AssumeLocal", "2027 - 01 - 02"),
    ],
)
def test_styles_are_names_or_the_sum_of_their_numbers(styles: str, text: str) -> None:
    source = f'FormatDateTime([a], "{styles}", "yyyy-MM-dd", "yyyyMMdd")'
    assert compile_expression(source).evaluate({"a": text}, CONTEXT) == "20270102"


@pytest.mark.parametrize("styles", ["0", "3", "32", "None", "AllowLeadingWhite"])
def test_inner_white_space_needs_its_style(styles: str) -> None:
    source = f'FormatDateTime([a], "{styles}", "yyyy-MM-dd", "yyyyMMdd")'
    with pytest.raises(EvaluationError, match="is not in the input format"):
        compile_expression(source).evaluate({"a": "2027 - 01 - 02"}, CONTEXT)


@pytest.mark.parametrize(
    ("styles", "message"),
    [
        ("Relaxed", "is not one of .NET's DateTimeStyles"),
        ("assumelocal", "is not one of .NET's DateTimeStyles"),
        ("AssumeLocal, 4", "is not one of .NET's DateTimeStyles"),
        ("256", "is not a sum of .NET's DateTimeStyles"),
        ("-1", "is not a sum of .NET's DateTimeStyles"),
        ("3.5", "is not one of .NET's DateTimeStyles"),
        ("\u0663\u0662", "is not one of .NET's DateTimeStyles"),
        ("9" * 5_000, "is not one of .NET's DateTimeStyles"),
        ("96", "AssumeLocal and AssumeUniversal exclude each other"),
        ("RoundtripKind, AdjustToUniversal", "exclude each other"),
    ],
)
def test_unknown_and_contradictory_styles_are_refused(styles: str, message: str) -> None:
    with pytest.raises(ExpressionError, match=re.escape(message)):
        compile_expression(f'FormatDateTime([name], "{styles}", "yyyy", "yyyy")')


@given(MOMENTS)
def test_dates_come_back(when: datetime) -> None:
    text = compile_expression("CDate([a])").evaluate({"a": when.isoformat()}, CONTEXT)
    source = 'FormatDateTime([a], , "M/d/yyyy h:mm:ss tt", "yyyy-MM-ddTHH:mm:ss")'
    assert compile_expression(source).evaluate({"a": str(text)}, CONTEXT) == when.isoformat()
    source = "DateFromNum(NumFromDate([a]))"
    assert compile_expression(source).evaluate({"a": when.isoformat()}, CONTEXT) == text
