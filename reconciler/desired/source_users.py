"""Convert an entry of a users file to a source user."""

from __future__ import annotations

import difflib

from reconciler.core.model import Lifecycle, SourceUser, SourceValue, error
from reconciler.core.text import quote
from reconciler.desired import schema
from reconciler.desired.validation import validate
from reconciler.desired.yaml_reader import Report, YamlMapping, YamlSequence

_MAX_SHAPES = 10_000
_CHECKED_KEYS: dict[tuple[str, ...], bool] = {}
"""Sets of keys without a misspelt one: most users have the same keys."""
_STRUCTURAL = ("accountEnabled", "lifecycle", "objectId", "userPrincipalName")
"""Keys that decide about the account: a misspelt one must not become a custom source attribute."""
_ONLY_TEXT = {str}
_ENABLED = {"accountEnabled": True}
"""The default: in Entra accountEnabled is never null, and filters and mappings read it."""


def read_source_user(item: YamlMapping, report: Report) -> SourceUser | None:
    """Read the user of an entry; None if the entry is invalid (reported)."""
    valid = _CHECKED_KEYS.get(tuple(item))
    if valid is None:
        valid = _check_misspelt_keys(item, report)
        if valid and len(_CHECKED_KEYS) < _MAX_SHAPES:
            _CHECKED_KEYS[tuple(item)] = True
    # Most users of a large organisation have only text values, which the model keeps as they are.
    user = _build_plain_user(item) or _build_validated_user(item, report)
    return user if valid else None


def _check_misspelt_keys(item: YamlMapping, report: Report) -> bool:
    """Whether no key looks like a misspelt structural key; those that do are reported."""
    valid = True
    for key in item.keys() - set(_STRUCTURAL):
        near = difflib.get_close_matches(key.casefold(), [name.casefold() for name in _STRUCTURAL], 1, cutoff=0.85)
        if near:
            likely = next(name for name in _STRUCTURAL if name.casefold() == near[0])
            report(error(f"key {quote(key)} looks like {likely}", f"Did you mean {likely}?", item.key_origin(key)))
            valid = False
    return valid


def _build_plain_user(item: YamlMapping) -> SourceUser | None:
    """Build a user with only assigned text values, as `_build_validated_user` does in ten times the time; else None."""
    if "userPrincipalName" not in item or "accountEnabled" in item or "lifecycle" in item or "" in item.values():
        return None
    only_text = set(map(type, item.values())) == _ONLY_TEXT
    return SourceUser({**item, **_ENABLED}, item.origin, origin_of=item.value_origin) if only_text else None


def _build_validated_user(item: YamlMapping, report: Report) -> SourceUser | None:
    located = validate(item, schema.UserEntry, report)
    if located is None:
        return None
    attributes: dict[str, SourceValue] = {}
    for key, value in item.items():
        if value is None or value == "" or key in ("lifecycle", "accountEnabled"):
            continue
        if value.__class__ is YamlSequence:
            values = tuple(each for each in value if each)
            if values:
                attributes[key] = values
        else:
            attributes[key] = value
    user = located.value
    attributes |= _ENABLED if user.accountEnabled is None else {"accountEnabled": user.accountEnabled}
    lifecycle = user.lifecycle
    if lifecycle is None:
        return SourceUser(attributes, item.origin, origin_of=item.value_origin)
    dates = Lifecycle(lifecycle.starts, lifecycle.expires, lifecycle.protected)
    return SourceUser(attributes, item.origin, dates, item.value_origin)
