import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.expressions import CONTEXT

from reconciler.expressions import casing
from reconciler.expressions.language import (
    compile_expression,
)


@given(st.text(max_size=30))
def test_case_never_changes_a_length(text: str) -> None:
    for name in ("ToLower", "ToUpper", "PCase"):
        found = compile_expression(f"{name}([a])").evaluate({"a": text}, CONTEXT)
        assert len(str(found)) == len(text)


@pytest.mark.parametrize(
    ("text", "culture", "lower", "upper"),
    [
        ("Straße", "", "straße", "STRAßE"),
        ("Iıİi", "", "iıİi", "IıİI"),
        ("Iıİi", "tr-TR", "ııii", "IIİİ"),
        ("Iıİi", "az", "ııii", "IIİİ"),
        ("Iı", "TR", "ıı", "II"),
        ("ÉΣ", "de", "éσ", "ÉΣ"),
    ],
)
def test_case_is_changed_as_in_dotnet(text: str, culture: str, lower: str, upper: str) -> None:
    assert (casing.lower(text, culture), casing.upper(text, culture)) == (lower, upper)


@pytest.mark.parametrize("name", ["", "tr", "en-US", "zh-Hans-CN", "sr-Cyrl-RS"])
def test_names_of_cultures_have_a_form(name: str) -> None:
    assert casing.is_culture(name)


@pytest.mark.parametrize("name", ["e", "english", "en_US", "en-", "en-US\n", "a-b-c-d-e"])
def test_other_names_are_not_cultures(name: str) -> None:
    assert not casing.is_culture(name)


def test_words_end_at_separators_or_at_punctuation() -> None:
    assert casing.title("mary-ann O'NEIL smith_jones") == "Mary-Ann O'Neil Smith_Jones"
    assert casing.title("mary-ann O'NEIL smith_jones", " ") == "Mary-ann O'neil Smith_jones"


def test_diacritics_are_removed_and_other_letters_stay() -> None:
    assert casing.strip_diacritics("Crème Brûlée Łódź Øre ß ı đ") == "Creme Brulee Lodz OEre ss i d"
    assert casing.strip_diacritics("ð þ 東京 नी") == "ð þ 東京 नी"
