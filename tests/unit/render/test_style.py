import pytest

from reconciler.render.style import BOLD, HIDDEN, RED, Style, hide_words


def test_text_is_painted_only_with_colours() -> None:
    assert Style(colour=True).paint("x", BOLD, RED) == "\x1b[1m\x1b[31mx\x1b[0m"
    assert Style().paint("x", BOLD, RED) == "x"
    assert Style(colour=True).paint("", BOLD) == "", "no codes around nothing"


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        (Style(), '"a\\"\\\\\\n"'),
        (Style(redact=True), HIDDEN),
        (Style(longest=2), '"a\\"… (2 more characters)"'),
    ],
)
def test_a_value_is_quoted_escaped_shortened_or_hidden(style: Style, shown: str) -> None:
    assert style.value('a"\\\n') == shown


@pytest.mark.parametrize(
    ("style", "shown"),
    [
        (Style(), 'no user "ada\\u{1b}" here'),
        (Style(redact=True), "no user (hidden) here"),
        (Style(longest=2), 'no user "a… (9 more characters)'),
    ],
)
def test_a_message_is_escaped_and_may_be_five_times_as_long_as_a_value(style: Style, shown: str) -> None:
    assert style.message('no user "ada\x1b" here') == shown


def test_words_are_hidden_where_they_are_words() -> None:
    words = ["ada", "of/ada", "a\x1bb"]
    text = 'cannot read of/ada/x.json: "ada" is not ada.json, adam, nada or a-ada; a\\u{1b}b and a\x1bb'
    assert hide_words(text, words) == (
        'cannot read (hidden)/x.json: "(hidden)" is not (hidden).json, adam, nada or a-ada; (hidden) and (hidden)'
    )
    assert hide_words("ada", []) == "ada"
