"""The full name of an account as one text, whatever attributes hold it."""

from __future__ import annotations

from reconciler.core.model import Attributes
from reconciler.core.values import fold_case

GIVEN, FAMILY = "name.givenName", "name.familyName"
_WHOLE = ("displayName", "name.formatted")
FULL_NAME_PATHS = frozenset({GIVEN, FAMILY, *_WHOLE})


def get_full_name(attributes: Attributes) -> str:
    """Return given and family name; without one of them displayName or name.formatted; empty if there is none."""
    given, family = attributes.get(GIVEN), attributes.get(FAMILY)
    if given and family:
        return f"{given} {family}"
    return str(next(filter(None, map(attributes.get, (*_WHOLE, GIVEN, FAMILY))), ""))


def fold_full_name(attributes: Attributes) -> str:
    """Return the full name for comparison."""
    return fold_case(get_full_name(attributes))
