"""The causes of syntax errors, as libyaml reports them for a text, at their own places."""

import time

import pytest

from reconciler.core.model import Diagnostic
from reconciler.desired.syntax_errors import Mark, ParserError, explain_syntax_error, find_look_alike
from reconciler.desired.yaml_reader import read_document


def place(text: str) -> tuple[int, int, str]:
    """Return line, column and summary of the only error of a document."""
    found: list[Diagnostic] = []
    assert read_document(text.encode(), "f", found.append) is None
    (only,) = found
    assert only.origin is not None
    assert only.detail
    return only.origin.line, only.origin.column, only.summary.removeprefix("not YAML: ")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b\n  <<<<<<< HEAD\n  c: d\n", (2, 3, "an unresolved merge conflict")),
        ("a:\n  - b\n  =======\n", (3, 3, "an unresolved merge conflict")),
        ("a:\n\tb: c\n", (2, 1, "a tab instead of spaces")),
        ("a:\n  \tb: c\n  d: e\n", (2, 3, "a tab instead of spaces")),
        ("-\ta: b\n", (1, 2, "a tab instead of spaces")),
        ("a: b\n\u00a0c: d\n  e: f\n", (2, 1, "a no-break space (U+00A0) instead of a space")),
        ("a: b\nc:\u00a0d\ne: f\n", (2, 3, "a no-break space (U+00A0) instead of a space")),
        ("- a: b\n-\u3000a: c\n", (2, 2, "an invisible or unusual space (U+3000) instead of a space")),
        ("- a: b\n\ufeff- a: c\n", (2, 1, "a byte order mark (U+FEFF) inside of the file")),
        ("a:b\nc: d\n", (1, 3, "no space after the colon")),
        ("a: b\n'c':d\ne: f\n", (2, 5, "no space after the colon")),
        ("- a:b\n  c: d\n", (1, 5, "no space after the colon")),
        ("a: {b:c, d: e}\n", (1, 7, "no space after the colon")),
        ("a: {b: c, d:e}\n", (1, 13, "no space after the colon")),
        ("- a: b\n-a: c\n", (2, 2, "no space after the dash")),
        ("a: b\nc d\ne: f\n", (2, 2, "no colon after the key")),
        ("a: b\nc\n", (2, 2, "no colon after the key")),
        ("a: @b\n", (1, 4, "a value begins with @")),
        ("a: `b`\n", (1, 4, "a value begins with `")),
        ("- %b\n", (1, 3, "a value begins with %")),
        ("a: {b: @c}\n", (1, 8, "a value begins with @")),
        ("a: & b\n", (1, 4, "a value begins with &")),
        ("a: * b\n", (1, 4, "a value begins with *")),
        ("a: | b\n", (1, 4, "a value begins with |")),
        ("a: > b\n", (1, 4, "a value begins with >")),
        ("a: - b\n", (1, 4, "a value begins with -")),
        ("a: ? b\n", (1, 4, "a value begins with ?")),
        ("a: b: c\n", (1, 5, "a colon in the value")),
        ("- a: b: c\n", (1, 7, "a colon in the value")),
        ('a: "b\nc: d\n', (1, 4, "a quote that is not closed")),
        ("a: 'b\nc: d\ne: f\n", (1, 4, "a quote that is not closed")),
        ('a: "b\nc: "d"\n', (1, 4, "a quote that is not closed")),
        ("- {a: 'b, c: d}\n- {a: 'e', c: d}\n", (1, 7, "a quote that is not closed")),
        ("a: 'O'Hara'\n", (1, 7, "text after the closing quote")),
        ('a: "b" c\n', (1, 8, "text after the closing quote")),
        ('a: "CORP\\dada"\n', (1, 9, "a backslash in double quotes")),
        ('a: "\\uda"\n', (1, 7, "a backslash in double quotes")),
        ("a: {b: \u2018c[d]\u2019}\n", (1, 8, "a typographic quote (U+2018)")),
        ("a: [b\nc: d\n", (1, 4, "a [ that is not closed")),
        ("- {a: b\n- {a: c}\n", (1, 3, "a { that is not closed")),
        ("- {a: b,\n   c: d\n   e: f}\n", (3, 5, "no comma before this line")),
        ("a: {b: c}}\n", (1, 10, "a } too many")),
        ("- [b]]\n", (1, 6, "a ] too many")),
        ("a: {b: c(d[e])}\n", (1, 11, "text that is not expected between { and }")),
        ("a: [b] c\n", (1, 8, "text after the end of the value")),
        ("a:\n  b: c\n   d: e\n", (3, 4, "indented by 3 spaces instead of 2")),
        ("a:\n  b: c\n d: e\n", (3, 2, "indented by 1 space instead of 2")),
        ("- a: b\n c: d\n", (2, 2, "indented by 1 space instead of 2")),
        ("- a: b\n\n  # x\nc: d\n", (4, 1, "indented by 0 spaces instead of 2")),
    ],
)
def test_the_cause_is_named_at_its_place(text: str, expected: tuple[int, int, str]) -> None:
    assert place(text) == expected
    windows = text.replace("\n", "\r\n")
    assert place(windows) == expected
    assert place(f"\ufeff# a comment: 'that's all\n{text}") == (expected[0] + 1, *expected[1:])


def test_an_unknown_error_is_shown_as_the_parser_reports_it() -> None:
    found = explain_syntax_error("a: b\n", ParserError("something new", Mark(1, 3), "while scanning"))
    assert (found.summary, found.at) == ("something new, while scanning", Mark(1, 3))
    assert found.detail == "Fix the YAML syntax here; the rest of the file was not read."


@pytest.mark.parametrize(
    "line", ["a:" * 30_000, " " * 60_000, "'" * 60_000, "{, " * 20_000, "- " * 30_000, "\t" * 60_000]
)
def test_long_lines_take_no_time(line: str) -> None:
    text = "\n".join(["a: b", line] * 20)
    started = time.monotonic()
    for problem, context in (
        ("did not find expected key", "while parsing a block mapping"),
        ("x", "scanning a simple key"),
    ):
        explain_syntax_error(text, ParserError(problem, Mark(40, 1), context, Mark(2, 1)))
    assert time.monotonic() - started < 5


def test_the_index_of_a_look_alike_is_that_of_its_character() -> None:
    assert [
        find_look_alike(text, key=True) and find_look_alike(text, key=True).index
        for text in ("a", "a\u00a0", "\u200ba")
    ] == [  # type: ignore[union-attr]
        None,
        1,
        0,
    ]
    assert find_look_alike("a\u00a0", key=False) is None
