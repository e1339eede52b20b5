"""Names of tenants: one rule for each place that reads or writes one. Pure."""

from __future__ import annotations

import re

TENANT_NAME = r"[a-z0-9][a-z0-9-]{0,39}"
"""The name of a tenant, a group or a wave: safe in a path, a file name, a git ref and a command line."""
TENANT_PATTERN = f"^{TENANT_NAME}$"
"""The same for a JSON Schema."""
TENANT_RULE = "a name of at most 40 lower-case letters, digits and hyphens that begins with a letter or digit"
"""The same for a reader."""
_TENANT = re.compile(TENANT_NAME)


def is_tenant_name(name: str) -> bool:
    """Whether `name` can be that of a tenant, a group or a wave."""
    return _TENANT.fullmatch(name) is not None
