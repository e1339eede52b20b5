"""Reading the document: what is taken, and one clear error for everything else."""

from __future__ import annotations

import contextlib
import copy
import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.entra_schemas import APPLE, USUAL, clause, group, imported, row, schema, users
from support.laws import examples

from reconciler.entra.synchronization_schema import MAX_BYTES, list_unknown_keys, read_schema
from reconciler.errors import SchemaError

DEEP = "synchronizationRules[0].objectMappings[0].attributeMappings[0]"


def refused(content: bytes | dict[str, Any]) -> str:
    given_bytes = content if isinstance(content, bytes) else json.dumps(content).encode()
    with pytest.raises(SchemaError) as exc:
        read_schema(given_bytes)
    return exc.value.summary


def with_row(**changed: Any) -> dict[str, Any]:
    return schema(users([{**row("userName", "userPrincipalName"), **changed}]))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_encodings_of_portal_and_powershell_are_read(encoding: str) -> None:
    content = json.dumps(schema(id="Zürich"), ensure_ascii=False).encode(encoding)
    assert read_schema(content).id == "Zürich"


def test_keys_with_a_capital_as_powershell_writes_them_are_read() -> None:
    def capital(value: Any) -> Any:
        if isinstance(value, dict):
            return {key[0].upper() + key[1:]: capital(each) for key, each in value.items()}
        return [capital(each) for each in value] if isinstance(value, list) else value

    document = schema(users(USUAL))
    content = json.dumps(capital(document)).encode().replace(b'"SynchronizationRules"', b'"synchronizationRules"')
    assert read_schema(content) == read_schema(json.dumps(document).encode())


def test_null_is_as_good_as_absent_everywhere() -> None:
    document = schema(
        users(USUAL, scope=None, metadata=None, name=None, flowTypes=None), rule={"containerFilter": None}
    )
    found = read_schema(json.dumps(document).encode()).synchronization_rules[0].object_mappings[0]
    assert found.scope.groups == []
    assert found.flow_types == ["Add", "Update", "Delete"]


@pytest.mark.parametrize(
    "written", ["Add, Update, Delete", "Add,Update,Delete", " Add ,, Update,Delete ", ["Add", "Update", "Delete"]]
)
def test_flow_types_are_read_in_every_form(written: Any) -> None:
    document = schema(users(flowTypes=written))
    found = read_schema(json.dumps(document).encode()).synchronization_rules[0].object_mappings[0]
    assert found.flow_types == ["Add", "Update", "Delete"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"hello", "not JSON: Expecting value (line 1, column 1)"),
        (b"[]", "not a synchronization schema"),
        (b"null", "not a synchronization schema"),
        (b"{}", "not a synchronization schema"),
        (b'{"synchronizationRules": NaN}', "NaN is not a JSON number"),
        (b'{"synchronizationRules": 1' + b"0" * 5000 + b"}", "not JSON"),
        (b"[" * 100_000, "nests too deeply"),
        (b'{"a":' * 100_000, "nests too deeply"),
        (b"\xff\xfeab\xd8", "not UTF-16 text"),
        (b'{"a": "\xff"}', "not UTF-8 text"),
        (b'{"id": "1", "id": "2", "synchronizationRules": []}', 'key "id" is used twice'),
        (b'{"id": "1", "Id": "2", "synchronizationRules": []}', 'key "Id" is used twice'),
        (b'{"synchronizationRules": [{"id": "a", "id": null}]}', 'key "id" is used twice'),
    ],
)
def test_what_is_no_schema_is_refused_with_a_reason(content: bytes, said: str) -> None:
    assert said in refused(content)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"synchronizationRules": {}}, "synchronizationRules: expected a list"),
        ({"synchronizationRules": [None]}, "synchronizationRules[0]: expected an object"),
        (schema(directories="x"), "directories: expected a list"),
        (with_row(matchingPriority="first"), f"{DEEP}.matchingPriority: expected a whole number"),
        (with_row(defaultValue={}), f"{DEEP}.defaultValue: expected text"),
        (with_row(source=[]), f"{DEEP}.source: expected an object"),
        (with_row(source={"expression": 1.5}), f"{DEEP}.source.expression: expected text"),
        (with_row(targetAttributeName=None), f"{DEEP}.targetAttributeName is missing"),
        (with_row(exportMissingReferences="maybe"), f"{DEEP}.exportMissingReferences: expected true or false"),
        (with_row(defaultValue="\ud800"), f"{DEEP}.defaultValue: half of a surrogate pair"),
        (schema(users(enabled=[])), "synchronizationRules[0].objectMappings[0].enabled: expected true or false"),
        (schema(users([row("title", "a")] * 501)), "attributeMappings has more than 500 entries"),
        (schema(users(groups=[group("g", *[clause("a", "IS NULL")] * 101)])), "clauses has more than 100 entries"),
        (schema(users(groups=[group("g")] * 101)), "scope.groups has more than 100 entries"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_named_with_its_path(document: dict[str, Any], path: str) -> None:
    assert path in refused(document)


def test_further_errors_are_counted() -> None:
    with pytest.raises(SchemaError) as exc:
        read_schema(json.dumps(with_row(matchingPriority="x", defaultValue=[], flowType={})).encode())
    assert exc.value.detail.startswith("2 further errors.")


def test_a_file_over_64_mib_is_refused_unread() -> None:
    assert "larger than 64 MiB" in refused(b" " * (MAX_BYTES + 1))


@pytest.mark.slow
def test_a_large_file_of_nothing_is_refused_without_a_look_at_each_entry() -> None:
    content = b'{"synchronizationRules": [' + b"[]," * (5 * 1024 * 1024) + b"[]]}"
    began = time.process_time()
    json.loads(content)
    parsed = time.process_time()
    assert "synchronizationRules has more than 500 entries" in refused(content)
    assert time.process_time() - parsed < 4 * (parsed - began)


def test_booleans_and_numbers_for_text_are_read_as_entra_writes_them() -> None:
    found = read_schema(json.dumps(with_row(defaultValue=True)).encode())
    assert found.synchronization_rules[0].object_mappings[0].attribute_mappings[0].default_value == "True"


def test_what_has_no_field_is_named_with_its_path() -> None:
    document = schema(users([row("userName", "userPrincipalName", surprise=1)]), **{"@odata.context": "x", "more": {}})
    assert list(list_unknown_keys(read_schema(json.dumps(document).encode()))) == ["more", f"{DEEP}.surprise"]


# --- whatever stands anywhere ---------------------------------------------------

JUNK: list[Any] = [None, True, 0, -1, 1.5, "", "x", "\u2028", "]['\"", [], [None], ["x"], {}, {"a": 1}, [[]], 10**30]
DOCUMENT = json.loads(APPLE.read_text("utf-8"))


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return (
        [path, *(place for key, each in below for place in places(each, (*path, key)))]
        if path
        else [place for key, each in below for place in places(each, (key,))]
    )


PLACES = [place for place in places(DOCUMENT) if place[0] != "directories"]


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(JUNK)), min_size=1, max_size=3))
def test_junk_anywhere_is_an_error_of_ours_or_is_translated(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    document = copy.deepcopy(DOCUMENT)
    for path, junk in changes:
        holder = document
        try:
            for step in path[:-1]:
                holder = holder[step]
            holder[path[-1]] = copy.deepcopy(junk)
        except (TypeError, LookupError):
            continue
    with contextlib.suppress(SchemaError):
        imported(document, profile="apple-business-manager")
