import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from support.desired_directory import SETTINGS, Tree
from support.laws import examples

from reconciler.core.model import Diagnostic, Origin
from reconciler.desired import schema, yaml_reader
from reconciler.desired.directory import KINDS, build_json_schema
from reconciler.desired.schema import RecordSettings


def test_settings_are_read_with_their_defaults(tree: Tree) -> None:
    directory = tree(settings=SETTINGS)
    found = directory.read_settings()
    assert found is not None
    assert found.value == schema.Settings(
        target=schema.TargetSettings(
            profile="apple-business-manager", base_url="https://federation.apple.com/feeds/business/scim"
        )
    )
    assert found.at("target", "profile") == Origin("settings.yaml", 2, 12)
    assert directory.diagnostics == []


SAMPLES = Path(__file__).parents[3] / "desired-state"


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_file_has_a_schema_that_refuses_unknown_keys(kind: str) -> None:
    schema = build_json_schema(kind)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    shapes = [schema, *schema.get("$defs", {}).values()]
    closed = [shape for shape in shapes if shape.get("type") == "object" and shape["title"] != "UserEntry"]
    assert all(shape["additionalProperties"] is False for shape in closed if "properties" in shape)
    named = [f"#/$defs/{name}" for name in schema.get("$defs", {})]
    assert set(references(schema)) <= set(named)


def test_each_schema_says_what_it_is_for() -> None:
    assert [build_json_schema(kind)["title"] for kind in KINDS] == [f"{kind} of Reconciler" for kind in KINDS]


def test_the_schema_of_scope_marks_what_entra_does_not_have() -> None:
    shapes = build_json_schema("scope")["$defs"]
    clause, scoping_filter = shapes["ClauseEntry"]["properties"], shapes["FilterEntry"]["properties"]
    marked = [
        *(
            name
            for name, value in {**clause, **scoping_filter}.items()
            if "Extension: " in value.get("description", "")
        ),
        *(each["const"] for each in clause["operator"]["anyOf"] if "Extension: " in each.get("description", "")),
    ]
    assert marked == [
        *("attribute", "value", "ignore_case", "values_match", "not"),
        *("IS MEMBER OF", "IS NOT MEMBER OF"),
        *("DATE BEFORE", "DATE ON OR BEFORE", "DATE AFTER", "DATE ON OR AFTER"),
    ]
    assert shapes["FilterEntry"]["required"] == ["name", "clauses"]


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
        return own + [found for value in node.values() for found in references(value)]
    return [found for value in node for found in references(value)] if isinstance(node, list) else []


def allows(schema: dict[str, Any], root: dict[str, Any], value: Any) -> bool:
    """The few keywords our schemas use, on YAML read as text: a scalar is any of JSON's."""
    if "$ref" in schema:
        return allows(root["$defs"][schema["$ref"].rsplit("/", 1)[1]], root, value)
    if "anyOf" in schema:
        return any(allows(each, root, value) for each in schema["anyOf"])
    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if isinstance(value, dict):
        known, more = schema.get("properties", {}), schema.get("additionalProperties", True)
        return (
            "object" in types
            and set(schema.get("required", [])) <= value.keys()
            and all(
                allows(known[key], root, inner)
                if key in known
                else more is True or (more is not False and allows(more, root, inner))
                for key, inner in value.items()
            )
        )
    if isinstance(value, list):
        return "array" in types and all(allows(schema.get("items", {}), root, each) for each in value)
    if value is None:
        return "null" in types or not types
    return (not types or bool({"string", "number", "integer", "boolean"} & set(types))) and value in schema.get(
        "enum", [schema.get("const", value)]
    )


@pytest.mark.parametrize("path", sorted(SAMPLES.rglob("*.yaml")), ids=lambda path: path.name)
def test_the_schemas_and_the_models_accept_the_sample_files(path: Path) -> None:
    kind = path.parent.name if path.parent.name in ("users", "groups") else path.stem
    messages: list[Diagnostic] = []
    content = yaml_reader.read_document(path.read_bytes(), path.name, messages.append)
    assert messages == []
    schema = build_json_schema(kind)
    assert allows(schema, schema, content)
    assert not allows(schema, schema, [*content, {"x": [[]]}] if isinstance(content, list) else {**content, "x": "y"})
    TypeAdapter(KINDS[kind]).validate_python(content)


@pytest.mark.parametrize("name", ["reconciler-record", "applied/record", "v1.0", "_", "Log_2026", "x/y/z", "plans.d"])
def test_usual_branch_names_are_accepted(name: str) -> None:
    assert RecordSettings(branch=name).branch == name


@pytest.mark.parametrize(
    "name",
    [
        *("", "-x", "--force", "a/-x", "/a", "a/", "a//b", ".a", "a/.b", "a..b", "a.", "a./b", "a.lock", "a.LOCK/b"),
        *("a b", "a~1", "a^", "a:b", "a?", "a*", "a[", "a\\b", "a@{1}", "@", "a\n", "a\x7f", "ä", "\u202ea", "a$(id)"),
        *("HEAD", "head", "refs/heads/main", "x" * 101, "+a", "a,b", "a%b"),
    ],
)
def test_branch_names_that_git_rejects_or_reads_otherwise_are_rejected(name: str) -> None:
    with pytest.raises(ValidationError):
        RecordSettings(branch=name)


@settings(max_examples=examples(60))
@given(st.text("aZ0_-./@{~^: \\*[", min_size=1, max_size=8) | st.sampled_from(["a.lock", "a/b.lock", "HEAD"]))
def test_git_accepts_every_accepted_branch_name(name: str) -> None:
    try:
        RecordSettings(branch=name)
    except ValidationError:
        return
    checked = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False, text=True)
    assert (checked.returncode, checked.stdout) == (0, f"{name}\n")
