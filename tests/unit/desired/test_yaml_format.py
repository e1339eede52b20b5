"""Every scalar is one line that every YAML reader reads as the same text."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from reconciler.core.text import escape_control, escape_line
from reconciler.desired.yaml_format import format_quoted, format_scalar, format_value, is_plain
from reconciler.desired.yaml_reader import read_document

HOSTILE = [
    "0012", "0o17", "0x1F", "1_000", "1e3", "1E5", "12:30", "190:20:30", "+1", "-1", ".5", "1.", ".inf",
    ".NaN", "2024-01-01", "2024-01-01T10:00:00Z", "No", "no", "y", "Y", "N", "on", "OFF", "Yes", "TRUE",
    "False", "null", "Null", "~", "", " ", "  a  ", "=", "=1+1", "<<", "a\n- b: c", "x\r\ny", "\u2028- a",
    "\u2029", "\x85", "\u202eabc", "\ufeff", "\ufffe", "\uffff", "\x00\x1b[31m", "}}]", "[a", "a]", "a, b",
    "'", "''", '"', "\\", "\\n", "# a", "a #b", "a: b", "a:", ":a", "- ", "? ", "*a", "&a", "!!x", "%", "@",
    "`", "|", ">", "##[error]x", "::error::x", ":::", "::::", "---", "...", "{{ x }}", "\U000e0001", "a\ufe0f",
    "\u3164", "a\u00a0b", "O'Brien", "O’Brien", "Müller", "渡辺", "Route 66", "a - b", "a -b", "A & B", "😀",
    "e\u0301", "a ", "a  b", "a- b",
]  # fmt: skip
texts = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))
FORMATS: list[Callable[[str], str]] = [
    format_scalar,
    format_value,
    lambda text: format_value(text, "'"),
    lambda text: format_value(text, '"'),
]


def load(version: str, content: str) -> Any:
    yaml = YAML(typ="safe", pure=True)
    yaml.version = version  # type: ignore[assignment]
    return yaml.load(io.BytesIO(content.encode()))


@given(texts, st.sampled_from(FORMATS), st.sampled_from(["- a: {}\n", "- {{a: {}, b: c}}\n", "- a: [b, {}, c]\n"]))
def test_every_reader_reads_the_same_text(text: str, form: Callable[[str], str], place: str) -> None:
    content = place.format(form(text))
    assert len(content.splitlines()) == 1
    said: list[Any] = []
    ours = read_document(content.encode(), "x.yaml", said.append)
    assert said == []
    for found in (ours, load("1.1", content), load("1.2", content)):
        value = found[0]["a"]
        assert (value[1] if isinstance(value, list) else value) == text


@given(texts, st.sampled_from(FORMATS))
def test_no_text_hides_or_commands(text: str, form: Callable[[str], str]) -> None:
    written = form(text)
    assert escape_control(written) == written
    assert escape_line(written) == written
    assert "::" not in written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Ada", "Ada"),
        ("Müller", "Müller"),
        ("O'Brien", "O'Brien"),
        ("Route 66", "Route 66"),
        ("ada@example.com", "ada@example.com"),
        ("0012", '"0012"'),
        ("No", '"No"'),
        ("1E5", '"1E5"'),
        ("2024-01-01", '"2024-01-01"'),
        ("~", '"~"'),
        ("=1+1", '"=1+1"'),
        ("Smith, Ada", '"Smith, Ada"'),
        ("a\nb", '"a\\u000ab"'),
        ("::error::x", '":\\x3aerror:\\x3ax"'),
    ],
)
def test_quotes_are_used_where_they_are_needed(text: str, written: str) -> None:
    assert format_value(text) == written


def test_the_quotes_of_the_replaced_value_stay_where_they_can() -> None:
    assert format_value("Ada", "'") == "'Ada'"
    assert format_value("O'Brien", "'") == "'O''Brien'"
    assert format_value("a\nb", "'") == '"a\\u000ab"'
    assert format_quoted('say "a"') == '"say \\"a\\""'


def test_words_of_other_readers_are_not_plain() -> None:
    assert not any(map(is_plain, ("yes", "Off", "NULL", "n", "12", "a:b", "a, b", " a", "a ", "a  b", "-a")))
