import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.characters import DeceptiveCharacter, describe_character, find_deceptive_character

INVISIBLE = [
    "\u200b", "\ufeff", "\u00ad", "\u2060", "\u180e", "\u180b", "\u200c", "\u200d", "\u200e", "\u200f", "\u2066",
    "\u202a", "\u202e", "\u061c", "\u034f", "\u115f", "\u1160", "\u3164", "\uffa0", "\u17b4", "\u2800", "\ufe00",
    "\ufe0f", "\U000e0001", "\U000e0061", "\U000e0100", "\U000e01ef", "\ufff9", "\ufffd", "\U0001d173",
]  # fmt: skip
SPACES = ["\u00a0", "\u1680", "\u2000", "\u2007", "\u2009", "\u202f", "\u205f", "\u3000", "\u2028", "\u2029"]


@pytest.mark.parametrize("character", INVISIBLE, ids=ascii)
def test_a_character_that_cannot_be_seen_is_named(character: str) -> None:
    found = find_deceptive_character(f"ada{character}b@example.com")
    assert found == DeceptiveCharacter(3, f"{describe_character(character)}, which cannot be seen")


@pytest.mark.parametrize("character", SPACES, ids=ascii)
def test_a_space_of_another_kind_is_named(character: str) -> None:
    found = find_deceptive_character(f"ada@example.com{character}")
    assert found is not None
    assert found.position == 15
    assert found.text.startswith(describe_character(character))


@pytest.mark.parametrize(
    ("text", "position", "said"),
    [
        ("a\u200bb", 1, "U+200B ZERO WIDTH SPACE, which cannot be seen"),
        ("a\u00a0b", 1, "U+00A0 NO-BREAK SPACE, a space other than U+0020"),
        ("\x85ü", 0, "U+0085, a control character"),
        ("ü\ud800", 1, "U+D800, half of a character"),
        ("ü\ue000", 1, "U+E000, which has no shape of its own"),
        ("ü\uffff", 1, "U+FFFF, which is no character"),
        ("\uff41da@example.com", 0, 'U+FF41 FULLWIDTH LATIN SMALL LETTER A, which looks like "a"'),
        ("ada\uff20example.com", 3, 'U+FF20 FULLWIDTH COMMERCIAL AT, which looks like "@"'),
        ("ada\ufe6bexample.com", 3, 'U+FE6B SMALL COMMERCIAL AT, which looks like "@"'),
        ("ada@example\u3002com", 11, 'U+3002 IDEOGRAPHIC FULL STOP, which looks like "."'),
        ("ada@example\uff0ecom", 11, 'U+FF0E FULLWIDTH FULL STOP, which looks like "."'),
        ("ada@example\uff61com", 11, 'U+FF61 HALFWIDTH IDEOGRAPHIC FULL STOP, which looks like "."'),
        ("ada@example\u2024com", 11, 'U+2024 ONE DOT LEADER, which looks like "."'),
        ("a\u2013b@example.com", 1, 'U+2013 EN DASH, which looks like "-"'),
        ("\ufb01n@example.com", 0, 'U+FB01 LATIN SMALL LIGATURE FI, which looks like "fi"'),
        ("\U0001d4b6da@example.com", 0, 'U+1D4B6 MATHEMATICAL SCRIPT SMALL A, which looks like "a"'),
        ("\u212aate@example.com", 0, 'U+212A KELVIN SIGN, which looks like "K"'),
        # letters of two scripts in one label
        ("\u0430da@example.com", 0, "U+0430 CYRILLIC SMALL LETTER A, among Latin letters"),
        ("ada@ex\u0430mple.com", 6, "U+0430 CYRILLIC SMALL LETTER A, among Latin letters"),
        ("ada.l\u03bfvelace@example.com", 5, "U+03BF GREEK SMALL LETTER OMICRON, among Latin letters"),
        ("\u0456v\u0430n@example.com", 0, "U+0456 CYRILLIC SMALL LETTER BYELORUSSIAN-UKRAINIAN I, among Latin"),
        ("иваn@example.com", 3, "U+006E LATIN SMALL LETTER N, among Cyrillic letters"),
        ("a\u0663b@example.com", 1, "U+0663 ARABIC-INDIC DIGIT THREE, among Latin letters"),
        ("ad\u0561@example.com", 2, "U+0561 ARMENIAN SMALL LETTER AYB, among Latin letters"),
        ("山\u0430da@example.com", 1, "U+0430 CYRILLIC SMALL LETTER A, among Latin letters"),
        ("ad\u13a0@example.com", 2, "U+13A0 CHEROKEE LETTER A, among Latin letters"),
    ],
)  # fmt: skip
def test_a_character_that_passes_for_another_is_found_at_its_place(text: str, position: int, said: str) -> None:
    found = find_deceptive_character(text)
    assert found is not None
    assert (found.position, found.text[: len(said)]) == (position, said)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ada.lovelace@example.com",
        "o'brien+test_1-2@example.com",
        "o\u2019brien@example.com",
        "müller@example.com",
        "Zoë.Łukasz@exämple.de",
        "mu\u0308ller@example.com",
        "straße@example.com",
        "ñandú@example.com",
        "İpek.ıstanbul@example.com",
        "đặng.nguyễn@example.vn",
        "þórður@example.is",
        "ʻokina@example.com",
        "иван.петров@example.com",
        "щербаків.ґанна@приклад.укр",
        "ivan.иван@example.com",
        "γιώργος@example.com",
        "山田太郎@example.com",
        "ヤマダ・タロウ@example.jp",
        "やまだtaro山@example.jp",
        "ﾔﾏﾀﾞ@example.jp",
        "김철수kim@example.kr",
        "王小明wang@example.tw",
        "محمد@example.com",
        "٣محمد@example.com",
        "דוד@example.com",
        "मोहन@example.com",
        "สมชาย@example.com",
        "հայկ@example.com",
        "ნინო@example.com",
        "x@xn--mller-kva.de",
    ],
)
def test_legitimate_names_of_any_script_pass(text: str) -> None:
    assert find_deceptive_character(text) is None


@given(st.text(max_size=40))
def test_any_text_has_a_place_in_it_or_none(text: str) -> None:
    found = find_deceptive_character(text)
    assert found is None or 0 <= found.position < len(text)


def test_a_long_text_takes_no_time() -> None:
    started = time.process_time()
    assert find_deceptive_character("ж" * 60_000) is None
    assert find_deceptive_character("ж." * 30_000 + "a" * 5_000) is None
    assert find_deceptive_character("ж" * 60_000 + "a") is not None
    assert time.process_time() - started < 1
