"""Normalize request bodies to the RFCs, as leniently as Apple must for Microsoft Entra.

Entra sends capitalised operations, booleans as strings and dotted keys without a path; every service that works with
Entra accepts them (inferred).
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.sandbox.attributes import (
    COMMON,
    CORE,
    ENTERPRISE,
    TOLERATED,
    canonical_path,
    common_name,
    head_of,
    schemas_of,
    split_path,
)
from reconciler.sandbox.http_messages import RefusalError
from reconciler.sandbox.quirks import Quirks

PATCH_SCHEMA = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
_BOOLEANS = {"true": True, "false": False}
_OPERATIONS = frozenset({"add", "replace", "remove"})


def decode(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a request body. Raises RefusalError (400 invalidSyntax)."""
    try:
        decoded = json.loads(body)
        # JSON can contain a lone surrogate, which is not UTF-8 text.
        json.dumps(decoded, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise RefusalError(400, f"The body is not JSON: {error}", scim_type="invalidSyntax") from error
    if not isinstance(decoded, dict):
        raise RefusalError(400, "The body is not a JSON object", scim_type="invalidSyntax")
    return decoded


def normalize_user(payload: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    """Return a POST or PUT body with only Apple's attributes, in RFC 7643 spelling. Raises RefusalError."""
    user: dict[str, Any] = {}
    for key, value in payload.items():
        # `schemas` is generated: clients list URNs of extensions that Apple does not have.
        if common_name(key) is None:
            for path, leaf in _flatten(key, value, quirks):
                _put(user, path, leaf)
    return {"schemas": schemas_of(user), **user}


def normalize_patch(payload: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    """Return a PATCH body whose operations each have a canonical path. Raises RefusalError."""
    operations = next((value for key, value in payload.items() if key.lower() == "operations"), None)
    if not isinstance(operations, list) or not operations:
        raise RefusalError(400, "A PATCH needs a list of Operations", scim_type="invalidSyntax")
    normalised = [step for operation in operations for step in _split_operation(operation, quirks)]
    for step in normalised:
        _refuse_rejected_path(step["path"], quirks)
    return {"schemas": [PATCH_SCHEMA], "Operations": normalised}


def handle_unknown_attribute(name: str, quirks: Quirks) -> None:
    """Handle an attribute outside Apple's list as the quirk requires. Raises RefusalError."""
    if name in TOLERATED or quirks.unknown_attr == "ignore":
        return
    raise RefusalError(
        400,
        f"Attribute {name!r} is not supported",
        scim_type="invalidSyntax",
        breaks_connection=quirks.unknown_attr == "break_connection",
    )


def _flatten(key: str, value: Any, quirks: Quirks) -> Iterator[tuple[str, Any]]:
    """Yield the canonical paths below one key of a user, with their values."""
    path = canonical_path(key)
    if path is None:
        handle_unknown_attribute(key, quirks)
    elif path in ("name", ENTERPRISE) and isinstance(value, Mapping):
        for sub, leaf in value.items():
            yield from _flatten(_join_path(path, sub), leaf, quirks)
    else:
        yield path, _parse_boolean(path, value)


def _join_path(path: str, sub: str) -> str:
    return f"{path}:{sub}" if path == ENTERPRISE else f"{path}.{sub}"


def _parse_boolean(path: str, value: Any) -> Any:
    if path != "active" or value is None or isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in _BOOLEANS:
        return _BOOLEANS[value.lower()]
    raise RefusalError(400, f"active can't be {value!r}", scim_type="invalidValue")


def _put(user: dict[str, Any], path: str, value: Any) -> None:
    # RFC 7643 §2.5: null is the same as absent.
    if value is None:
        return
    head, sub = split_path(path)
    if sub is None:
        user[head] = value
        return
    block = user.setdefault(head, {})
    if not isinstance(block, dict):
        raise RefusalError(400, f"{head} is given twice", scim_type="invalidSyntax")
    block[sub] = value


def _split_operation(operation: Any, quirks: Quirks) -> Iterator[dict[str, Any]]:
    """Split an operation into operations with one path each."""
    fields = {key.lower(): value for key, value in operation.items()} if isinstance(operation, dict) else {}
    verb = fields.get("op")
    if not isinstance(verb, str) or verb.lower() not in _OPERATIONS:
        raise RefusalError(400, f"Unknown PATCH operation {verb!r}", scim_type="invalidSyntax")
    path, value = fields.get("path"), fields.get("value")
    if path is None or path == "":
        yield from _split_without_path(verb.lower(), value, quirks)
    elif isinstance(path, str):
        yield from _split_with_path(verb.lower(), path, value, quirks)
    else:
        raise RefusalError(400, f"path can't be {path!r}", scim_type="invalidPath")


def _split_without_path(verb: str, value: Any, quirks: Quirks) -> Iterator[dict[str, Any]]:
    if verb == "remove":
        # RFC 7644 §3.5.2.2
        raise RefusalError(400, "remove needs a path", scim_type="noTarget")
    if not isinstance(value, Mapping):
        raise RefusalError(400, f"{verb} without a path needs an object as its value", scim_type="invalidValue")
    for key, leaf in value.items():
        if common_name(key) is None:
            for path, inner in _flatten(key, leaf, quirks):
                yield _build_operation(verb, path, inner)


def _split_with_path(verb: str, path: str, value: Any, quirks: Quirks) -> Iterator[dict[str, Any]]:
    canonical = canonical_path(path)
    if canonical is None:
        _refuse_path(path, quirks)
    elif canonical in ("name", ENTERPRISE) and isinstance(value, Mapping) and verb != "remove":
        for inner, leaf in _flatten(canonical, value, quirks):
            yield _build_operation(verb, inner, leaf)
    else:
        yield _build_operation(verb, canonical, _parse_boolean(canonical, value), keep=verb == "remove")


def _refuse_path(path: str, quirks: Quirks) -> None:
    if path.removeprefix(f"{CORE}:").split(".")[0].lower() in COMMON:
        raise RefusalError(400, f"{path} is read-only", scim_type="mutability")
    if quirks.unknown_attr != "ignore":
        handle_unknown_attribute(path, quirks)
    raise RefusalError(400, f"Unknown path {path!r}", scim_type="invalidPath")


def _build_operation(verb: str, path: str, value: Any, *, keep: bool = False) -> dict[str, Any]:
    # RFC 7643 §2.5: null is the same as absent, so writing it removes.
    if value is None:
        return {"op": "remove", "path": path}
    return {"op": verb, "path": path} if keep else {"op": verb, "path": path, "value": value}


def _refuse_rejected_path(path: str, quirks: Quirks) -> None:
    # Field report: some PATCH bodies get 400 "Invalid request", the path that causes it is unknown.
    if path in quirks.patch_rejects or head_of(path) in quirks.patch_rejects:
        raise RefusalError(400, "Invalid request", scim_type="invalidValue")
