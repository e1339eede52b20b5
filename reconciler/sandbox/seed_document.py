"""The seed document, the initial content of a sandbox, validated strictly with all problems at once."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.sandbox.attributes import ENTERPRISE, ENTERPRISE_ATTRIBUTES, NAME, canonical_path, name_key
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.store import ACCOUNT_KINDS, Account

_SHOWN_PROBLEMS = 20
_EMAIL_TYPES = {"value": str, "type": str, "display": str, "primary": bool}
_META_TYPES = {"resourceType": str, "created": str, "lastModified": str, "location": str, "version": str}
_TYPE_NAMES = {str: "a string", bool: "true or false", dict: "an object", list: "a list", int: "a whole number"}
_USER_TYPES: Mapping[str, type] = {
    "schemas": list,
    "id": str,
    "externalId": str,
    "userName": str,
    "name": dict,
    "active": bool,
    "emails": list,
    "locale": str,
    "timezone": str,
    ENTERPRISE: dict,
    "meta": dict,
}


@dataclass(frozen=True, slots=True)
class SeedDocument:
    """A valid seed: `deleted` pairs a user name with the days since its deletion; None for `domains` accepts any."""

    domains: tuple[str, ...] | None
    quirks: Quirks
    users: tuple[Mapping[str, Any], ...]
    accounts: tuple[Account, ...]
    deleted: tuple[tuple[str, float], ...]


def read_seed_document(document: object) -> SeedDocument:
    """Validate a seed document. Raises SandboxError, which lists every problem with its path."""
    problems: list[str] = []
    fields = _read_object(document, "the document", problems)
    _check_keys(fields, "the document", ("domains", "quirks", "users", "accounts", "deleted"), problems)
    users = [_read_user(user, place, problems) for user, place in _read_items(fields, "users", problems)]
    accounts = [_read_account(account, place, problems) for account, place in _read_items(fields, "accounts", problems)]
    deleted = [_read_deleted(entry, place, problems) for entry, place in _read_items(fields, "deleted", problems)]
    domains = _read_domains(fields, problems)
    quirks = _read_quirks(fields.get("quirks", {}), problems)
    _check_unique(users, accounts, deleted, problems)
    _check_domains(users, domains, problems)
    _check_text(document, problems)
    if problems:
        raise SandboxError(_format_problems(problems))
    return SeedDocument(domains, quirks, tuple(users), tuple(accounts), tuple(deleted))


def check_value(path: str, value: object) -> None:
    """Validate one value for an attribute. Raises SandboxError."""
    problems: list[str] = []
    if _check_type(value, _USER_TYPES.get(path, str), path, problems):
        _check_nested(path, value, path, problems)
    if problems:
        raise SandboxError(_format_problems(problems))


def _format_problems(problems: Sequence[str]) -> str:
    shown = [f"  - {problem}" for problem in problems[:_SHOWN_PROBLEMS]]
    more = len(problems) - len(shown)
    rest = [f"  … and {more} more"] if more > 0 else []
    return "\n".join(["The sandbox can't be filled with this:", *shown, *rest])


def _read_object(value: object, place: str, problems: list[str]) -> Mapping[str, Any]:
    if isinstance(value, Mapping):
        return value
    problems.append(f"{place}: must be an object, not {_format_value(value)}")
    return {}


def _read_items(fields: Mapping[str, Any], key: str, problems: list[str]) -> Iterator[tuple[object, str]]:
    value = fields.get(key, [])
    if not isinstance(value, list | tuple):
        problems.append(f"{key}: must be a list, not {_format_value(value)}")
        return
    for index, entry in enumerate(value):
        yield entry, f"{key}[{index}]"


def _check_keys(fields: Mapping[str, Any], place: str, names: Sequence[str], problems: list[str]) -> None:
    problems.extend(f"{place}: unknown key {key!r}; known are {', '.join(names)}" for key in fields if key not in names)


def _check_type(value: object, kind: type, place: str, problems: list[str]) -> bool:
    # A bool is an int in Python.
    if isinstance(value, kind) and (kind is not int or not isinstance(value, bool)):
        return True
    problems.append(f"{place}: must be {_TYPE_NAMES[kind]}, not {_format_value(value)}")
    return False


def _format_value(value: object) -> str:
    text = json.dumps(value, ensure_ascii=True, default=repr)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - a readable line


def _read_user_name(fields: Mapping[str, Any], place: str, problems: list[str]) -> str:
    name = fields.get("userName")
    if isinstance(name, str) and name.strip():
        return name
    problems.append(f"{place}.userName: must be a string that isn't empty, not {_format_value(name)}")
    return ""


def _read_user(value: object, place: str, problems: list[str]) -> Mapping[str, Any]:
    user = _read_object(value, place, problems)
    _check_keys(user, place, tuple(_USER_TYPES), problems)
    _read_user_name(user, place, problems)
    for key, kind in _USER_TYPES.items():
        if key in user and _check_type(user[key], kind, f"{place}.{key}", problems):
            _check_nested(key, user[key], f"{place}.{key}", problems)
    return user


def _check_nested(key: str, value: Any, place: str, problems: list[str]) -> None:
    nested: dict[str, Callable[[], None]] = {
        "name": lambda: _check_block(value, place, dict.fromkeys(NAME, str), problems),
        ENTERPRISE: lambda: _check_block(value, place, dict.fromkeys(ENTERPRISE_ATTRIBUTES, str), problems),
        "meta": lambda: _check_block(value, place, _META_TYPES, problems),
        "schemas": lambda: _check_strings(value, place, problems),
        "emails": lambda: _check_emails(value, place, problems),
    }
    nested.get(key, lambda: None)()


def _check_block(block: object, place: str, kinds: Mapping[str, type], problems: list[str]) -> None:
    fields = _read_object(block, place, problems)
    _check_keys(fields, place, tuple(kinds), problems)
    for key, kind in kinds.items():
        if key in fields:
            _check_type(fields[key], kind, f"{place}.{key}", problems)


def _check_strings(values: Sequence[object], place: str, problems: list[str]) -> None:
    for index, value in enumerate(values):
        _check_type(value, str, f"{place}[{index}]", problems)


def _check_emails(values: Sequence[object], place: str, problems: list[str]) -> None:
    for index, value in enumerate(values):
        _check_block(value, f"{place}[{index}]", _EMAIL_TYPES, problems)


def _read_account(value: object, place: str, problems: list[str]) -> Account:
    fields = _read_object(value, place, problems)
    _check_keys(fields, place, ("kind", "userName"), problems)
    kind = fields.get("kind")
    if kind not in ACCOUNT_KINDS:
        problems.append(f"{place}.kind: must be one of {', '.join(ACCOUNT_KINDS)}, not {_format_value(kind)}")
    return Account(_read_user_name(fields, place, problems), next((k for k in ACCOUNT_KINDS if k == kind), "manual"))


def _read_deleted(value: object, place: str, problems: list[str]) -> tuple[str, float]:
    fields = _read_object(value, place, problems)
    _check_keys(fields, place, ("userName", "days_ago"), problems)
    days = fields.get("days_ago")
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 <= days <= 36_500:  # noqa: PLR2004 - a century
        problems.append(f"{place}.days_ago: must be a number of days from 0 on, not {_format_value(days)}")
        days = 0
    return _read_user_name(fields, place, problems), float(days)


def _read_domains(fields: Mapping[str, Any], problems: list[str]) -> tuple[str, ...] | None:
    if "domains" not in fields:
        return None
    names = []
    for name, place in _read_items(fields, "domains", problems):
        if not isinstance(name, str) or not name.strip() or "@" in name or any(c.isspace() for c in name):
            problems.append(f"{place}: must be a domain such as example.com, not {_format_value(name)}")
        else:
            names.append(name)
    return tuple(names)


def _read_quirks(value: object, problems: list[str]) -> Quirks:
    try:
        return Quirks.from_mapping(_read_object(value, "quirks", problems))
    except SandboxError as error:
        problems.append(f"quirks: {error}")
        return Quirks()


def _check_unique(
    users: Sequence[Mapping[str, Any]],
    accounts: Sequence[Account],
    deleted: Sequence[tuple[str, float]],
    problems: list[str],
) -> None:
    names = [(user.get("userName"), f"users[{index}]") for index, user in enumerate(users)]
    names += [(account.user_name, f"accounts[{index}]") for index, account in enumerate(accounts)]
    names += [(name, f"deleted[{index}]") for index, (name, _) in enumerate(deleted)]
    _check_distinct([(name_key(n), p) for n, p in names if isinstance(n, str) and n], "userName", problems)
    for attribute in ("id", "externalId"):
        values = [(user.get(attribute), f"users[{index}]") for index, user in enumerate(users)]
        _check_distinct([(v, p) for v, p in values if isinstance(v, str)], attribute, problems)


def _check_distinct(values: Sequence[tuple[str, str]], attribute: str, problems: list[str]) -> None:
    first: dict[str, str] = {}
    for value, place in values:
        if value in first:
            problems.append(f"{place}.{attribute}: {_format_value(value)} is taken by {first[value]} already")
        first.setdefault(value, place)


def _check_domains(users: Sequence[Mapping[str, Any]], domains: tuple[str, ...] | None, problems: list[str]) -> None:
    if domains is None:
        return
    verified = {name_key(name) for name in domains}
    for index, user in enumerate(users):
        name = user.get("userName")
        if isinstance(name, str) and name_key(name).rpartition("@")[2] not in verified:
            problems.append(f"users[{index}].userName: {_format_value(name)} is in none of the document's domains")


def _check_text(document: object, problems: list[str]) -> None:
    try:
        json.dumps(document, ensure_ascii=False, allow_nan=False, default=repr).encode()
    except (UnicodeEncodeError, ValueError) as error:
        problems.append(f"the document: holds something that isn't JSON in UTF-8: {error}")


def parse_editable_path(path: str) -> str:
    """Return the canonical path of an attribute that can be edited; `enterprise:department` is accepted too.

    Raises SandboxError.
    """
    alias = "enterprise:"
    written = f"{ENTERPRISE}:{path[len(alias) :]}" if path.lower().startswith(alias) else path
    canonical = canonical_path(written)
    if canonical is None or canonical in ("name", ENTERPRISE) or "[" in canonical or canonical.startswith("emails."):
        raise SandboxError(f"{path!r} is no attribute of an Apple account that can be edited, e.g. 'name.givenName'.")
    return canonical
