"""One entry of a users file as a source user."""

from __future__ import annotations

import difflib

from reconciler.core.model import Lifecycle, SourceUser, SourceValue, error
from reconciler.core.text import quote
from reconciler.desired import schema
from reconciler.desired.validation import validate
from reconciler.desired.yaml_reader import Report, YamlMapping, YamlSequence

_MAX_SHAPES = 10_000
_CHECKED_KEYS: dict[tuple[str, ...], bool] = {}
"""Sets of keys that were looked at and are fine: most people have the same keys."""
_STRUCTURAL = ("accountEnabled", "lifecycle", "objectId", "userPrincipalName")
"""Keys of a user that decide about the account: a slip in one must not pass for a source attribute of one's own."""
_ONLY_TEXT = {str}
_ENABLED = {"accountEnabled": True}
"""What holds of a user who says nothing of it: in Entra it is never null, and filters and mappings read it."""


def read_source_user(item: YamlMapping, report: Report) -> SourceUser | None:
    """The user that an entry describes; None when it is wrong: then what is wrong is reported."""
    fine = _CHECKED_KEYS.get(tuple(item))
    if fine is None:
        fine = _check_misspelt_keys(item, report)
        if fine and len(_CHECKED_KEYS) < _MAX_SHAPES:
            _CHECKED_KEYS[tuple(item)] = True
    # Most of a large company is nothing but text, which the model takes as it is.
    user = _build_plain_user(item) or _build_validated_user(item, report)
    return user if fine else None


def _check_misspelt_keys(item: YamlMapping, report: Report) -> bool:
    """Whether no key looks like a misspelt structural one."""
    fine = True
    for key in item.keys() - set(_STRUCTURAL):
        near = difflib.get_close_matches(key.casefold(), [name.casefold() for name in _STRUCTURAL], 1, cutoff=0.85)
        if near:
            meant = next(name for name in _STRUCTURAL if name.casefold() == near[0])
            report(error(f"key {quote(key)} looks like {meant}", f"Did you mean {meant}?", item.key_origin(key)))
            fine = False
    return fine


def _build_plain_user(item: YamlMapping) -> SourceUser | None:
    """What `_modelled_user` makes of a user who is nothing but assigned text, in a tenth of the time; else None."""
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
