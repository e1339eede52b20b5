"""RFC 7644 §3.10 attribute paths: parse them, expand the `enterprise:` alias, and read one from a resource."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from reconciler.core.model import AttributePath, Resource

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
CORE = "urn:ietf:params:scim:schemas:core:2.0:User"
_ALIAS = "enterprise:"

_NAME = r"[A-Za-z$][A-Za-z0-9_$-]*"
_PATH = re.compile(
    rf"""(?:(?P<urn>urn:[A-Za-z0-9:._-]+):)?
         (?P<attribute>{_NAME})
         (?:\[\s*(?P<filter_attribute>{_NAME})\s+(?i:eq)\s+"(?P<filter_value>[^"\\]*)"\s*\])?
         (?:\.(?P<sub>{_NAME}))?""",
    re.VERBOSE,
)


class PathError(ValueError):
    """The text is not an attribute path."""


@dataclass(frozen=True, slots=True)
class Path:
    """A parsed path. `filter` is (`type`, `work`) for `emails[type eq "work"].value`, the only supported form."""

    urn: str | None
    attribute: str
    filter: tuple[str, str] | None = None
    sub: str | None = None

    def __str__(self) -> str:
        urn = f"{self.urn}:" if self.urn else ""
        selection = f'[{self.filter[0]} eq "{self.filter[1]}"]' if self.filter else ""
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
    if found["filter_attribute"] and not found["sub"]:
        raise PathError(f"{text!r} selects an element but no sub-attribute: add one, such as .value")
    selection = (found["filter_attribute"], found["filter_value"]) if found["filter_attribute"] else None
    # RFC 7644 §3.10: the core schema's URN may be left out.
    urn = None if (found["urn"] or "").casefold() == CORE.casefold() else found["urn"]
    return Path(urn, found["attribute"], selection, found["sub"])


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
    if _has_usual_spelling(tuple(container)):
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


def _has_usual_spelling(keys: tuple[str, ...]) -> bool:
    """Whether all keys are RFC 7643 names in the RFC's spelling; cached for each shape of a resource."""
    known = _KNOWN_SHAPES.get(keys)
    if known is None:
        if len(_KNOWN_SHAPES) > 1000:  # noqa: PLR2004 - a hostile service may keep sending new shapes
            _KNOWN_SHAPES.clear()
        known = _KNOWN_SHAPES[keys] = _USUAL_NAMES.issuperset(keys)
    return known


def compile_reader(path: Path) -> Callable[[Resource], Any]:
    """Compile a function that reads `path` from a resource: the raw JSON value, or None if unassigned."""
    urn, attribute, selection, sub = path.urn, path.attribute, path.filter, path.sub
    if selection is not None:
        return _compile_element_reader(path, selection)
    if urn is None and sub is None:
        return lambda resource: get(resource, attribute)
    if urn is None:
        return lambda resource: get(get(resource, attribute), sub or "")
    if sub is None:
        return lambda resource: get(get(resource, urn), attribute)
    return lambda resource: get(get(get(resource, urn), attribute), sub)


def _compile_element_reader(path: Path, selection: tuple[str, str]) -> Callable[[Resource], Any]:
    name, wanted = selection[0], selection[1].casefold()

    def read(resource: Resource) -> Any:
        holder = get(resource, path.urn) if path.urn else resource
        elements = get(holder, path.attribute)
        if not isinstance(elements, list):
            return None
        for element in elements:
            if str(get(element, name)).casefold() == wanted:
                return get(element, path.sub or "value")
        return None

    return read
