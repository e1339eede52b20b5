import re
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
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
        ('FormatDateTime([missing], , "yyyy", "yyyy")', None),
        ('FormatDateTime([empty], , "yyyy", "yyyy")', None),
        ('FormatDateTime("2020-12-31", "yyyy-MM-dd", "dd.MM.yy")', "31.12.20"),
        ('FormatDateTime(" 3/4/49 5 ", , "M/d/yy H", "yyyy-MM-dd HH:mm:ss")', "2049-03-04 05:00:00"),
        ('FormatDateTime("1950", , "yyyy", "%y dddd ddd d")', "50 Sunday Sun 1"),
        ('FormatDateTime("50", , "yy", "yyyyy")', "01950"),
        ('FormatDateTime("2020-12-31+08:00", , "yyyy-MM-ddzzz", "yyyy-MM-ddTHH:mm:ssK")', "2020-12-30T16:00:00Z"),
        ('FormatDateTime("2020-12-31 -0730", , "yyyy-MM-dd K", "HH:mm z zz zzz")', "07:30 +0 +00 +00:00"),
        ('FormatDateTime("2020-12-31 -7", , "yyyy-MM-dd z", "HH")', "07"),
        ('FormatDateTime("2020-12-31", , "yyyy-MM-ddK", "yyyyK")', "2020"),
        ('FormatDateTime("Thu 31 Dec 2020", , "ddd dd MMM yyyy", "MMMM M MM MMM")', "December 12 12 Dec"),
        ('FormatDateTime("2020 11 PM", , "yyyy hh tt", "HH h t tt")', "23 11 P PM"),
        ('FormatDateTime("2020 12 A", , "yyyy h t", "HH")', "00"),
        # Without AM or PM, .NET takes an hour of h for the morning's.
        ('FormatDateTime("2020 12:30", , "yyyy hh:mm", "HH:mm")', "00:30"),
        ('FormatDateTime("2020 11:30", , "yyyy hh:mm", "HH:mm")', "11:30"),
        ('FormatDateTime("2020 13:30 PM", , "yyyy HH:mm tt", "HH:mm")', "13:30"),
        ('FormatDateTime("2020 01:30 AM", , "yyyy HH:mm tt", "HH:mm")', "01:30"),
        ('FormatDateTime("2020.123", , "yyyy.fff", "s.ff F FFFF fffffff")', "0.12 1 123 1230000"),
        ('FormatDateTime("2020.", , "yyyy.FFF", "ss.FFF")', "00"),
        ('FormatDateTime("2020at5", , "yyyy\'at\'H", "H\'o\'\\\\clock")', "5oclock"),
        ('FormatDateTime("20150123T1", , "yyyyMMddTH", "o")', "2015-01-23T01:00:00.0000000"),
        ('FormatDateTime("2015-01-23", , "yyyy-MM-dd", "R")', "Fri, 23 Jan 2015 00:00:00 GMT"),
        ('FormatDateTime("2015-01-23T01:02:03", , "s", "u")', "2015-01-23 01:02:03Z"),
        ('FormatDateTime("2015 - 01", "AllowInnerWhite", "yyyy-MM", "MM")', "01"),
        ('FormatDateTime("2015", "AdjustToUniversal, DateTimeStyles.AssumeLocal", "yyyy", "yy g")', "15 A.D."),
    ],
)
def test_a_date_format_has_its_documented_result(source: str, expected: Result) -> None:
    assert evaluate(source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('FormatDateTime("2020+15:" & [number], , "yyyyK", "yy")', "has an offset that does not exist"),
        ('FormatDateTime([name], , "yyyy", "yy")', "is not in the input format"),
        ('FormatDateTime("2020 13:30" & [empty], , "yyyy hh:mm", "HH:mm")', "is not a date that exists"),
        ('FormatDateTime("2020 01:30 PM" & [empty], , "yyyy HH:mm tt", "HH:mm")', "is not in the input format"),
        ('FormatDateTime("2020 13:30 AM" & [empty], , "yyyy HH:mm tt", "HH:mm")', "is not in the input format"),
        ('FormatDateTime("2020 PM" & [empty], , "yyyy tt", "HH:mm")', "is not in the input format"),
        ('FormatDateTime([number], , "HH", "yy")', "the input format has no year"),
        ('FormatDateTime("Mon 2021" & [empty], , "ddd yyyy", "yy")', "is not in the input format"),
    ],
)
def test_a_date_format_fails_for_a_user_with_a_reason(source: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(message)):
        evaluate(source)


@pytest.mark.parametrize(
    "form", ["", "d", "D", "%", "%%", "yyyy'", "yyyy\\\\", "ffffffff", "y" * 201], ids=lambda form: form[:9] or "none"
)
def test_a_date_format_that_is_none_is_an_error(form: str) -> None:
    with pytest.raises(ExpressionError, match="date format"):
        compile_expression(f'FormatDateTime([name], , "{form}", "yyyy")')


@given(st.text("yMdHhmstfFzKg'\"\\%: -/x", max_size=12), MOMENTS)
def test_any_text_is_a_format_or_an_error(form: str, when: datetime) -> None:
    attributes = {"f": form, "a": when.isoformat()}
    for source in ('FormatDateTime([a], , "s", [f])', 'FormatDateTime([a], , [f], "s")'):
        try:
            compile_expression(source).evaluate(attributes, CONTEXT)
        except EvaluationError:
            continue
