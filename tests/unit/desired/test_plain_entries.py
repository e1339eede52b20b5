"""What is read without libyaml is what libyaml reads: items, order, places and errors."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from reconciler.core.model import Diagnostic
from reconciler.desired import plain_entries, yaml_reader
from reconciler.desired.plain_entries import read_plain_entries
from reconciler.desired.yaml_reader import read_items

ADA = '- userPrincipalName: ada@example.com\n  givenName: Ada\n  surname: "Lovelace: # & *"\n'
BOB = "- userPrincipalName: bob@example.com\n  surname: O'Neil van der Berg\n"
Event = tuple[Any, ...]


def read(text: str) -> list[Event]:
    """Everything that reading shows, in order: entries with all places, and diagnostics."""
    events: list[Event] = []

    def report(found: Diagnostic) -> None:
        events.append(("diagnostic", found))

    for item in read_items(text.encode(), "f.yaml", report):
        keys = [(item.key_origin(key), item.value_origin(key)) for key in item]
        events.append(("entry", list(item.items()), item.origin, item.mark.line, item.mark.column, keys))
    return events


def read_by_libyaml(text: str) -> list[Event]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml_reader, "read_plain_entries", lambda _text, _build: iter([None]))
        return read(text)


_VALUES = st.one_of(
    st.sampled_from(
        [
            "Ada",
            "null",
            "~",
            "0012",
            "R&D",
            '"a: b"',
            '""',
            '"null"',
            "O'Neil",
            "Zoë",
            "山田",
            "a  b",
            "a ",
            "x:y",
            "x #y",
        ]
    ),
    st.sampled_from(
        ["[a, b]", "{a: b}", "'q'", '"a\\tb"', "|\n    block", ">-", "&a x", "*a", "!t x", '"open', "@x", "%x"]
    ),
    st.text("ab :#-'\"&,?!|>%@`[]{}é\u00a0\u2028\t\\.", max_size=6),
)
_KEYS = st.sampled_from(["a", "b", "userPrincipalName", "null", "<<", "a b", '"q"', "é", "1", "?", "y"])
_INDENTS = st.sampled_from(["- ", "  ", "  ", "  ", " ", "   ", "", "-  ", "    "])
_LINES = st.one_of(
    st.builds(
        "{}{}: {}".format, st.sampled_from(["- ", "  ", "  ", "  ", " ", "   ", "", "-  ", "    "]), _KEYS, _VALUES
    ),
    st.sampled_from(
        [
            "",
            "# comment",
            "  # comment",
            "   ",
            "---",
            "...",
            "%YAML 1.2",
            "- x",
            "- [a]",
            "  more",
            "    more",
            "\r",
            "-",
            "- - a: b",
        ]
    ),
)
_TEXTS = st.lists(_LINES, max_size=9).map("\n".join)
_ENTRIES = st.lists(st.sampled_from([ADA, BOB, "\n", "# comment\n", ""]), max_size=4).map("".join)


@settings(max_examples=500)
@given(_ENTRIES, _TEXTS, st.sampled_from(["\n", "", "\n\n", "\n# end"]), _ENTRIES)
@example(ADA, "    continued", "\n", BOB)
@example(ADA, "\n    continued", "\n", BOB)
@example(ADA, "  givenName: again", "\n", BOB)
@example(ADA, "- null", "\n", BOB)
@example(ADA, '- a: "open\n- b: c"', "\n", BOB)
@example(ADA, "---", "\n", BOB)
@example(ADA + BOB, "- a: b\n  c: null", "\n", ADA)
@example("\ufeff", ADA, "", "")
@example("", "", "", "")
def test_plain_entries_are_what_libyaml_reads(first: str, text: str, end: str, last: str) -> None:
    whole = first + text + end + last
    assert read(whole) == read_by_libyaml(whole)


@given(st.text(), st.text())
def test_any_value_is_what_libyaml_reads(plain: str, quoted: str) -> None:
    text = f'{ADA}- a: {plain}\n  b: "{quoted}"\n{BOB}'
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    assert read(text) == read_by_libyaml(text)


def shapes(text: str) -> list[Any]:
    return list(read_plain_entries(text, lambda line: {"": line}))


def test_plain_files_need_no_libyaml() -> None:
    text = f"# users\n{ADA}\n{BOB}\n   # more\n\n{ADA}"
    assert [item and item[""] for item in shapes(text)] == [1, 5, 10]
    assert shapes(ADA)[0] == {
        "": 0,
        "userPrincipalName": "ada@example.com",
        "givenName": "Ada",
        "surname": "Lovelace: # & *",
    }


@pytest.mark.parametrize(
    "last",
    [
        "- a: [b]\n",
        "- a: 'b'\n",
        "- {a: b}\n",
        "- a: b",
        "- a: b: c\n",
        "- a: b #c\n",
        "- a: null\n",
        "- a: b\n  a: b\n",
    ],
)
def test_an_entry_is_kept_back_until_what_follows_is_known(last: str) -> None:
    assert [item and item[""] for item in shapes(ADA + BOB + last)] == [0, None]


def test_entries_of_too_many_shapes_are_for_libyaml(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_entries, "_MAX_SHAPES", 1)
    assert [item and item[""] for item in shapes(ADA + ADA + BOB)] == [0, None]


def test_an_entry_may_have_more_keys_than_the_one_before() -> None:
    assert [item and item[""] for item in shapes(BOB + BOB + "  city: Leeds\n" + BOB)] == [0, 2, 5]
