"""What is written can be read again, whatever the schema contains."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.entra_schemas import USUAL, clause, function, group, imported, row, schema, users
from support.laws import examples

from reconciler.core.text import escape_control
from reconciler.desired.yaml_format import format_scalar
from reconciler.desired.yaml_reader import read_document, read_items
from reconciler.entra.yaml_writer import format_comment, remove_header, render_filters, render_mappings, render_scope

EVIL = [
    "a\n- {target: userName, constant: x}", "x\r\ny", "\u2028- a", "\u2029", "\x85", "\u202eabc", "\ufeff", "\ufffe",
    "\x00\x1b[31m", "}}]", "'", "''", '"', "\\", "\\n", "# a", " #b", ": ", "- ", "? ", "*a", "&a", "!!x", "%", "@",
    "`", "|", ">", "null", "~", "", " ", "  a  ", "true", "No", "0012", "1e3", "<<", "##[error]x", "::error::x", "---",
    "...", "{{ x }}", "\U000e0001", "a\ufe0f", "\u3164",
]  # fmt: skip
texts = st.one_of(st.sampled_from(EVIL), st.text(max_size=20)).map(
    lambda text: text.encode("utf-8", "replace").decode()
)


def document_of(text: str) -> Any:
    said: list[Any] = []
    found = read_document(text.encode(), "x.yaml", said.append)
    assert said == [], text
    return found


@given(texts)
@pytest.mark.parametrize("form", ["{{a: {}}}\n", "a: {}\n", "- {{b: c, a: {}, d: e}}\n"])
def test_a_scalar_is_one_line_and_reads_as_it_was(form: str, text: str) -> None:
    written = form.format(format_scalar(text))
    assert len(written.splitlines()) == 1
    found = document_of(written)
    assert (found[0] if isinstance(found, list) else found)["a"] == text
    assert escape_control(written.rstrip("\n")) == written.rstrip("\n")


@given(texts)
def test_a_comment_stays_a_comment(text: str) -> None:
    lines = list(format_comment(text, "  "))
    assert all(re.match(r"  #( |$)", line) and len(line) <= 116 for line in lines)
    assert document_of("a: b\n" + "\n".join(lines) + "\nc: d\n") == {"a": "b", "c": "d"}


def test_a_comment_of_any_length_is_cut() -> None:
    lines = list(format_comment("x " * 100_000))
    assert sum(map(len, lines)) < 13_000
    assert lines[-1].endswith("more characters)")


hostile_rows = st.lists(
    st.builds(
        lambda target, source, default, flow, type_: row(
            target, {"expression": source, "name": source, "type": type_}, defaultValue=default, flowType=flow
        ),
        st.one_of(texts, st.sampled_from(["title", "displayName", "nickName"])),
        st.one_of(texts, texts.map(lambda text: f"[{text}]"), texts.map(lambda text: f'Append("{text}", [a])')),
        st.one_of(st.none(), texts),
        st.sampled_from(["Always", "ObjectAddOnly", "x\n- y"]),
        st.sampled_from(["Attribute", "Function", "Constant", "\n"]),
    ),
    max_size=4,
)
hostile_groups = st.lists(
    st.builds(
        lambda name, attribute, operator, value: group(name, clause(attribute, operator, value)),
        texts,
        texts,
        st.one_of(st.sampled_from(["EQUALS", "Includes", "REGEX MATCH", "IS NULL"]), texts),
        texts,
    ),
    max_size=3,
)


@settings(max_examples=examples(250), deadline=None)
@given(hostile_rows, hostile_groups, texts)
def test_nothing_breaks_out_of_the_files(rows: list[Any], groups: list[Any], name: str) -> None:
    document = schema(
        users([*USUAL, *rows], groups, name=name, metadata=[{"key": name, "value": name}]),
        id=name,
        version=name,
        rule={"name": name, "id": name, "sourceDirectoryName": name},
        **{f"x{name}": 1},
    )
    found = imported(document)
    said: list[Any] = []
    mappings = render_mappings(found, name)
    read = [dict(item) for item in read_items(mappings.encode(), "mappings.yaml", said.append)]
    assert said == []
    expected = [{key: str(value) for key, value in each.entries.items()} for each in found.rows if each.active]
    assert read == expected
    scope = render_scope(found, name)
    assert mappings.isascii() or escape_control(mappings.replace("\n", "")) == mappings.replace("\n", "")
    filters = document_of(scope).get("filters", [])
    if found.filters.closed:
        assert [each["name"] for each in filters] == ["no user, until the groups below are fixed"]
    else:
        kept = [each for each in found.filters.groups if each.active]
        assert [each["name"] for each in filters] == [each.name for each in kept]
        assert [each["clauses"] for each in filters] == [list(each.clauses) for each in kept]


def test_a_line_that_the_loader_would_refuse_is_a_comment() -> None:
    found = imported(schema(users([*USUAL, row("t" * 200_000, function("x" * 200_000))])))
    text = render_mappings(found, "f")
    assert max(map(len, text.splitlines())) < 60_000
    assert len(list(read_items(text.encode(), "mappings.yaml", print))) == 3


def test_a_file_without_a_row_is_an_empty_list() -> None:
    text = render_mappings(imported(schema(users([]))), "f")
    assert list(read_items(text.encode(), "mappings.yaml", print)) == []
    assert "\n[]\n" in text


def test_the_header_names_the_command_and_is_removed_whichever_it_was() -> None:
    found = imported(schema(users(USUAL)))
    for command in ("import entra", "import entra-schema"):
        text = render_filters(found, "schema.json", command)
        assert text.startswith(f"# Scoping filters of Microsoft Entra, by `reconciler {command}` from schema.json.\n")
        assert "by `reconciler" not in remove_header(text)


@pytest.mark.parametrize(
    "text",
    [
        (
            "# Scoping filters of Microsoft Entra, by `reconciler import entra-schema` from schema.json.\n# Rule X.\n"
            "# Each entry names its place in the schema. What stands as a comment was left out, and why.\n"
        ),
        "# The schema has no scoping filter: every assigned user passes.\n",
    ],
)
def test_the_header_of_version_0_1_is_removed_too(text: str) -> None:
    assert remove_header(f"# Ours.\nsync: all\n{text}filters: []\n") == "# Ours.\nsync: all\nfilters: []\n"
