"""Validate a JSON document by a JSON Schema of draft 4, as the schema of SARIF is. An unknown keyword is an error."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

_TYPES: Mapping[str, Any] = {
    "object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float),
}  # fmt: skip
_WITHOUT_MEANING = {"$schema", "id", "title", "description", "default", "definitions"}


def find_violations(document: Any, schema: Mapping[str, Any]) -> list[str]:
    """Return `path: keyword` for each violation; empty if the document is valid."""
    return list(_check(document, schema, schema, "$"))


def _check(value: Any, rule: Mapping[str, Any], root: Mapping[str, Any], path: str) -> Iterator[str]:
    for keyword, wanted in rule.items():
        if keyword == "$ref":
            yield from _check(value, root["definitions"][wanted.removeprefix("#/definitions/")], root, path)
        elif keyword in ("anyOf", "oneOf"):
            matching = sum(not list(_check(value, each, root, path)) for each in wanted)
            if matching == 0 or (keyword == "oneOf" and matching > 1):
                yield f"{path}: {keyword}"
        elif keyword in ("properties", "additionalProperties", "items"):
            yield from _check_members(keyword, value, rule, root, path)
        elif keyword not in _WITHOUT_MEANING and not _CHECKS[keyword](value, wanted):
            yield f"{path}: {keyword} {wanted!r:.60}"


def _check_members(
    keyword: str, value: Any, rule: Mapping[str, Any], root: Mapping[str, Any], path: str
) -> Iterator[str]:
    known = rule.get("properties", {})
    if keyword == "items" and isinstance(value, list):
        for number, each in enumerate(value):
            yield from _check(each, rule["items"], root, f"{path}[{number}]")
    elif keyword == "properties" and isinstance(value, dict):
        for name in known.keys() & value.keys():
            yield from _check(value[name], known[name], root, f"{path}.{name}")
    elif keyword == "additionalProperties" and isinstance(value, dict):
        for name in value.keys() - known.keys():
            if rule[keyword] is False:
                yield f"{path}.{name}: additionalProperties"
            elif rule[keyword] is not True:
                yield from _check(value[name], rule[keyword], root, f"{path}.{name}")


def _is_type(value: Any, wanted: str) -> bool:
    return isinstance(value, _TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))


def _is_unique(value: Any, wanted: bool) -> bool:
    shown = [json.dumps(each, sort_keys=True) for each in value] if isinstance(value, list) else []
    return not wanted or len(set(shown)) == len(shown)


_CHECKS: Mapping[str, Any] = {
    "type": _is_type,
    "enum": lambda value, wanted: value in wanted,
    "required": lambda value, wanted: not isinstance(value, dict) or all(name in value for name in wanted),
    "minimum": lambda value, wanted: not isinstance(value, int | float) or value >= wanted,
    "maximum": lambda value, wanted: not isinstance(value, int | float) or value <= wanted,
    "minItems": lambda value, wanted: not isinstance(value, list) or len(value) >= wanted,
    "uniqueItems": _is_unique,
    "pattern": lambda value, wanted: not isinstance(value, str) or re.search(wanted, value) is not None,
    "format": lambda value, wanted: wanted != "uri-reference" or not re.search(r"[\s<>\"{}|\\^`]", value),
}
