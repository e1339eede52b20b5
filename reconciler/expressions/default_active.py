"""The default expressions of `active` in Entra's SCIM applications, compiled without importing the parser."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

SUPPORTED = ("Not([IsSoftDeleted])", 'Switch([IsSoftDeleted], , "False", "True", "True", "False")')
_WITHOUT_SPACES = frozenset(re.sub(r"\s+", "", text) for text in SUPPORTED)


def compile_active_rule(text: str) -> Callable[[Mapping[str, Any]], bool] | None:
    """Compile one of `SUPPORTED`, with any white space, for a boolean attribute; None for any other expression.

    `IsSoftDeleted` is true if a user is disabled, out of scope or removed; absent means false.
    """
    if re.sub(r"\s+", "", text) not in _WITHOUT_SPACES:
        return None
    return lambda attributes: attributes.get("IsSoftDeleted") is not True
