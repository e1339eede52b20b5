"""The JSON Schemas of the files, for editors: generated from the models, with names to complete.

An editor parses YAML by its own rules: `employeeId: 0012` is a number there and text here. So text may be any scalar,
and `default: null` is left out: editors would insert it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import TypeAdapter

from reconciler import __version__
from reconciler.core.paths import shorten_path
from reconciler.desired import fleet_schema, schema
from reconciler.desired.final_keys import FINAL
from reconciler.desired.scoping_filters import LIFECYCLE_ATTRIBUTES
from reconciler.desired.source_attributes import COMPUTED_ATTRIBUTES, ENTRA_ATTRIBUTES
from reconciler.desired.value_meanings import MEANINGS
from reconciler.expressions.functions.registry import FUNCTIONS
from reconciler.profiles import PROFILES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
KINDS: dict[str, Any] = {
    "settings": schema.Settings,
    "scope": schema.ScopeEntry,
    "mappings": list[schema.MappingEntry],
    "users": list[schema.UserEntry],
    "groups": list[schema.GroupEntry],
    "fleet": fleet_schema.FleetEntry,
    "tenant": fleet_schema.TenantEntry,
    "layer-settings": schema.Settings,
    "layer-scope": schema.ScopeEntry,
    "tenant-settings": schema.Settings,
}
"""The model of each kind of file."""
_TITLES = {
    "settings": "Reconciler: settings.yaml",
    "scope": "Reconciler: scope.yaml",
    "mappings": "Reconciler: mappings.yaml",
    "users": "Reconciler: users/**/*.yaml",
    "groups": "Reconciler: groups/**/*.yaml",
    "fleet": "Reconciler: fleet.yaml",
    "tenant": "Reconciler: tenants/*/tenant.yaml",
    "layer-settings": "Reconciler: settings.yaml of a layer",
    "layer-scope": "Reconciler: scope.yaml in a fleet",
    "tenant-settings": "Reconciler: settings.yaml of a tenant",
}
PARTIAL = ("layer-settings", "layer-scope", "tenant-settings")
"""The kinds of files of a fleet that others complete: no key of theirs is required, except in what is in a list."""
_OF_FLEETS = ("fleet", "tenant")
"""The kinds of files in which a key without a value has its default."""
_NULL = {"type": "null"}
_FINAL = {
    "title": "Final",
    "description": "Keys that no later layer may set, such as target.profile, ownership, scope.sync, mappings",
    "type": ["array", "null"],
    "items": {"type": "string"},
}
_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_EXPRESSIONS = (
    "Not([IsSoftDeleted])",
    'Join(" ", [givenName], [surname])',
    'Switch([IsSoftDeleted], , "False", "True", "True", "False")',
    'Replace([preferredLanguage], "-", , , "_", , )',
    "ToLower([mail])",
)
_TEMPLATES = ("{{ givenName | trim }}", "{{ givenName }} {{ surname }}")
_TEXT_ONLY = [{"type": "string"}, {"type": "null"}]
"""Text that is no number or boolean, of which an editor would offer `true` and `false`."""


def schema_id(name: str, version: str = __version__) -> str:
    """Return the `$id` of a schema: a name that nothing has to resolve, with the version that wrote it."""
    return f"urn:reconciler:schema:{name}:{version}"


def build_json_schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of one of `KINDS`."""
    found = TypeAdapter(KINDS[kind]).json_schema()
    definitions = {**found.get("$defs", {}), "": found}
    for name, definition in definitions.items():
        if "properties" in definition:
            _explain_values(definition["title"], definition["properties"])
            definition["title"] = _title(re.sub("(Entry|Settings)$", "", definition.get("title", name)) or name)
            _describe_properties(definition["properties"])
    for node in _nodes(found):
        _loosen(node)
    _COMPLETIONS.get(kind.removeprefix("tenant-").removeprefix("layer-"), _nothing)(found.get("$defs", {}))
    if kind in PARTIAL:
        _make_optional(found, found.get("$defs", {}))
    if kind in _OF_FLEETS:
        # Elements of lists are replaced as a whole: a key of theirs without a value is what its model says.
        elements = {str(each["items"].get("$ref")) for each in _nodes(found) if isinstance(each.get("items"), dict)}
        for name, definition in definitions.items():
            if f"#/$defs/{name}" not in elements:
                _allow_no_value(definition)
    if kind == "layer-settings":
        found["properties"][FINAL] = _FINAL
    return {"$schema": DIALECT, "$id": schema_id(kind), **found, "title": _TITLES[kind]}


def _describe_properties(properties: dict[str, Any]) -> None:
    for key, value in properties.items():
        value["title"] = _title(key)


def _explain_values(model: str, properties: dict[str, Any]) -> None:
    """Give each word that a key takes its meaning, which editors show next to it."""
    for key, value in properties.items():
        meanings = MEANINGS.get(f"{model}.{key}", {})
        for node in _nodes(value):
            if "enum" in node and meanings:
                node["enumDescriptions"] = [meanings[word] for word in node["enum"]]


def _title(name: str) -> str:
    """Return a name as words: `Delete after days` for `delete_after_days`, `Given name` for `givenName`."""
    words = " ".join(word if word.isupper() else word.lower() for word in _WORDS.findall(name))
    return words[:1].upper() + words[1:]


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _nodes(each)


def _loosen(node: dict[str, Any]) -> None:
    """Let text be any scalar, and do not offer null as a value."""
    if node.get("type") == "string" and not node.keys() & {"enum", "const", "format"}:
        node["type"] = ["string", "number", "boolean"]
    if "default" in node and node["default"] is None and ("title" in node or "anyOf" in node):
        del node["default"]


def _allow_no_value(node: dict[str, Any]) -> None:
    """Let each key of a mapping that is not required be without a value."""
    properties = node.get("properties", {})
    for key in properties.keys() - set(node.get("required", ())):
        found = properties[key]
        if "$ref" in found:
            found["anyOf"] = [{"$ref": found.pop("$ref")}, _NULL]
        elif "anyOf" in found:
            found["anyOf"] = [*found["anyOf"], *([] if _NULL in found["anyOf"] else [_NULL])]
        elif isinstance(found.get("type"), str):
            found["type"] = [found["type"], "null"]
        elif "null" not in found["type"]:
            found["type"] = [*found["type"], "null"]
        values = found.get("additionalProperties")
        if isinstance(values, dict):
            values["type"] = [*values["type"], "null"]


def _make_optional(node: dict[str, Any], definitions: dict[str, Any]) -> None:
    """Require no key of a mapping that layers merge. Lists are replaced as a whole: what is in them stays as it is."""
    node.pop("required", None)
    for each in node.get("properties", {}).values():
        for place in (each, *each.get("anyOf", [])):
            name = str(place.get("$ref", "")).rpartition("/")[2]
            if name in definitions:
                _make_optional(definitions[name], definitions)


# --- names to complete --------------------------------------------------------------


def _nothing(_definitions: dict[str, Any]) -> None:
    """The model says everything."""


def _complete_users(definitions: dict[str, Any]) -> None:
    user = definitions["UserEntry"]
    value = user["additionalProperties"]
    for name, description in ENTRA_ATTRIBUTES.items():
        user["properties"].setdefault(name, {"title": _title(name), **value})["description"] = description


def _complete_settings(definitions: dict[str, Any]) -> None:
    source = definitions["EntraSource"]["properties"]
    for node in (source["keep"], source["attributes"]["anyOf"][1]):
        _offer(node["items"], ENTRA_ATTRIBUTES)


def _complete_scope(definitions: dict[str, Any]) -> None:
    attribute = definitions["ClauseEntry"]["properties"]["attribute"]
    lifecycle = dict.fromkeys(LIFECYCLE_ATTRIBUTES, "Extension: Entra has no such attribute")
    _offer(attribute, {**ENTRA_ATTRIBUTES, **lifecycle})


def _complete_mappings(definitions: dict[str, Any]) -> None:
    row = definitions["MappingEntry"]["properties"]
    _offer(row["target"], dict(_target_paths()))
    _offer(row["source"], {**ENTRA_ATTRIBUTES, **COMPUTED_ATTRIBUTES})
    row["expression"]["description"] += f". Functions: {', '.join(sorted(FUNCTIONS))}"
    for key, examples in (("expression", _EXPRESSIONS), ("template", _TEMPLATES)):
        row[key]["examples"] = list(examples)
        row[key]["anyOf"] = _TEXT_ONLY


def _offer(node: dict[str, Any], names: Mapping[str, str]) -> None:
    """Offer `names` with their descriptions; any other text remains allowed."""
    others = _TEXT_ONLY if "anyOf" in node else [{"type": "string"}]
    node.pop("type", None)
    node["anyOf"] = [*({"const": name, "description": text} for name, text in names.items()), *others]


def _target_paths() -> Iterator[tuple[str, str]]:
    """Yield the attribute paths that a mapping can set, as YAML spells them, each with the services that accept it."""
    accepted: dict[str, list[str]] = {}
    for profile in PROFILES.values():
        for path in _paths_of(profile):
            accepted.setdefault(path, []).append(profile.title)
    for path, titles in accepted.items():
        yield path, f"Accepted by: {', '.join(titles)}"


def _paths_of(profile: Any) -> Iterable[str]:
    default = [row.target for row in profile.mappings]
    single = [each.path for each in profile.attributes if each.mappable and not each.multi_valued]
    return dict.fromkeys(shorten_path(path) for path in [*default, *single])


_COMPLETIONS = {
    "users": _complete_users,
    "scope": _complete_scope,
    "settings": _complete_settings,
    "mappings": _complete_mappings,
}
