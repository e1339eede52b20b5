"""Functions on several values, numbers, encodings, app roles and random values."""

from __future__ import annotations

import base64
import binascii
import json
import uuid
from typing import Any

from reconciler.expressions.signature import Function, Parameter, optional_parameter
from reconciler.expressions.value_types import (
    MAX_TOTAL,
    Context,
    EvaluationError,
    IgnoreFlow,
    IgnoreFlowError,
    check_length,
    quote_value,
    to_integer,
    to_natural,
    to_text,
    to_values,
)

_MAX_RANDOM = 256
_ENCODINGS = {"Unicode": "utf-16-le", "ASCII": "ascii", "UTF8": "utf-8"}
_DIGITS, _CAPITALS, _SMALL = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
_SPECIAL = "~!@#$%^&*_-+=`|\\(){}[]:;\"'<>,.?/"
"""The special characters of Windows' password complexity rule, which Entra's reference cites."""
_ROLE_TYPE = "WindowsAzureActiveDirectoryRole"


def bit_and(first: int, second: int) -> str:
    """Return the bits that are set in both numbers."""
    return str(first & second)


def cstr(value: str | None) -> str | None:
    """Return the value, which is a text already."""
    return value


def count(values: tuple[str, ...]) -> str:
    """Return the number of values. Entra's documents don't define it for one value (here: 1) and none (here: 0)."""
    return str(len(values))


def item(values: tuple[str, ...], index: int) -> str | None:
    """Return the value at the 1-based index; None without values. Raises `EvaluationError` beyond the last one."""
    if not values:
        return None
    if not 1 <= index <= len(values):
        raise EvaluationError(f"there is no item {quote_value(index)}: the attribute has {len(values)}, counted from 1")
    return values[index - 1]


def remove_duplicates(values: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return each value once. Entra's documents don't define order and case; here the first stays and case matters."""
    return tuple(dict.fromkeys(values)) or None


def convert_to_base64(source: str | None) -> str | None:
    """Return Base64 of UTF-16LE without a byte order mark, which Entra calls Unicode."""
    if source is None:
        return None
    check_length((len(source) * 2 + 2) // 3 * 4)
    return base64.b64encode(source.encode("utf-16-le", "surrogatepass")).decode("ascii")


def convert_from_base64(source: str | None, encoding: str | None = None) -> str | None:
    """Decode Base64, by default of UTF-16LE. Raises `EvaluationError` if it is invalid."""
    if source is None:
        return None
    codec = _ENCODINGS.get(encoding or "Unicode")
    if codec is None:
        raise EvaluationError(f"{quote_value(encoding or '')} is not {', '.join(_ENCODINGS)}")
    try:
        return base64.b64decode(source.encode("utf-8", "replace"), validate=True).decode(codec)
    except (binascii.Error, UnicodeDecodeError) as exc:
        raise EvaluationError(f"{quote_value(source)} is not Base64 of {encoding or 'Unicode'} text") from exc


def convert_to_utf8_hex(source: str | None) -> str | None:
    """Return the bytes of UTF-8 as upper-case hexadecimal digits."""
    return None if source is None else source.encode("utf-8", "replace").hex().upper()


def dn_component(name: str | None, number: int) -> str | None:
    """Return the value of the component at the 1-based number of a distinguished name; commas may be escaped.

    Entra's documents don't define a number out of range; here there is no value.
    """
    if name is None or number < 1:
        return None
    components = _split_components(name)
    if number > len(components):
        return None
    return components[number - 1].partition("=")[2].strip() or None


def _split_components(name: str) -> list[str]:
    components = [""]
    escaped = False
    for character in name:
        if character == "," and not escaped:
            components.append("")
        elif character == "\\" and not escaped:
            escaped = True
            continue
        else:
            components[-1] += character
        escaped = False
    return [component.strip() for component in components]


def string_from_sid(value: str | None) -> str | None:
    """Return the text form of a security identifier, from its bytes in Base64 or from its text form.

    Entra's documents call the argument binary; Graph and files show bytes as Base64. Raises `EvaluationError`.
    """
    if value is None or value.startswith("S-"):
        return value
    try:
        sid = base64.b64decode(value.encode("utf-8", "replace"), validate=True)
    except binascii.Error as exc:
        raise EvaluationError(f"{quote_value(value)} is not a security identifier") from exc
    if len(sid) < 8 or len(sid) != 8 + 4 * sid[1]:  # noqa: PLR2004
        raise EvaluationError(f"{quote_value(value)} is not a security identifier")
    parts = [int.from_bytes(sid[start : start + 4], "little") for start in range(8, len(sid), 4)]
    return "-".join(map(str, ["S", sid[0], int.from_bytes(sid[2:8], "big"), *parts]))


def _read_role_name(assignment: str) -> str:
    """Read the name of a role: the assignment is the name, or a JSON object with `value` or `displayName`."""
    if not assignment.lstrip().startswith("{"):
        return assignment
    try:
        role: Any = json.loads(assignment)
    except (ValueError, RecursionError) as exc:
        raise EvaluationError(f"{quote_value(assignment)} is not an app role assignment") from exc
    name = role.get("value") or role.get("displayName")
    if not isinstance(name, str):
        raise EvaluationError(f"{quote_value(assignment)} does not name an app role")
    return name


def single_app_role_assignment(assignments: tuple[str, ...]) -> str | None:
    """Return the name of the user's role. Raises `EvaluationError` for several roles.

    Entra would choose any ("no guarantee which"), and a plan must not depend on that.
    """
    if len(assignments) > 1:
        raise EvaluationError(f"{len(assignments)} app roles where one is supported")
    return _read_role_name(assignments[0]) if assignments else None


def app_role_assignments(assignments: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the names of the user's roles. Graph lists the function without a description."""
    return tuple(map(_read_role_name, assignments)) or None


def app_role_assignments_complex(assignments: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the user's roles as elements of SCIM's `roles`, each as JSON; none is primary.

    Entra's documents have `displayName` or `display`; here `display`, as in RFC 7643 §4.1.2. The assertive form has the
    same values: whether a PATCH adds or replaces is not decided here.
    """
    roles = [
        json.dumps({"primary": False, "type": _ROLE_TYPE, "display": name, "value": name}, ensure_ascii=False)
        for name in map(_read_role_name, assignments)
    ]
    if sum(map(len, roles)) > MAX_TOTAL:
        raise EvaluationError("the app roles are too long")
    return tuple(roles) or None


def _require_creating(context: Context) -> None:
    """Ignore the attribute unless creating: each plan would change a random value."""
    if not context.creating:
        raise IgnoreFlowError(IgnoreFlow.ATTRIBUTE)


def guid(context: Context) -> str:
    """Return a new random GUID (version 4) on create; later the attribute is ignored."""
    _require_creating(context)
    return str(uuid.UUID(int=context.random(1 << 128), version=4))


def random_string(  # noqa: PLR0917 # the arguments of Entra's function
    context: Context, length: int, digits: int, special: int, capitals: int, small: int, avoid: str | None = None
) -> str:
    """Return `length` random characters (at most 256), at least so many of each kind, none from `avoid`.

    Entra's rule for the length omits the lower-case letters; here they count. Only on create; later the attribute is
    ignored. Raises `EvaluationError` for lengths that contradict each other.
    """
    _require_creating(context)
    kinds = [_remove_characters(kind, avoid or "") for kind in (_DIGITS, _SPECIAL, _CAPITALS, _SMALL)]
    least = (digits, special, capitals, small)
    if length > _MAX_RANDOM or sum(least) > length:
        raise EvaluationError(f"a random text has at most {_MAX_RANDOM} characters, and not fewer than its parts")
    every = "".join(kinds)
    wanted = [(kind, number) for kind, number in zip(kinds, least, strict=True) if number]
    wanted.append((every, length - sum(least)))
    if any(number and not kind for kind, number in wanted):
        raise EvaluationError("CharactersToAvoid leaves no character of a kind that is needed")
    characters = [kind[context.random(len(kind))] for kind, number in wanted for _ in range(number)]
    return "".join(_shuffle(characters, context))


def _remove_characters(characters: str, avoid: str) -> str:
    return "".join(each for each in characters if each not in avoid)


def _shuffle(characters: list[str], context: Context) -> list[str]:
    for last in range(len(characters) - 1, 0, -1):
        other = context.random(last + 1)
        characters[last], characters[other] = characters[other], characters[last]
    return characters


_ROLES = (Parameter("appRoleAssignments", to_values),)
_COUNTS = tuple(
    Parameter(name, to_natural)
    for name in ("Length", "MinimumNumbers", "MinimumSpecialCharacters", "MinimumCapital", "MinimumLowerCase")
)
VALUES = (
    Function("BitAnd", (Parameter("value1", to_integer), Parameter("value2", to_integer)), bit_and),
    Function("CStr", (Parameter("value"),), cstr),
    Function("Count", (Parameter("attribute", to_values),), count),
    Function("Item", (Parameter("attribute", to_values), Parameter("index", to_integer)), item),
    Function("RemoveDuplicates", (Parameter("attribute", to_values),), remove_duplicates),
    Function("ConvertToBase64", (Parameter("source"),), convert_to_base64),
    Function(
        "ConvertFromBase64",
        (Parameter("source"), optional_parameter("Encoding", to_text, *_ENCODINGS)),
        convert_from_base64,
    ),
    Function("ConvertToUTF8Hex", (Parameter("source"),), convert_to_utf8_hex),
    Function("DNComponent", (Parameter("dn"), Parameter("ComponentNumber", to_integer)), dn_component),
    Function("StringFromSid", (Parameter("ObjectSID"),), string_from_sid),
    Function("SingleAppRoleAssignment", _ROLES, single_app_role_assignment),
    Function("AppRoleAssignments", _ROLES, app_role_assignments),
    Function("AppRoleAssignmentsComplex", _ROLES, app_role_assignments_complex),
    Function("AssertiveAppRoleAssignmentsComplex", _ROLES, app_role_assignments_complex),
    Function("Guid", (), guid, pure=False, contextual=True),
    Function(
        "RandomString", (*_COUNTS, optional_parameter("CharactersToAvoid")), random_string, pure=False, contextual=True
    ),
)
