"""Users of RFC 7643 as plain dicts: which attributes there are, and how PATCH changes them."""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

User = dict[str, Any]

CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PATCH_OP = "urn:ietf:params:scim:api:messages:2.0:PatchOp"

# RFC 7643 §4.1 and §4.3; §3.1 for what all resources have.
STRINGS = frozenset({
    "userName", "externalId", "displayName", "nickName", "profileUrl", "title", "userType", "preferredLanguage",
    "locale", "timezone", "password",
})  # fmt: skip
NAME_PARTS = frozenset({"formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"})
MULTI_VALUED = frozenset({
    "emails", "phoneNumbers", "ims", "photos", "addresses", "entitlements", "roles", "x509Certificates",
})  # fmt: skip
READ_ONLY = frozenset({"id", "meta", "groups"})
ENTERPRISE_STRINGS = frozenset({"employeeNumber", "costCenter", "organization", "division", "department"})

_TOP = {n.lower(): n for n in STRINGS | MULTI_VALUED | READ_ONLY | {"active", "name", "schemas"}}
_NAME = {n.lower(): n for n in NAME_PARTS}
_ENTERPRISE = {n.lower(): n for n in ENTERPRISE_STRINGS | {"manager"}}
_PATH = re.compile(
    r"(?P<attribute>[A-Za-z$][\w$-]*)"
    r"(?:\[(?P<where>[^\]]*)\])?"
    r"(?:\.(?P<sub>[A-Za-z$][\w$-]*))?"
)
_CONDITION = re.compile(r'(?P<key>[A-Za-z]+) eq (?:"(?P<text>[^"\\]*)"|(?P<boolean>true|false))')


class Refused(Exception):  # noqa: N818 - it is an answer, not a fault
    """A SCIM error answer (RFC 7644 §3.12)."""

    def __init__(self, status: int, detail: str, scim_type: str | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.scim_type = scim_type


def bad(detail: str, scim_type: str) -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, detail, scim_type)


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value lives: the dicts to walk through, then an attribute, and for a value path which of its values."""

    container: tuple[str, ...]
    attribute: str
    where: tuple[tuple[str, Any], ...] | None = None
    sub: str | None = None


def parse_path(text: str) -> Path:
    lowered = text.lower()
    if lowered == ENTERPRISE.lower():
        return Path((), ENTERPRISE)
    if lowered.startswith(f"{ENTERPRISE.lower()}:"):
        return _parse(text[len(ENTERPRISE) + 1 :], _ENTERPRISE, (ENTERPRISE,))
    if lowered.startswith(f"{CORE.lower()}:"):
        text = text[len(CORE) + 1 :]
    return _parse(text, _TOP, ())


def _parse(text: str, known: Mapping[str, str], container: tuple[str, ...]) -> Path:
    match = _PATH.fullmatch(text)
    if match is None or match["attribute"].lower() not in known:
        raise bad(f"no such attribute: {text}", "invalidPath")
    attribute = known[match["attribute"].lower()]
    if attribute in READ_ONLY or attribute == "schemas":
        raise bad(f"{attribute} is read only", "mutability")
    sub = match["sub"]
    if match["where"] is not None:
        if attribute not in MULTI_VALUED:
            raise bad(f"{attribute} has one value only", "invalidPath")
        return Path(container, attribute, _where(match["where"]), sub)
    if sub is None:
        return Path(container, attribute)
    return Path((*container, attribute), _sub_attribute(attribute, sub))


def _where(text: str) -> tuple[tuple[str, Any], ...]:
    found = [_CONDITION.fullmatch(part) for part in text.split(" and ")]
    if not all(found) or any(match and match["key"] == "primary" and match["text"] is not None for match in found):
        raise bad(f"no such filter: {text}", "invalidFilter")
    return tuple(
        (match["key"], match["boolean"] == "true" if match["text"] is None else match["text"])
        for match in found
        if match is not None
    )


def _meets(value: dict[str, Any], where: tuple[tuple[str, Any], ...]) -> bool:
    # RFC 7643 §2.4: without `primary`, it is false.
    return all(value.get(key, False if wanted is False else None) == wanted for key, wanted in where)


def _sub_attribute(attribute: str, sub: str) -> str:
    if attribute == "name" and sub.lower() in _NAME:
        return _NAME[sub.lower()]
    if attribute == "manager" and sub in {"value", "displayName"}:
        return sub
    raise bad(f"{attribute} has no {sub}", "invalidPath")


def patched(user: User, body: Any, *, lenient: bool = False) -> User:
    """The user after a PatchOp; all of it or a `Refused`. `lenient` takes "True" for true."""
    result = deepcopy(user)
    for operation in _operations(body):
        _apply(result, operation, lenient=lenient)
    return tidy(result)


def _operations(body: Any) -> list[dict[str, Any]]:
    if not isinstance(body, dict) or PATCH_OP not in (body.get("schemas") or ()):
        raise bad("not a PatchOp", "invalidSyntax")
    operations = body.get("Operations")
    if not isinstance(operations, list) or not operations or not all(isinstance(o, dict) for o in operations):
        raise bad("no Operations", "invalidSyntax")
    return operations


def _apply(user: User, operation: dict[str, Any], *, lenient: bool) -> None:
    op, path, value = str(operation.get("op")).lower(), operation.get("path"), operation.get("value")
    if op not in {"add", "replace", "remove"}:
        raise bad(f"no such operation: {op}", "invalidSyntax")
    if op == "remove":
        if not path:
            raise bad("remove needs a path", "noTarget")
        _remove(user, parse_path(path))
        return
    if "value" not in operation:
        raise bad(f"{op} needs a value", "invalidValue")
    if path:
        _set(user, parse_path(path), value, op, lenient)
        return
    if not isinstance(value, dict):
        raise bad("without a path the value is an object", "invalidValue")
    for name, part in value.items():
        if name == "schemas":
            continue
        # RFC 7644 §3.5.2.1: the object's keys are attributes (or an extension's URN), not paths.
        if "." in name.removeprefix(ENTERPRISE) or "[" in name:
            raise bad(f"not an attribute: {name}", "invalidPath")
        _set(user, parse_path(name), part, op, lenient)


def _set(user: User, path: Path, value: Any, op: str, lenient: bool) -> None:
    if path.where is not None:
        _set_where(user, path, value, op)
        return
    place = user
    for step in path.container:
        place = place.setdefault(step, {})
    value = checked(path.container[-1:], path.attribute, value, lenient=lenient)
    if isinstance(value, dict):
        # A complex attribute: the sub-attributes named are set, the others stay.
        place.setdefault(path.attribute, {}).update(value)
    elif isinstance(value, list) and op == "add":
        old = place.setdefault(path.attribute, [])
        old.extend(v for v in value if v not in old)
    else:
        place[path.attribute] = value


def _set_where(user: User, path: Path, value: Any, op: str) -> None:
    assert path.where is not None
    hits = [v for v in user.get(path.attribute) or [] if _meets(v, path.where)]
    if not hits and op == "replace":
        raise bad(f"no {path.attribute} with {path.where}", "noTarget")
    if not hits:
        hits = [dict(path.where)]
        user.setdefault(path.attribute, []).extend(hits)
    change = value if path.sub is None else {path.sub: value}
    if not isinstance(change, dict):
        raise bad(f"{path.attribute} takes objects", "invalidValue")
    for hit in hits:
        hit.update(change)


def _remove(user: User, path: Path) -> None:
    if path.attribute == "userName":
        raise bad("userName is required", "mutability")
    place: Any = user
    for step in path.container:
        place = place.get(step) or {}
    if path.where is None:
        place.pop(path.attribute, None)
        return
    if path.sub is None:
        place[path.attribute] = [v for v in place.get(path.attribute) or [] if not _meets(v, path.where)]
        return
    for value in place.get(path.attribute) or []:
        if _meets(value, path.where):
            value.pop(path.sub, None)


def checked(container: tuple[str, ...], attribute: str, value: Any, *, lenient: bool = False) -> Any:
    """The value if it has the attribute's type (null always has), with the names inside it spelt as in the schema."""
    if value is None:
        return None
    if attribute == "active" and not container:
        return _boolean(value, "active", lenient=lenient)
    if attribute in MULTI_VALUED and not container:
        if not isinstance(value, list) or not all(isinstance(v, dict) for v in value):
            raise bad(f"{attribute} is a list of objects", "invalidValue")
        return [
            {k: _boolean(v, k, lenient=lenient) if k == "primary" else v for k, v in part.items()} for part in value
        ]
    if attribute == "name" and not container:
        return _complex(value, _NAME, "name", _string)
    if attribute == ENTERPRISE:
        return _complex(value, _ENTERPRISE, attribute, _enterprise)
    return _enterprise(attribute, value)


def _enterprise(attribute: str, value: Any) -> Any:
    if attribute != "manager":
        return _string(attribute, value)
    if not isinstance(value, dict):
        raise bad("manager is an object", "invalidValue")
    return value


def _string(attribute: str, value: Any) -> Any:
    if value is not None and not isinstance(value, str):
        raise bad(f"{attribute} is a string", "invalidValue")
    return value


def _boolean(value: Any, attribute: str, *, lenient: bool) -> bool:
    if lenient and isinstance(value, str) and value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if not isinstance(value, bool):
        raise bad(f"{attribute} is a boolean", "invalidValue")
    return value


def _complex(value: Any, known: Mapping[str, str], attribute: str, check: Callable[[str, Any], Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise bad(f"{attribute} is an object", "invalidValue")
    parts = {}
    for key, part in value.items():
        if key.lower() not in known:
            raise bad(f"{attribute} has no {key}", "invalidPath")
        parts[known[key.lower()]] = check(key, part)
    return parts


def tidy(user: User) -> User:
    """The user without unassigned attributes (RFC 7643 §2.5), `schemas` naming what is there."""
    kept: User = _assigned(user)
    if not kept.get("userName"):
        raise bad("userName is required", "invalidValue")
    kept["schemas"] = [CORE, ENTERPRISE] if ENTERPRISE in kept else [CORE]
    return kept


def _assigned(value: Any) -> Any:
    if isinstance(value, dict):
        parts = {k: _assigned(v) for k, v in value.items()}
        return {k: v for k, v in parts.items() if v is not None and v not in ([], {})}
    if isinstance(value, list):
        return [v for v in map(_assigned, value) if v is not None and v != {}]
    return value


def accepted(body: Any, *, lenient: bool = False) -> User:
    """The user a POST or PUT body describes; what is read only is left out (RFC 7644 §3.3)."""
    if not isinstance(body, dict):
        raise bad("the body is not an object", "invalidSyntax")
    schemas = body.get("schemas")
    if not isinstance(schemas, list) or CORE not in schemas:
        raise bad("schemas doesn't name User", "invalidSyntax")
    if ENTERPRISE in body and ENTERPRISE not in schemas:
        raise bad("schemas doesn't name the enterprise extension", "invalidSyntax")
    user: User = {}
    for key, value in body.items():
        if key.lower() not in READ_ONLY and key != "schemas":
            path = parse_path(key)
            if path.container or path.where:
                raise bad(f"not an attribute: {key}", "invalidSyntax")
            user[path.attribute] = checked((), path.attribute, value, lenient=lenient)
    return tidy(user)


def restore(user: User, original: User, path_text: str) -> User:
    """The user with what lies under a path as it was in the original."""
    path = parse_path(path_text)
    result = deepcopy(user)
    place, source = result, original
    for step in path.container:
        place, source = place.setdefault(step, {}), source.get(step) or {}
    place.pop(path.attribute, None)
    if path.attribute in source:
        place[path.attribute] = source[path.attribute]
    return tidy(result)
