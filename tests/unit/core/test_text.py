import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.core.text import escape_control, escape_line, format_names, normalize, pluralize, quote, shorten

ANYTHING = st.text(st.characters(exclude_categories=()))
"""Lone surrogates included: a service may send them."""


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("a\r\nb", r"a\r\nb"),
        ("a\tb", r"a\tb"),
        ("\x00", r"\u{0}"),
        ("\x08", r"\u{8}"),
        ("\x0b\x0c", r"\u{b}\u{c}"),
        ("\x1b[2J", r"\u{1b}[2J"),
        ("\x7f", r"\u{7f}"),
        ("\x85", r"\u{85}"),
        ("\x9b2J", r"\u{9b}2J"),
        ("so\u00adft", r"so\u{ad}ft"),
        ("\u061c", r"\u{61c}"),
        ("\u115f\u1160\u3164\uffa0", r"\u{115f}\u{1160}\u{3164}\u{ffa0}"),
        ("\u180e", r"\u{180e}"),
        ("a\u200bb\u200d\u200e\u200f", r"a\u{200b}b\u{200d}\u{200e}\u{200f}"),
        ("a\u2028b\u2029c", r"a\u{2028}b\u{2029}c"),
        ("\u202egnp.exe", r"\u{202e}gnp.exe"),
        ("\u2066x\u2069", r"\u{2066}x\u{2069}"),
        ("\ufeffa", r"\u{feff}a"),
        ("\ufff9a\ufffab\ufffb", r"\u{fff9}a\u{fffa}b\u{fffb}"),
        ("\U000e0001\U000e0041", r"\u{e0001}\u{e0041}"),
        ("\U000e0100", r"\u{e0100}"),
        ("\ud800", r"\u{d800}"),
        ("::error::x", "::error::x"),
        ("##[error]x ###[group]", r"#\u{23}[error]x ##\u{23}[group]"),
        ("Zoë Ångström 山田 🙂", "Zoë Ångström 山田 🙂"),
        ("", ""),
    ],
)
def test_what_could_move_hide_reorder_or_break_text_is_shown_as_an_escape(hostile: str, shown: str) -> None:
    assert escape_control(hostile) == shown


def test_every_control_separator_and_surrogate_of_unicode_is_escaped() -> None:
    suspected_causes = [
        chr(code) for code in range(0x110000) if unicodedata.category(chr(code)) in ("Cc", "Zl", "Zp", "Cs")
    ]
    assert [character for character in suspected_causes if character in escape_control(f"a{character}é")] == []


@pytest.mark.parametrize(
    "character", ["\u034f", "\u17b4", "\u180b", "\u180f", "\ufe00", "\ufe0f", "\U0001bca0", "\U0001d173"]
)
def test_every_invisible_character_is_escaped(character: str) -> None:
    assert escape_control(f"a{character}b") == f"a\\u{{{ord(character):x}}}b"


@given(ANYTHING)
def test_a_printable_text_is_one_line_and_stays_what_it_is(text: str) -> None:
    shown = escape_control(text)
    assert len(shown.splitlines()) <= 1
    assert "\x1b" not in shown
    assert escape_control(shown) == shown
    shown.encode()


@given(ANYTHING, ANYTHING)
def test_two_quoted_texts_look_alike_only_when_they_are_equal(one: str, other: str) -> None:
    assert (quote(one) == quote(other)) == (one == other)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ada", '"Ada"'),
        ('a"b', r'"a\"b"'),
        ("a\\b", r'"a\\b"'),
        ('\\"', r'"\\\""'),
        ("a\nb", r'"a\nb"'),
        ("a\\nb", r'"a\\nb"'),
        ("", '""'),
    ],
)
def test_quotes_and_backslashes_are_escaped_before_the_rest(text: str, shown: str) -> None:
    assert quote(text) == shown


def test_a_long_text_is_cut_with_the_number_of_omitted_characters() -> None:
    assert shorten("x" * 10, 10) == "x" * 10
    assert shorten("x" * 12, 10) == "xxxxxxxxxx… (2 more characters)"


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 users"), (1, "1 user"), (2, "2 users"), (1_234, "1,234 users"), (-1, "-1 users")]
)
def test_nouns_follow_the_number(count: int, text: str) -> None:
    assert pluralize(count, "user") == text


def test_an_irregular_plural_can_be_given() -> None:
    assert pluralize(2, "entry", "entries") == "2 entries"
    assert pluralize(1, "entry", "entries") == "1 entry"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("  Ada ", "Ada"),
        ("A\u030angstro\u0308m", "Ångström"),
        ("\u00a0Ada\u2003", "Ada"),
        ("a  b", "a  b"),
        ("   ", ""),
    ],
)
def test_normal_text_has_no_space_around_it_and_composed_characters(text: str, value: str) -> None:
    assert normalize(text) == value


@given(ANYTHING)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    assert normalize(normalize(text)) == normalize(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("::error::x", r"\u{3a}:error::x"),
        (" \u2003::x", " \u2003\\u{3a}:x"),
        ("a ::x", "a ::x"),
        (":x", ":x"),
        ("", ""),
    ],
)
def test_no_line_begins_with_a_workflow_command(text: str, shown: str) -> None:
    assert escape_line(text) == shown


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["a"], '"a"'),
        (["a", "b", "c"], '"a", "b", "c"'),
        (["a", "b", "c", "d"], '"a", "b", "c" and 1 more'),
        (["a\nb"], '"a\\nb"'),
    ],
)
def test_three_names_are_shown_in_quotes(names: list[str], shown: str) -> None:
    assert format_names(names, limit=3) == shown
