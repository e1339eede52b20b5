"""docs/reference/settings.md: every key of the files of the desired state, from their JSON Schemas."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.desired.json_schemas import build_json_schema
from reconciler.desired.source_attributes import COMPUTED_ATTRIBUTES, ENTRA_ATTRIBUTES
from support.reference.markdown import code, page, prose, table

TITLES: Mapping[str, str] = {
    "settings": "settings.yaml",
    "scope": "scope.yaml",
    "mappings": "mappings.yaml",
    "users": "users",
    "groups": "groups",
    "fleet": "fleet.yaml",
    "tenant": "tenant.yaml",
}
TEXTS: Mapping[str, str] = {
    "settings": "The service, and what may be done to its accounts.",
    "scope": "Who is provisioned. Without the file every user is.",
    "mappings": "A list; each row sets one attribute of the service. Without the file the profile's default mapping"
    " applies. [Mapping functions](mapping-functions.md) has those of `expression`.",
    "users": "A list of users in any number of files (`users/**/*.yaml`). Every key that is not in this table is a"
    " source attribute: its value is text or a list of texts. [Source attributes](#source-attributes) has Entra's.",
    "groups": "A list of groups in any number of files (`groups/**/*.yaml`), for assignment only.",
    "fleet": "The tenants of a [fleet](../fleet.md), and what limits a run for all of them.",
    "tenant": "What a [fleet](../fleet.md) has to know of one tenant.",
}
INTRODUCTION = """\
Every key of every file. [The desired state](../desired-state.md) explains what they do and why; this page is
generated from the models that check the files: `make reference`. `a.b` is the key `b` below `a`, `a[]` an element of
the list `a`.

A key is optional unless its default is *required*: then it has to be there if the key above it is. Text is read as
written: leading zeros stay."""
LAYERS = """\
`settings.yaml` and `scope.yaml` in `defaults/`, `groups/<group>/` and the folder of a tenant have the keys above. None
is required there: what a file lacks comes from another [layer](../fleet-layers.md). `settings.yaml` in `defaults/` and
`groups/<group>/` may also have:"""
ATTRIBUTES = """\
The names that Microsoft Entra's provisioning uses. Mappings and filters can read them, and any other attribute that a
user has. No file sets `IsSoftDeleted`."""
TARGETS = """\
What a mapping can set. A path that the service of `target.profile` does not accept is an error."""
OFFERED: Mapping[str, str] = {
    "userPrincipalName": "[source attribute](#source-attributes)",
    "externalId": "[attribute of the service](#attributes-of-the-service)",
    "&": "[operator](../desired-state.md#scoping-filters)",
}
"""What a long list of names is about, by the first of them."""
HEAD = ("key", "type", "default", "meaning")
_MOST_CHOICES = 12
_KEYS_OF_USERS = {"userPrincipalName", "objectId", "accountEnabled"}
"""Source attributes that also decide about a user: the others have a table of their own."""
_LONGEST_PATTERN = 40
_SCALARS = {"string", "number", "boolean"}


def render_settings() -> str:
    """Return the page."""
    attributes = [(code(name), prose(text)) for name, text in {**ENTRA_ATTRIBUTES, **COMPUTED_ATTRIBUTES}.items()]
    return page(
        "# Settings and files",
        INTRODUCTION,
        *(part for kind, title in TITLES.items() for part in (f"## {title}", TEXTS[kind], *render_kind(kind))),
        "## Files of layers",
        LAYERS,
        table(HEAD, (row(*each) for each in layer_keys())),
        "## Source attributes",
        ATTRIBUTES,
        table(("attribute", "holds"), attributes),
        "## Attributes of the service",
        TARGETS,
        table(("path", "accepted by"), map(accepting, target_paths())),
    )


def target_paths() -> list[dict[str, Any]]:
    """Return the paths that the schema of mappings offers, each with its description."""
    (target,) = (node for name, node, _ in kind_keys("mappings") if name == "target")
    return [each for each in target["alternatives"] if "const" in each]


def layer_keys() -> list[tuple[str, dict[str, Any], bool]]:
    """Return the keys that files of layers have in addition."""
    known = {name for name, _, _ in kind_keys("settings")}
    return [each for each in kind_keys("layer-settings") if each[0] not in known]


def accepting(path: dict[str, Any]) -> tuple[str, str]:
    """Return the row of a path: the services that accept it."""
    return code(path["const"]), prose(path["description"].removeprefix("Accepted by: "))


def kind_keys(kind: str) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield each key of a kind of file."""
    schema = build_json_schema(kind)
    definitions = schema.get("$defs", {})
    root = schema["items"] if schema.get("type") == "array" else schema
    return keys(resolve(root, definitions), definitions)


def render_kind(kind: str) -> Iterator[str]:
    """Yield the tables of the keys of a kind of file: one for each key that has many below it."""
    sections: dict[str, list[tuple[str, ...]]] = {"": []}
    for name, node, required in kind_keys(kind):
        if kind == "users" and name in ENTRA_ATTRIBUTES and name not in _KEYS_OF_USERS:
            continue
        top = name.partition(".")[0].partition("[")[0]
        below = name != top
        sections.setdefault(top if below and kind == "settings" else "", []).append(row(name, node, required))
    for name, rows in sections.items():
        if name:
            yield f"### {name}"
        if rows:
            yield table(HEAD, rows)


def resolve(node: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return a node with what it refers to; keys of its own count more."""
    if "$ref" in node:
        return {**definitions[node["$ref"].rpartition("/")[2]], **{k: v for k, v in node.items() if k != "$ref"}}
    return node


def alternatives(node: dict[str, Any], definitions: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what a value may be, without null."""
    found = [resolve(each, definitions) for each in node.get("anyOf", [node])]
    return [each for each in found if each.get("type") != "null"]


def keys(
    node: dict[str, Any], definitions: dict[str, Any], path: str = ""
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """Yield each key below a node: its path, its schema and whether it is required."""
    for name, value in node.get("properties", {}).items():
        found = resolve(value, definitions)
        here = f"{path}{name}"
        yield here, {**found, "alternatives": alternatives(found, definitions)}, name in node.get("required", ())
        for each in alternatives(found, definitions):
            yield from keys(each, definitions, f"{here}.")
            if isinstance(each.get("items"), dict):
                yield from keys(resolve(each["items"], definitions), definitions, f"{here}[].")


def row(name: str, node: dict[str, Any], required: bool) -> tuple[str, str, str, str]:
    """Return the row of a key."""
    types = filter(None, types_of(node["alternatives"]))
    # The list of functions is for editors: it has a page of its own.
    meaning = node.get("description", "").partition(". Functions: ")[0]
    return code(name), " or ".join(dict.fromkeys(types)), default_of(node, required), prose(meaning)


def types_of(found: list[dict[str, Any]]) -> list[str]:
    """Return what a value may be, with a link in place of a long list of names."""
    names = [each["const"] for each in found if "const" in each]
    linked = len(names) > _MOST_CHOICES
    return [OFFERED[names[0]] if linked and "const" in each else type_of(each) for each in found]


def type_of(node: dict[str, Any]) -> str:
    """Return the type of a value in words, with its bounds."""
    if "enum" in node or "const" in node:
        return " or ".join(code(str(each)) for each in node.get("enum", [node.get("const")]))
    kinds = {node["type"]} if isinstance(node.get("type"), str) else set(node.get("type", ()))
    if "array" in kinds:
        items = node.get("items", {})
        return f"list of {plural(items)}"
    if "object" in kinds or "properties" in node:
        return "mapping"
    if node.get("format") == "date":
        return "date"
    if kinds >= _SCALARS or "string" in kinds:
        return f"text{bounds(node)}"
    return {"integer": "whole number", "number": "number", "boolean": "`true` or `false`"}.get(
        next(iter(kinds - {"null"}), ""), ""
    ) + bounds(node)


def plural(items: dict[str, Any]) -> str:
    """Return what a list holds."""
    if "enum" in items:
        return ", ".join(code(str(each)) for each in items["enum"])
    return "mappings" if "$ref" in items or "properties" in items else "texts"


def bounds(node: dict[str, Any]) -> str:
    """Return the bounds of a value: `, 0 to 100`."""
    low, high = node.get("minimum"), node.get("maximum")
    parts = []
    if low is not None and high is not None:
        parts.append(f"{low} to {high}")
    elif low is not None:
        parts.append(f"at least {low}")
    elif high is not None:
        parts.append(f"at most {high}")
    if "maxLength" in node:
        parts.append(f"at most {node['maxLength']} characters")
    pattern = node.get("pattern", "")
    if 0 < len(pattern) <= _LONGEST_PATTERN:
        parts.append(code(pattern))
    return "".join(f", {part}" for part in parts)


def default_of(node: dict[str, Any], required: bool) -> str:
    """Return the default of a key; those of a mapping are those of its keys."""
    if required:
        return "*required*"
    found = node.get("default")
    if found is None or isinstance(found, dict):
        return ""
    return code(found if isinstance(found, str) else json.dumps(found))
