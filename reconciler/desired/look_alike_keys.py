"""Check the keys of users: any name is a source attribute, so a misspelt one would go unnoticed. Pure.

A key that decides about the account, or that newcomers write for one that does, is an error unless something reads it.
A key that nothing reads and that resembles a known one is a warning. All others are custom attributes.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection
from dataclasses import dataclass, field

from reconciler.core.model import Severity, error, warning
from reconciler.core.text import quote
from reconciler.desired.source_attributes import ENTRA_ATTRIBUTES
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.desired.yaml_reader import Report

STRUCTURAL = ("accountEnabled", "lifecycle", "objectId", "userPrincipalName")
"""Keys that decide about the account, whatever mappings and filters read."""
_GROUPS = "the members of a group"
_ALIASES = {
    "accountEnabled": "enabled active isenabled isactive disabled isdisabled accountdisabled inactive suspended",
    "lifecycle.expires": "expires expiry expirydate expirationdate expireson expiresat",
    "lifecycle.starts": "starts startson startsat",
    "lifecycle.protected": "protected isprotected",
    "objectId": "id oid externalid",
    "userPrincipalName": "upn username login loginname",
    "mail": "email emailaddress",
    "givenName": "firstname forename",
    "surname": "lastname familyname",
    "department": "departement dept",
}
"""What other systems call it: errors."""
_RELATED = {
    "lifecycle.expires": "enddate validuntil validto terminationdate leavedate",
    "lifecycle.starts": "startdate validfrom",
    "accountEnabled": "status",
    "displayName": "name fullname",
    "jobTitle": "title",
    "telephoneNumber": "phone phonenumber businessphones",
    "mobile": "mobilephone",
    "physicalDeliveryOfficeName": "office officelocation",
    "employeeId": "employeenumber personnelnumber",
    "employeeHireDate": "hiredate",
    "preferredLanguage": "language locale",
    _GROUPS: "groups group memberof",
}
"""What may be meant instead: warnings."""
_NEGATED = frozenset({"disabled", "isdisabled", "accountdisabled", "inactive", "suspended"})
_DIGITS = "0123456789"
_CUTOFF = 0.85
_MAX_SHAPES = 10_000


def _invert(table: dict[str, str]) -> dict[str, str]:
    return {alias: name for name, aliases in table.items() for alias in aliases.split()}


_ERRORS, _WARNINGS = _invert(_ALIASES), _invert(_RELATED)


@dataclass(frozen=True, slots=True)
class _Finding:
    """A key that looks like another."""

    severity: Severity
    key: str
    name: str
    detail: str


@dataclass(slots=True)
class UserKeys:
    """Checks keys. `read`: the attributes that mappings and filters read; None: unknown, so only structural keys count.

    `deciding`: those that filters and matching rows read. `suggested`: what was suggested instead of a key so far.
    """

    read: frozenset[str] | None = None
    deciding: Collection[str] = ()
    suggested: set[str] = field(default_factory=set)
    _shapes: dict[tuple[str, ...], tuple[_Finding, ...]] = field(default_factory=dict)
    """Findings by the keys of a user: most users have the same keys."""

    def check(self, item: YamlMapping, report: Report) -> bool:
        """Report keys that look like others; return whether none of them is an error."""
        findings = self._find(tuple(item))
        for found in findings:
            create = error if found.severity is Severity.ERROR else warning
            self.suggested.add(found.name)
            report(create(f"key {quote(found.key)} looks like {found.name}", found.detail, item.key_origin(found.key)))
        return all(found.severity is not Severity.ERROR for found in findings)

    def accepts(self, shape: tuple[str, ...]) -> bool:
        """Whether `check` reports nothing about a user with the keys `shape`."""
        return not self._find(shape)

    def _find(self, shape: tuple[str, ...]) -> tuple[_Finding, ...]:
        findings = self._shapes.get(shape)
        if findings is None:
            findings = tuple(found for key in shape if (found := self._examine(key, shape)) is not None)
            if len(self._shapes) < _MAX_SHAPES:
                self._shapes[shape] = findings
        return findings

    def suggests(self, item: YamlMapping, name: str) -> bool:
        """Whether `name` was suggested instead of a key of `item`."""
        return any(found.name == name for found in self._shapes.get(tuple(item), ()))

    def list_refused(self, item: YamlMapping) -> list[str]:
        """List the keys of `item` that are errors."""
        return [found.key for found in self._shapes.get(tuple(item), ()) if found.severity is Severity.ERROR]

    def _examine(self, key: str, keys: Collection[str]) -> _Finding | None:
        if key in STRUCTURAL or key in ENTRA_ATTRIBUTES or (self.read is not None and key in self.read):
            return None
        name = _find_close(key, STRUCTURAL)
        if name is not None:
            return _Finding(Severity.ERROR, key, name, f"Did you mean {name}?")
        return None if self.read is None else self._examine_unread(key, keys, self.read)

    def _examine_unread(self, key: str, keys: Collection[str], read: frozenset[str]) -> _Finding | None:
        folded = _fold(key)
        name = _ERRORS.get(folded)
        if name == "mail" and "userPrincipalName" not in keys:
            name = "userPrincipalName"
        if name is not None:
            return _Finding(Severity.ERROR, key, name, f"Did you mean {name}? {_describe_way_out(folded)}")
        name = _find_close(key, read)
        if name is not None and name not in keys and (name in self.deciding or _fold(name) == folded):
            return _Finding(Severity.ERROR, key, name, f"Did you mean {name}? {_describe_way_out(folded)}")
        name = name or _WARNINGS.get(folded) or _find_close(key, ENTRA_ATTRIBUTES)
        meant = "A group lists its members in groups/." if name == _GROUPS else f"Did you mean {name}?"
        detail = f"{meant} No mapping and no filter reads the key {quote(key)}."
        return _Finding(Severity.WARNING, key, name, detail) if name else None


def suggest_attribute(name: str, known: Collection[str]) -> str | None:
    """Return the attribute in `known` that `name` probably means: a spelling of it, or what other systems call it."""
    alias = _ERRORS.get(_fold(name)) or _WARNINGS.get(_fold(name))
    return alias if alias in known else _find_close(name, known)


def _describe_way_out(folded: str) -> str:
    if folded in _NEGATED:
        return "`accountEnabled: false` disables the user."
    return "A custom attribute needs another name, or a mapping or filter that reads it."


def _fold(key: str) -> str:
    return "".join(filter(str.isalnum, key.casefold()))


def _find_close(key: str, known: Collection[str]) -> str | None:
    """Return the known name that `key` misspells. A longer word is another name: `departmentId`, `surname2`."""
    folded = _fold(key)
    names = {_fold(name): name for name in sorted(known)}
    if folded in names:
        return names[folded]
    for near in difflib.get_close_matches(folded, names, 3, cutoff=_CUTOFF):
        if folded.strip(_DIGITS) == near.strip(_DIGITS):
            continue
        longer, shorter = sorted((folded, near), key=len, reverse=True)
        rest = longer.removeprefix(shorter) if longer.startswith(shorter) else longer.removesuffix(shorter)
        if rest == longer or (len(rest) == 1 and not rest.isdigit()):
            return names[near]
    return None
