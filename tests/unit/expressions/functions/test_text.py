import re

import pytest
from support.expressions import evaluate

from reconciler.expressions.language import (
    EvaluationError,
    Result,
)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('Append([missing], ".x")', None),
        ("Append([name], [missing])", "José"),
        ('Prepend("x.", [name])', "x.José"),
        ('Prepend("x.", [missing])', None),
        ("Prepend([missing], [name])", "José"),
        ('Len("abc")', "3"),
        ("Len([name])", "4"),
        ('Len("a😀b")', "4"),
        ("Len(12)", "2"),
        ("Len([missing])", "0"),
        ("Len([empty])", "0"),
        ('IIF(Len([name]) = 4, "yes", "no")', "yes"),
        ('IIF(Len([name]) = "4", "yes", "no")', "yes"),
        ('IIF(Len([number]) < "10", "yes", "no")', "yes"),
        ('IIF(Len([missing]) <> "10", "yes", "no")', "yes"),
        ('Join("-", [name], [missing], [empty], [several], 5)', "José-a-b-a-A-5"),
        ('Join(",", [missing])', ""),
        ("Join([missing], [name], [name])", "JoséJosé"),
        ("Left([name], 9)", "José"),
        ("Mid([missing], 1, 2)", None),
        ("Mid([name], 9, 2)", ""),
        ("Mid([name], 2, 0)", ""),
        ('Mid([name], "2", "2")', "os"),
        ("Mid([name], 2)", "osé"),
        ('Mid("a😀b", 2, 1)', "😀"),
        ('InStr([name], "JO", 1, vbTextCompare)', "1"),
        ('InStr([name], "JO")', "0"),
        ('InStr([name], "s", , "vbBinaryCompare")', "3"),
        ('InStr([missing], "a")', "0"),
        ('InStr([name], "")', "1"),
        ('InStr([name], "J", 9)', "0"),
        ('Word("a,,b", 2, ",")', "b"),
        ('Word("a;b,c", 2, ",;")', "b"),
        ('Word("alone", 1, ",")', "alone"),
        ('Word("a b", 1, "")', "a b"),
        ('Split("One, Two", ",")', ("One", "Two")),
        ('Split("a,,b", ",")', ("a", "", "b")),
        ('Split("a--b", "--")', ("a", "b")),
        ('Split([empty], ",")', None),
        ('StripSpaces(" a\tb c")', "a\tbc"),
        ('Trim("\t a b\n")', "a b"),
        ('Trim(Split("a;b", ";"))', ("a", "b")),
        ("Trim([missing])", None),
        ('ToLower("IİSTΑΣ")', "iİstας".replace("ς", "σ")),
        ('ToLower("IİI", "tr-TR")', "ıiı"),
        ('ToUpper("straße iı")', "STRAßE Iı"),
        ('ToUpper("iı", "az")', "İI"),
        ('ToLower("ABC", "en-US")', "abc"),
        ("ToUpper([missing])", None),
        ('PCase("st john\'s hospital-north/south_east")', "St John'S Hospital-North/South_East"),
        ('PCase("o\'neil-x y", " ")', "O'neil-x Y"),
        ('PCase("élan ÉLAN ßa")', "Élan Élan ßa"),
        ("PCase([missing])", None),
        ('NormalizeDiacritics("Œuvre œ Đuro Ħal Ŵŷ ķ ẞ")', "OEuvre oe Duro Hal Wy k SS"),
        ('NormalizeDiacritics("ðþ が กี 한글 नी")', "ðþ が กี 한글 नी"),
        ("NormalizeDiacritics([missing])", None),
        ("Redact([name])", "José"),
        ("CStr([yes])", "True"),
    ],
)
def test_a_function_on_texts_has_its_documented_result(source: str, expected: Result) -> None:
    assert evaluate(source) == expected


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("Left([name], [empty])", '"" is not a whole number'),
        ('InStr([name], "x", 1, [name])', '"José" is not vbBinaryCompare or vbTextCompare'),
        ("Mid([name], [name], 1)", '"José" is not a whole number'),
        ("Left([name], [missing])", "no value where a number is needed"),
        ("Split([name], [missing])", "Split needs a delimiter"),
    ],
)
def test_a_function_on_texts_fails_for_a_user_with_a_reason(source: str, message: str) -> None:
    with pytest.raises(EvaluationError, match=re.escape(message)):
        evaluate(source)


def test_names_of_cultures_are_checked() -> None:
    with pytest.raises(EvaluationError, match="is not a culture such as"):
        evaluate('ToLower([name], "english!")')
