"""What differs between a desired and a live user, as the attributes that would have to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.model import AttributeMapping, AttributePath, DesiredUser, Flow, LiveUser, Value
from reconciler.core.values import is_same_value


def diff_user(
    desired: DesiredUser, live: LiveUser, mappings: Sequence[AttributeMapping]
) -> Mapping[AttributePath, Value | None]:
    """The new value of each attribute that differs; None clears it. Empty when both are the same.

    Almost every user of almost every run is equal, so two dictionaries are compared first.
    """
    if desired.attributes == live.attributes:
        return {}
    wanted, found = desired.attributes, live.attributes
    changes: dict[AttributePath, Value | None] = {}
    for row in mappings:
        path = row.attribute.path
        value, theirs = wanted.get(path), found.get(path)
        if value == theirs or row.flow is Flow.CREATE or (row.flow is Flow.IF_EMPTY and theirs is not None):
            continue
        if value is None:
            if row.clear:
                changes[path] = None
        elif not is_same_value(row.attribute, value, theirs):
            changes[path] = value
    return changes
