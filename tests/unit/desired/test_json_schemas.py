"""The JSON Schemas, judged by a validator, on YAML as an editor parses it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError
from ruamel.yaml import YAML

from reconciler.core.model import Diagnostic
from reconciler.core.scope.operators import EXTENSIONS, Operator
from reconciler.desired import guard_settings, schema, yaml_reader
from reconciler.desired.json_schemas import KINDS, build_json_schema, schema_id
from reconciler.desired.source_attributes import ENTRA_ATTRIBUTES
from reconciler.expressions.functions.registry import FUNCTIONS
from reconciler.profiles import PROFILES

Draft202012Validator = pytest.importorskip("jsonschema", reason="run `make`: jsonschema is new").Draft202012Validator

ROOT = Path(__file__).parents[3]
FILES = sorted(
    path
    for folder in ("desired-state", "reconciler/templates/desired-state")
    for path in (ROOT / folder).rglob("*.yaml")
    if path.name != "settings.yaml" or folder == "desired-state"
)
"""The sample, and what `init` writes; the template of its settings has placeholders."""
MODELS = [
    model
    for module in (schema, guard_settings)
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, BaseModel) and model.__module__ == module.__name__
]
TARGET = "target: {profile: scim, base_url: 'https://scim.example.com/v2'}"


def parse(text: str) -> Any:
    """Parse YAML 1.2 as an editor does: with numbers and booleans, and dates as text."""
    return as_json(YAML(typ="safe", pure=True).load(text))


def as_json(node: Any) -> Any:
    if isinstance(node, dict):
        return {str(key): as_json(value) for key, value in node.items()}
    if isinstance(node, list):
        return [as_json(each) for each in node]
    return node.isoformat() if isinstance(node, date) else node


def errors(kind: str, text: str) -> list[str]:
    return [each.message for each in Draft202012Validator(build_json_schema(kind)).iter_errors(parse(text))]


def objects(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from objects(each)


# --- the schemas themselves --------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_valid_and_needs_no_other_file(kind: str) -> None:
    found = build_json_schema(kind)
    Draft202012Validator.check_schema(found)
    assert found["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    named = [f"#/$defs/{name}" for name in found.get("$defs", {})]
    assert {each["$ref"] for each in objects(found) if isinstance(each.get("$ref"), str)} <= set(named)


def test_an_id_is_unique_and_names_the_version() -> None:
    identities = [build_json_schema(kind)["$id"] for kind in KINDS]
    assert identities == [schema_id(kind) for kind in KINDS]
    assert schema_id("users", "1.2.3") == "urn:reconciler:schema:users:1.2.3"


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_has_a_title_and_a_description(kind: str) -> None:
    found = objects(build_json_schema(kind))
    # A condition has no type.
    shapes = [each for each in found if isinstance(each.get("properties"), dict) and each.get("type") == "object"]
    assert shapes
    for shape in shapes:
        assert shape["title"]
        for key, value in shape["properties"].items():
            if key == "properties":
                continue
            assert value["title"], key
            assert value.get("description"), (shape["title"], key)
            # An editor shows it, and a default of null would be inserted.
            assert value.get("default", "") is not None


def test_titles_are_words() -> None:
    user = build_json_schema("users")["$defs"]["UserEntry"]["properties"]
    assert user["userPrincipalName"]["title"] == "User principal name"
    assert user["extensionAttribute12"]["title"] == "Extension attribute 12"
    lifecycle = build_json_schema("settings")["$defs"]["LifecycleSettings"]
    assert lifecycle["title"] == "Lifecycle"
    assert lifecycle["properties"]["delete_after_days"]["title"] == "Delete after days"
    assert [build_json_schema(kind)["title"] for kind in ("settings", "users")] == [
        "Reconciler: settings.yaml",
        "Reconciler: users/**/*.yaml",
    ]


# --- what an editor offers -----------------------------------------------------------


def test_attributes_of_entra_are_offered_and_others_allowed() -> None:
    user = build_json_schema("users")["$defs"]["UserEntry"]
    assert user["properties"].keys() == {*ENTRA_ATTRIBUTES, "lifecycle"}
    assert user["properties"]["jobTitle"]["description"] == "Job title"
    assert user["required"] == ["userPrincipalName"]
    assert errors("users", "[{userPrincipalName: ada, custom_attribute: 1, badges: [7, b]}]") == []


def offered(node: dict[str, Any]) -> dict[str, str]:
    return {each["const"]: each.get("description", "") for each in node["anyOf"] if "const" in each}


def test_targets_of_all_profiles_are_offered_with_the_services_that_accept_them() -> None:
    row = build_json_schema("mappings")["$defs"]["MappingEntry"]["properties"]
    targets = offered(row["target"])
    everywhere = ", ".join(profile.title for profile in PROFILES.values())
    assert targets["name.givenName"] == f"Accepted by: {everywhere}"
    assert targets['emails[type eq "work"].value'] == "Accepted by: SCIM service"
    assert not {"id", "meta", "password", "enterprise:manager.displayName"} & targets.keys()
    assert not any(name.startswith("urn:") for name in targets)
    assert {"IsSoftDeleted", *ENTRA_ATTRIBUTES} == offered(row["source"]).keys()
    assert set(FUNCTIONS) <= set(row["expression"]["description"].replace(",", "").split())
    assert errors("mappings", "[{target: 'urn:x:custom', source: badge}]") == []


def test_operators_are_offered_and_what_entra_does_not_have_is_marked() -> None:
    shapes = build_json_schema("scope")["$defs"]
    clause = shapes["ClauseEntry"]["properties"]
    operators = offered(clause["operator"])
    assert list(operators) == [operator.value for operator in Operator]
    assert {name for name, text in operators.items() if "Extension: " in text} == {each.value for each in EXTENSIONS}
    attributes = offered(clause["attribute"])
    assert {name for name, text in attributes.items() if "Extension: " in text} == {
        *("lifecycle.starts", "lifecycle.expires", "lifecycle.protected"),
    }
    marked = {**clause, **shapes["FilterEntry"]["properties"]}
    assert {name for name, value in marked.items() if "Extension: " in value["description"]} == {
        *("attribute", "value", "ignore_case", "values_match", "not"),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_word_that_a_key_takes_is_explained(kind: str) -> None:
    for each in objects(build_json_schema(kind)):
        if isinstance(each.get("enum"), list):
            meanings = each.get("enumDescriptions", [])
            assert len(meanings) == len(each["enum"]), each["enum"]
            assert all(meanings)
            assert not any(meaning.endswith(".") for meaning in meanings)
        if isinstance(each.get("const"), str) and each["const"] not in ("auto", "off", "userName"):
            assert each["description"], each["const"]


def test_attributes_that_an_import_reads_or_keeps_are_offered() -> None:
    source = build_json_schema("settings")["$defs"]["EntraSource"]["properties"]
    assert offered(source["keep"]["items"]).keys() == ENTRA_ATTRIBUTES.keys()
    assert offered(source["attributes"]["anyOf"][1]["items"]).keys() == ENTRA_ATTRIBUTES.keys()


# --- files ------------------------------------------------------------------------


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_good_files_pass_and_an_unknown_key_fails(path: Path) -> None:
    kind = path.parent.name if path.parent.name in ("users", "groups") else path.stem
    text = path.read_text("utf-8")
    assert errors(kind, text) == []
    content = yaml_reader.read_document(path.read_bytes(), path.name, lambda _: None)
    TypeAdapter(KINDS[kind]).validate_python(content)
    unknown = f"{text}\n- {{x: {{y: z}}}}\n" if isinstance(content, list) else f"{text}\nx: y\n"
    assert errors(kind, unknown) != []


GOOD = {
    "numbers and booleans are text": ("users", "[{userPrincipalName: 7, employeeId: 0012, surname: true}]"),
    "unassigned": ("users", "[{userPrincipalName: ada, department: , mail: ~, otherMails: [~]}]"),
    "a date": ("users", "[{userPrincipalName: ada, lifecycle: {starts: 2026-12-01, protected: true}}]"),
    "a number as a constant": ("mappings", "[{target: title, constant: 5}]"),
    "a boolean as a default": ("mappings", "[{target: active, expression: 'Not([x])', default: true}]"),
    "a number as a name": ("groups", "[{name: 2026, description: 5, members: {users: [12, ada]}}]"),
    "lists without a value": ("scope", "{sync: all, assigned: {users: , groups: }, filters: }"),
    "an operator in lower case": (
        "scope",
        "{sync: all, filters: [{name: a, clauses: [{attribute: x, operator: is null}]}]}",
    ),
    "an empty approval list": ("settings", f"{{{TARGET}, approvals: , guards: {{protected: }}}}"),
}
BAD = {
    "no name": ("users", "[{surname: Lovelace}]"),
    "an attribute that is a mapping": ("users", "[{userPrincipalName: ada, name: {given: Ada}}]"),
    "a list of lists": ("users", "[{userPrincipalName: ada, otherMails: [[a]]}]"),
    "an unknown key of lifecycle": ("users", "[{userPrincipalName: ada, lifecycle: {expire: 2026-12-01}}]"),
    "one user instead of a list": ("users", "{userPrincipalName: ada}"),
    "an unknown key of a row": ("mappings", "[{target: title, sources: jobTitle}]"),
    "an unknown word": ("mappings", "[{target: title, source: jobTitle, when_null: delete}]"),
    "no target": ("mappings", "[{source: jobTitle}]"),
    "no sync": ("scope", "{assigned: {users: [ada]}}"),
    "a member that is a mapping": ("scope", "{sync: all, assigned: {users: [{name: ada}]}}"),
    "an empty filter name": ("scope", "{sync: all, filters: [{name: '', clauses: []}]}"),
    "no such profile": ("settings", "{target: {profile: apple, base_url: 'https://x.example'}}"),
    "a negative limit": ("settings", f"{{{TARGET}, guards: {{removals: {{count: -1}}}}}}"),
    "a wrong plan id": ("settings", f"{{{TARGET}, approvals: [{{plan: abc, until: 2026-12-01, reason: x}}]}}"),
    "an unknown setting": ("settings", f"{{{TARGET}, guard: {{}}}}"),
    "members that are a list": ("groups", "[{name: a, members: [ada]}]"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_the_models_accept_passes(name: str) -> None:
    kind, text = GOOD[name]
    assert errors(kind, text) == []
    assert accepts(KINDS[kind], text)


@pytest.mark.parametrize("name", BAD)
def test_what_the_models_refuse_fails(name: str) -> None:
    kind, text = BAD[name]
    assert errors(kind, text) != []
    assert not accepts(KINDS[kind], text)


def accepts(model: Any, text: str) -> bool:
    problems: list[Diagnostic] = []
    content = yaml_reader.read_document(text.encode(), "x.yaml", problems.append)
    assert problems == []
    try:
        TypeAdapter(model).validate_python(content)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("model", "key"), [(model, key) for model in MODELS for key in model.model_fields], ids=lambda each: str(each)[-30:]
)
def test_a_key_without_a_value_passes_if_the_model_accepts_it(model: type[BaseModel], key: str) -> None:
    name = model.model_fields[key].alias or key
    shape, definitions = shape_of(model.__name__)
    value = Draft202012Validator({**shape["properties"][name], "$defs": definitions})
    try:
        model.__pydantic_validator__.validate_assignment(model.model_construct(), key, None)
        accepted = True
    except ValidationError as exc:
        accepted = all(each["loc"][:1] not in ((key,), (name,)) for each in exc.errors())
    assert value.is_valid(None) == accepted


def shape_of(model: str) -> tuple[dict[str, Any], dict[str, Any]]:
    for kind, whole_model in KINDS.items():
        whole = build_json_schema(kind)
        definitions = whole.get("$defs", {})
        if getattr(whole_model, "__name__", "") == model:
            return whole, definitions
        if model in definitions:
            return definitions[model], definitions
    raise AssertionError(model)


# --- files of a fleet ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("layer-settings", "{guards: {removals: {count: 5}}, final: [target.profile, mappings]}"),
        ("layer-settings", "{target: {profile: apple-school-manager}, final: }"),
        ("tenant-settings", "{target: {base_url: 'https://x.example'}}"),
        ("layer-scope", "{assigned: {users: [ada]}}"),
    ],
)
def test_no_key_of_a_layer_is_required(kind: str, text: str) -> None:
    assert errors(kind, text) == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("layer-settings", "{final: mappings}"),
        ("layer-settings", "{guard: {}}"),
        ("layer-settings", "{approvals: [{reason: x}]}"),
        ("tenant-settings", "{final: [mappings]}"),
        ("layer-scope", "{filters: [{name: a}]}"),
        ("settings", "{target: {profile: scim}}"),
        ("settings", f"{{{TARGET}, final: [mappings]}}"),
        ("scope", "{assigned: {users: [ada]}}"),
    ],
)
def test_what_is_in_a_list_and_what_is_no_layer_is_complete(kind: str, text: str) -> None:
    assert errors(kind, text) != []
