"""RFC 7644 §3.10 attribute paths: parse them, expand the `enterprise:` alias, and read one from a resource."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reconciler.core.model import AttributePath, Resource

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE_SCHEMAS = "urn:ietf:params:scim:schemas:core"
CORE = f"{CORE_SCHEMAS}:2.0:User"
_ALIAS = "enterprise:"

_NAME = r"[A-Za-z$][A-Za-z0-9_$-]*"
_CONDITION = rf"""{_NAME}\s+(?i:eq)\s+(?:"[^"\\\x00-\x1f]*"|(?i:true|false))"""
_CONDITIONS = re.compile(rf"""(?P<name>{_NAME})\s+(?i:eq)\s+(?:"(?P<text>[^"\\]*)"|(?P<boolean>\w+))""")
_PATH = re.compile(
    rf"""(?:(?P<urn>urn:[A-Za-z0-9:._-]+):)?
         (?P<attribute>{_NAME})
         (?:\[\s*(?P<filter>{_CONDITION}(?:\s+(?i:and)\s+{_CONDITION})*)\s*\])?
         (?:\.(?P<sub>{_NAME}))?""",
    re.VERBOSE,
)
_BOOLEANS = {"true": True, "false": False}
_ELEMENT_NAMES = {
    name.casefold(): name
    for name in """value display type primary $ref formatted streetAddress locality region postalCode country""".split()
}
"""The sub-attributes of elements (RFC 7643 §2.4, §4.1.2), whose names have no case."""
_PRIMARY = "primary"
"""The only boolean sub-attribute that RFC 7643 §2.4 gives to elements; Entra writes `primary eq "True"`."""

Condition = tuple[str, str | bool]
"""A sub-attribute of an element and its value: (`type`, `work`), (`primary`, True)."""


class PathError(ValueError):
    """The text is not an attribute path."""


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. `filter` is ((`type`, `work`),) for `emails[type eq "work"].value`.

    Conditions compare with `eq`, and an element must meet all of them; no other filter is supported.
    """

    urn: str | None
    attribute: str
    filter: tuple[Condition, ...] | None = None
    sub: str | None = None

    def __str__(self) -> str:
        urn = f"{self.urn}:" if self.urn else ""
        conditions = [f"{name} eq {json.dumps(value, ensure_ascii=False)}" for name, value in self.filter or ()]
        selection = f"[{' and '.join(conditions)}]" if conditions else ""
        return f"{urn}{self.attribute}{selection}" + (f".{self.sub}" if self.sub else "")

    @property
    def unfiltered(self) -> str:
        """The path without its filter: the key of the attribute's row in a profile."""
        return str(Path(self.urn, self.attribute, None, self.sub))


def parse(text: str) -> Path:
    """Parse a path and expand the `enterprise:` alias. Raises `PathError` if `text` is not a path."""
    written = text.strip()
    full = f"{ENTERPRISE}:{written[len(_ALIAS) :]}" if written.casefold().startswith(_ALIAS) else written
    match = _PATH.fullmatch(full)
    if match is None:
        raise PathError(f"{text!r} is not an attribute path such as userName, name.givenName or enterprise:department")
    found = match.groupdict()
    if found["filter"] and not found["sub"]:
        raise PathError(f"{text!r} selects an element but no sub-attribute: add one, such as .value")
    conditions = [_parse_condition(each) for each in _CONDITIONS.finditer(found["filter"] or "")]
    # RFC 7644 §3.10: the core schema's URN may be left out.
    urn = None if (found["urn"] or "").casefold() == CORE.casefold() else found["urn"]
    return Path(urn, found["attribute"], order_conditions(conditions) if conditions else None, found["sub"])


def _parse_condition(match: re.Match[str]) -> Condition:
    name, text = match["name"], match["text"]
    return name, text if text is not None else _BOOLEANS[match["boolean"].casefold()]


def order_conditions(conditions: Iterable[Condition]) -> tuple[Condition, ...]:
    """Return conditions in one order and spelling, so that equal filters are equal. Raises `PathError`.

    `primary eq "True"`, as Entra writes it, is `primary eq true` (RFC 7643 §2.4).
    """
    found: dict[str, Condition] = {}
    for name, value in conditions:
        key = name.casefold()
        if key in found:
            raise PathError(f"the filter compares {name} twice: keep one")
        known = _BOOLEANS.get(value.casefold().strip()) if isinstance(value, str) and key == _PRIMARY else value
        if known is None:
            raise PathError(f"{name} is true or false, not {value!r}")
        found[key] = (_ELEMENT_NAMES.get(key, name), known)
    return tuple(sorted(found.values(), key=lambda each: (isinstance(each[1], bool), each[0].casefold())))


def shorten_path(path: AttributePath) -> str:
    """Return `path` for display: the enterprise URN as `enterprise:`."""
    return _ALIAS + path[len(ENTERPRISE) + 1 :] if path.startswith(ENTERPRISE + ":") else path


def get(container: Any, name: str) -> Any:
    """Return `container[name]` by the exact name, else case-insensitively (RFC 7643 §2.1); None if absent."""
    if container.__class__ is not dict:
        return None
    value = container.get(name)
    if value is not None or name in container:
        return value
    # Only for services with their own spelling; most keys are found above.
    if has_usual_spelling(tuple(container)):
        return None
    folded = name.casefold()
    return next((value for key, value in container.items() if key.casefold() == folded), None)


_CORE_NAMES = frozenset(
    """schemas id externalid meta username name displayname nickname profileurl title usertype preferredlanguage locale
    timezone active emails phonenumbers ims photos addresses groups entitlements roles x509certificates""".split()
)
_KNOWN_SHAPES: dict[tuple[str, ...], bool] = {}
_USUAL_NAMES = frozenset(
    """schemas id externalId meta userName name displayName nickName profileUrl title userType preferredLanguage locale
    timezone active emails phoneNumbers ims photos addresses groups entitlements roles x509Certificates formatted
    familyName givenName middleName honorificPrefix honorificSuffix employeeNumber costCenter organization division
    department manager value display type primary""".split(),
) | {ENTERPRISE}


def is_core_attribute(name: str) -> bool:
    """Whether RFC 7643 gives a User a top-level attribute of this name."""
    return name.casefold() in _CORE_NAMES


def has_usual_spelling(keys: tuple[str, ...]) -> bool:
    """Whether all keys are RFC 7643 names in the RFC's spelling; cached for each shape of a resource.

    An attribute of RFC 7643 that is none of them is absent then, in any case.
    """
    known = _KNOWN_SHAPES.get(keys)
    if known is None:
        if len(_KNOWN_SHAPES) > 1000:  # noqa: PLR2004 - a hostile service may keep sending new shapes
            _KNOWN_SHAPES.clear()
        known = _KNOWN_SHAPES[keys] = _USUAL_NAMES.issuperset(keys)
    return known


def compile_reader(path: Path) -> Callable[[Resource], Any]:
    """Compile a function that reads `path` from a resource: the raw JSON value, or None if unassigned."""
    urn, attribute, sub = path.urn, path.attribute, path.sub
    if path.filter is not None:
        return _compile_element_reader(path, path.filter)
    if urn is None and sub is None:
        return lambda resource: get(resource, attribute)
    if urn is None:
        return lambda resource: get(get(resource, attribute), sub or "")
    if sub is None:
        return lambda resource: get(get(resource, urn), attribute)
    return lambda resource: get(get(get(resource, urn), attribute), sub)


def _compile_element_reader(path: Path, conditions: Sequence[Condition]) -> Callable[[Resource], Any]:
    sub = path.sub or "value"

    def read(resource: Resource) -> Any:
        holder = get(resource, path.urn) if path.urn else resource
        for element in list_elements(get(holder, path.attribute)):
            if meets(element, conditions):
                return get(element, sub)
        return None

    return read


def list_elements(value: Any) -> Sequence[Any]:
    """Return the elements of a multi-valued attribute. Some services send a single one without its list."""
    return value if value.__class__ is list else [value] if value.__class__ is dict else ()


def meets(element: Any, conditions: Sequence[Condition]) -> bool:
    """Whether an element of a multi-valued attribute meets all conditions. Text is compared without case.

    Services send booleans as text too; an absent one is false (RFC 7643 §2.4 for `primary`).
    """
    for name, wanted in conditions:
        value = get(element, name)
        if wanted is False and value is None and isinstance(element, dict):
            continue
        if not isinstance(value, str | bool | int) or str(value).strip().casefold() != str(wanted).casefold():
            return False
    return True
