"""Convert an entry of a users file to a source user."""

from __future__ import annotations

from reconciler.core.model import Diagnostic, Lifecycle, SourceUser, SourceValue
from reconciler.desired import schema
from reconciler.desired.look_alike_keys import UserKeys
from reconciler.desired.validation import validate
from reconciler.desired.yaml_nodes import YamlMapping, YamlSequence
from reconciler.desired.yaml_reader import Report

_ONLY_TEXT = {str}
_ENABLED = {"accountEnabled": True}
"""The default: in Entra accountEnabled is never null, and filters and mappings read it."""


_STRUCTURAL_KEYS = UserKeys()


def read_source_user(item: YamlMapping, report: Report, keys: UserKeys = _STRUCTURAL_KEYS) -> SourceUser | None:
    """Read the user of an entry; None if the entry is invalid (reported). `keys`: which keys are."""
    valid = keys.check(item, report)
    # Most users of a large organisation have only text values, which the model keeps as they are.
    user = _build_plain_user(item)
    if user is None:
        user = _build_validated_user(item, report if valid else _report_others(report, keys, item))
    return user if valid else None


def _report_others(report: Report, keys: UserKeys, item: YamlMapping) -> Report:
    """Return `report` without what follows from a reported key: that it is missing, or its value wrong."""

    def report_others(diagnostic: Diagnostic) -> None:
        missing = diagnostic.summary == '"userPrincipalName" is missing' and keys.suggests(item, "userPrincipalName")
        if not missing and diagnostic.summary.partition(":")[0] not in keys.list_refused(item):
            report(diagnostic)

    return report_others


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
