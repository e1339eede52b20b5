"""Compare a desired with a live user: the attributes to change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.model import AttributeMapping, AttributePath, DesiredUser, Flow, LiveUser, Value
from reconciler.core.values import differs_in_case, is_same_value


def diff_user(
    desired: DesiredUser, live: LiveUser, mappings: Sequence[AttributeMapping]
) -> Mapping[AttributePath, Value | None]:
    """Return the new value of each attribute that differs; None clears it. Empty if nothing differs.

    A userName that differs in case alone is among them: `forms` decides whether to leave it.
    """
    # Most users are unchanged: compare the whole mappings first.
    if desired.attributes == live.attributes:
        return {}
    wanted, found = desired.attributes, live.attributes
    changes: dict[AttributePath, Value | None] = {}
    for row in mappings:
        path = row.attribute.path
        value, current = wanted.get(path), found.get(path)
        if value == current or row.flow is Flow.CREATE or (row.flow is Flow.IF_EMPTY and current is not None):
            continue
        if value is None:
            if row.clear:
                changes[path] = None
        elif not is_same_value(row.attribute, value, current) or differs_in_case(row.attribute, value, current):
            changes[path] = value
    return changes
