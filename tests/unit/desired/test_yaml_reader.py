import gc
from collections.abc import Callable
from typing import Any

import pytest

from reconciler.core.model import Diagnostic, Origin, Severity, error, warning
from reconciler.desired import yaml_reader, yaml_text
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.desired.yaml_reader import read_document, read_items

REST = "The rest of the file was not read."
AS_TEXT = "If it is text, put the value in double quotes."


def document(text: str | bytes) -> tuple[Any, list[Diagnostic]]:
    messages: list[Diagnostic] = []
    return read_document(text.encode() if isinstance(text, str) else text, "f.yaml", messages.append), messages


def items(text: str | bytes) -> tuple[list[YamlMapping], list[Diagnostic]]:
    messages: list[Diagnostic] = []
    return list(read_items(text.encode() if isinstance(text, str) else text, "f.yaml", messages.append)), messages


def at(line: int, column: int) -> Origin:
    return Origin("f.yaml", line, column)


def places(messages: list[Diagnostic]) -> list[tuple[int, int, str]]:
    return [(item.origin.line, item.origin.column, item.summary) for item in messages if item.origin]


# --- scalars ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("No", "No"),
        ("yes", "yes"),
        ("on", "on"),
        ("True", "True"),
        ("false", "false"),
        ("Null", "Null"),
        ("NULL", "NULL"),
        ("0012", "0012"),
        ("0o17", "0o17"),
        ("0x1F", "0x1F"),
        ("1e3", "1e3"),
        ("1_000", "1_000"),
        ("-0", "-0"),
        ("12:30", "12:30"),
        (".inf", ".inf"),
        (".NaN", ".NaN"),
        ("2026-12-01", "2026-12-01"),
        ("2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z"),
        ("=", "="),
        ("<<", "<<"),
        ("'No'", "No"),
        ('"~"', "~"),
        ('""', ""),
        ("''", ""),
        (r'"\x41\n"', "A\n"),
        ("a # comment", "a"),
        ("'a # no comment'", "a # no comment"),
        ("~", None),
        ("", None),
        ("|\n  x\n  y", "x\ny\n"),
        (">\n  x\n  y", "x y\n"),
        ("Zoë 山田 🙂", "Zoë 山田 🙂"),
    ],
)
def test_scalars_are_read_as_written(written: str, value: str | None) -> None:
    assert document(f"a: {written}\n") == ({"a": value}, [])
    assert items(f"- a: {written.replace(chr(10), chr(10) + '  ')}\n") == ([{"a": value}], [])


def test_null_is_read_as_text_with_a_warning() -> None:
    assert document('a: null\nb: "null"\n') == (
        {"a": "null", "b": "null"},
        [
            warning(
                'null is read as the text "null"',
                'For "no value" write ~ or leave the key out; for the text write "null" in quotes.',
                at(1, 4),
            )
        ],
    )


def test_lists_keep_their_unassigned_items() -> None:
    assert document('a: [x, ~, "", y]\nb:\n  - c\n  -\n') == ({"a": ["x", None, "", "y"], "b": ["c", None]}, [])


# --- what is not read ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "left", "messages"),
    [
        (
            "a: b\nc: d\nc: e\n",
            {"a": "b", "c": "d"},
            [error('key "c" is given twice', "Keep one of them; the first is on line 2.", at(3, 1))],
        ),
        (
            "a: b\nc: d\na: e\nc: f\n",
            {"a": "b", "c": "d"},
            [error('key "a" is given twice', "Keep one of them; the first is on line 1.", at(3, 1))],
        ),
        (
            "a: &x b\n",
            {"a": "b"},
            [error('anchor "&x" is not allowed', f"Write values out: anchors are not read. {AS_TEXT}", at(1, 4))],
        ),
        (
            "a: *x\n",
            {"a": None},
            [error('alias "*x" is not allowed', f"Write the value out: aliases are not read. {AS_TEXT}", at(1, 4))],
        ),
        (
            "a: {<<: {b: c}, d: e}\n",
            {"a": {"d": "e"}},
            [error("merge key << is not allowed", "Write the keys out: merges are not read.", at(1, 5))],
        ),
        ('"<<": b\n', {"<<": "b"}, []),
        (
            "a: !!int 3\n",
            {"a": "3"},
            [error('tag "tag:yaml.org,2002:int" is not allowed', f"Remove it: tags are not read. {AS_TEXT}", at(1, 4))],
        ),
        (
            "a: !!python/object/apply:os.system [id]\n",
            {"a": ["id"]},
            [
                error(
                    'tag "tag:yaml.org,2002:python/object/apply:os.system" is not allowed',
                    f"Remove it: tags are not read. {AS_TEXT}",
                    at(1, 4),
                )
            ],
        ),
        (
            "a: ! b\n",
            {"a": "b"},
            [error('tag "!" is not allowed', f"Remove it: tags are not read. {AS_TEXT}", at(1, 4))],
        ),
        (
            "&k a: b\n",
            {"a": "b"},
            [error('anchor "&k" is not allowed', f"Write values out: anchors are not read. {AS_TEXT}", at(1, 1))],
        ),
        ("? [a, b]\n: c\nd: e\n", {"d": "e"}, [error("a key must be plain text", "Write `key: value`.", at(1, 3))]),
        (
            "%TAG !e! tag:x,2000:\n---\na: b\n",
            {"a": "b"},
            [error("%TAG directives are not read", "Remove the line.", at(1, 1))],
        ),
        ("%YAML 1.1\n---\na: b\n...\n", {"a": "b"}, []),
        (
            "a: b\n---\nc: d\n",
            None,
            [error("more than one document in the file", "Keep one document: remove the line `---`.", at(2, 1))],
        ),
        ("", None, []),
        ("# nothing\n", None, []),
        ("---\n", None, []),
        (
            "a: b: c\n",
            None,
            [
                error(
                    "not YAML: a colon in the value",
                    f"Put the value in double quotes: a colon and a space begin a value. {REST}",
                    at(1, 5),
                )
            ],
        ),
        (
            "a:\n\t- b\n",
            None,
            [
                error(
                    "not YAML: a tab instead of spaces",
                    f"YAML is indented with spaces: replace the tab. {REST}",
                    at(2, 1),
                )
            ],
        ),
        (
            b"a: b\nc: \x00\n",
            None,
            [error("not YAML: a control character", "Remove it: YAML is printable text.", at(2, 4))],
        ),
        (
            'a: b\nc: "\x1b[2J"\n',
            None,
            [error("not YAML: a control character", "Remove it: YAML is printable text.", at(2, 5))],
        ),
    ],
)
def test_what_is_not_read_is_reported_at_its_origin(text: str | bytes, left: Any, messages: list[Diagnostic]) -> None:
    assert document(text) == (left, messages)


@pytest.mark.parametrize("character", ["\u0085", "\u2028", "\u2029", "\r"])
def test_a_line_break_that_editors_do_not_see_is_refused(character: str) -> None:
    # libyaml counts it, editors do not: every place named after it would be wrong
    left, (message,) = document(f'a: b\nc: "d{character}e"\n')
    assert (left, message.origin) == (None, at(2, 6))
    assert message.summary.startswith("an unusual line break")


@pytest.mark.parametrize("unwanted", [b"\xff", b"\x07", b"\xe2\x80\xa8"])
def test_every_column_is_counted_in_characters(unwanted: bytes) -> None:
    _, (mistake,) = document("é: ".encode() + b'"' + unwanted + b'"')
    assert mistake.origin == at(1, 5)


def test_all_errors_of_a_file_are_reported_not_only_the_first() -> None:
    _, messages = items("- a: &x b\n- c: *x\n- d: 1\n  d: 2\n- plain\n")
    assert places(messages) == [
        (1, 6, 'anchor "&x" is not allowed'),
        (2, 6, 'alias "*x" is not allowed'),
        (4, 3, 'key "d" is given twice'),
        (5, 3, "expected a mapping"),
    ]


# --- lists of entries -----------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["[]", "[ ]\n", "# nothing\n[]\n", "---\n[]\n...\n"])
def test_an_empty_list_lists_nothing(text: str) -> None:
    assert items(text) == ([], [])


@pytest.mark.parametrize("text", ["", " \n\n", "# nothing\n", "---\n", "--- # a\n...\n", "\ufeff", '""', "!x", "&x"])
def test_an_empty_file_is_an_error(text: str) -> None:
    assert items(text) == ([], [error("the file is empty", "", at(1, 1))])


@pytest.mark.parametrize("text", ["a: b\n", "a\n", "~\n", "null\n"])
def test_what_is_no_list_is_reported(text: str) -> None:
    assert items(text) == (
        [],
        [error("the file must be a list", "Start each entry with a dash: `- key: value`.", at(1, 1))],
    )


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ('{"value": [{"a": "b"}]}', "It is one JSON object. Keep only the list in it: begin with [ and end with ]."),
        ("users:\n  - a: b\n", "Remove the line `users:`: the file is this list itself."),
        ("ada:\n  - a: b\n", "Start each entry with a dash: `- key: value`."),
    ],
)
def test_a_list_that_is_wrapped_is_taken_out(text: str, detail: str) -> None:
    assert items(text) == ([], [error("the file must be a list", detail, at(1, 1))])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("- a: {{ b }}\n", (1, 6, "{{ without quotes")),
        ("- a: {{ b }} c\n", (1, 6, "{{ without quotes")),
        ("- {a: {{ b }}}\n", (1, 7, "{{ without quotes")),
        ("- {a: Join(x, [b], [c])}\n", (1, 15, "a list where a key is expected")),
        ("- a:b\n", (1, 5, "no space after the colon")),
        ("- a\u00a0: b\n", (1, 4, "a no-break space (U+00A0) instead of a space")),
        ("- \ufeffa: b\n", (1, 3, "a byte order mark (U+FEFF) inside of the file")),
        ("- a: \u201cb\u201d\n", (1, 6, "a typographic quote (U+201C)")),
        ("- a: [\u201eb\u201c]\n", (1, 7, "a typographic quote (U+201E)")),
        ("- \u2018a\u2019: b\n", (1, 3, "a typographic quote (U+2018)")),
    ],
)
def test_text_that_yaml_reads_as_something_else_is_one_error(text: str, message: tuple[int, int, str]) -> None:
    assert places(items(f"{text}- c: d\n  e: &f g\n")[1])[:1] == [message]
    assert places(items(text)[1]) == [message]


@pytest.mark.parametrize(
    "text",
    [
        "- a: b\u00a0c\n",
        "- a: \u00a0b\u00a0\n",
        '- a: "\u201cb\u201d"\n',
        "- a: \u00abb\u00bb c\n",
        "- a: |\n    \u00a0b\n",
        "\ufeff- a: b\n",
    ],
)
def test_values_may_have_such_characters(text: str) -> None:
    found, messages = items(text)
    assert (len(found), messages) == (1, [])


def test_a_missing_dash_is_one_error() -> None:
    _, messages = items("- a: b\n  c: d\n  a: e\n  c: f\n- g: {h: i, h: j}\n")
    assert messages == [
        error(
            'a dash is missing: key "a" is given twice in one entry',
            "The first is on line 1, so another entry begins here or just above. Write a dash before its first key,"
            " such as `- a: …`.",
            at(3, 3),
        ),
        error('key "h" is given twice', "Keep one of them; the first is on line 5.", at(5, 13)),
    ]


def test_an_entry_that_a_syntax_error_cuts_off_is_not_read() -> None:
    found, messages = items("- a: b\n- c: d\n\u00a0\u00a0e: f\n")
    assert found == [{"a": "b"}]
    assert places(messages) == [(3, 1, "not YAML: a no-break space (U+00A0) instead of a space")]


def test_what_is_no_mapping_is_reported_and_the_others_are_read() -> None:
    found, messages = items("- a: b\n- c\n- [d]\n-\n- e: f\n")
    assert found == [{"a": "b"}, {"e": "f"}]
    assert places(messages) == [
        (2, 3, "expected a mapping"),
        (3, 3, "expected a mapping"),
        (4, 2, "expected a mapping"),
    ]


def test_entries_before_a_syntax_error_are_read() -> None:
    found, messages = items("- a: b\n- c: [\n")
    assert (found, len(messages)) == ([{"a": "b"}], 1)


# --- files that mean harm: bounded by what is reported, not by a clock -----------------------------


def test_a_billion_laughs_are_not_laughed() -> None:
    lines = ["a: &a [lol, lol, lol]"]
    for one, other in zip("abcdefghijklmnopqrstuvwxy", "bcdefghijklmnopqrstuvwxyz", strict=True):
        lines.append(f"{other}: &{other} [{', '.join([f'*{one}'] * 9)}]")
    _, messages = document("\n".join(lines))
    assert len(messages) == yaml_reader.MAX_DIAGNOSTICS + 1
    assert messages[-1].summary == "more than 50 errors; the rest of the file was not read"


def test_a_chain_of_merges_is_not_followed() -> None:
    text = "".join(f"- &m{number}\n  <<: [*m{number}, *m{number}]\n" for number in range(1_000))
    _, messages = items(text)
    assert len(messages) == yaml_reader.MAX_DIAGNOSTICS + 1


@pytest.mark.parametrize("read", [document, items])
@pytest.mark.parametrize("unit", ["[", "{a: ", "- "])
def test_two_hundred_thousand_brackets_are_refused_at_the_first_that_is_too_deep(
    read: Callable[[str], tuple[Any, list[Diagnostic]]], unit: str
) -> None:
    flow = unit in ("[", "{a: ")
    text = "\n".join([unit * 10_000] * 20) if flow else unit * 30_000
    (messages,) = read(text)[1]
    assert messages.summary in {
        f"nested more than {yaml_reader.MAX_DEPTH} levels deep",
        "the file must be a list",
    }
    assert messages.origin is not None
    assert messages.origin.line == 1


def test_keys_that_are_mappings_nest_no_deeper_than_others() -> None:
    _, messages = document("? " * 3_000)
    assert messages[0].summary == f"nested more than {yaml_reader.MAX_DEPTH} levels deep"


def test_nesting_is_taken_up_to_its_limit() -> None:
    for depth, error_messages in ((yaml_reader.MAX_DEPTH, 0), (yaml_reader.MAX_DEPTH + 1, 1)):
        assert len(document("[" * depth + "]" * depth)[1]) == error_messages


def test_a_line_is_taken_up_to_its_limit() -> None:
    longest = "a: " + "x" * (yaml_text.MAX_LINE - 3)
    assert document(longest)[1] == []
    assert document(f"b: c\n{longest}x\n") == (
        None,
        [error("a line longer than 65,536 bytes", "Break the line.", at(2, 1))],
    )


def test_a_file_is_taken_up_to_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yaml_text, "MAX_BYTES", 1024 * 1024)
    text = ("# " + "x" * 1021 + "\n") * 1024
    assert document(text) == (None, [])
    assert document(text + "#") == (None, [error("larger than 1 MiB", "Split the file.", at(1, 1))])


def test_after_fifty_errors_the_rest_is_not_read() -> None:
    found, messages = items("- &a x: y\n" * 200)
    assert len(messages) == 51
    assert messages[-1] == error("more than 50 errors; the rest of the file was not read", "", at(50, 3))
    assert len(found) == 49
    assert all(item.severity is Severity.ERROR for item in messages)


@pytest.mark.parametrize("text", ["- a: b\n", "- a: [b]\n"], ids=["read without libyaml", "read by libyaml"])
def test_nothing_of_a_file_is_kept_when_it_was_read(text: str) -> None:
    """A cycle would keep all files until the collector runs, which a worker with large objects may never see."""
    gc.collect()
    gc.disable()
    try:
        assert list(read_items(text.encode(), "users/a.yaml", lambda _: None))
        assert gc.collect() == 0
    finally:
        gc.enable()
