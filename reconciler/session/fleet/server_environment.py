"""The environment that the processes of tenants start from."""

from __future__ import annotations

from collections.abc import Mapping

TOKEN = "RECONCILER_TOKEN"  # noqa: S105 - the name of a variable
SOURCES = ("RECONCILER_TOKEN_COMMAND", "RECONCILER_TOKEN_DIR")
"""Where each tenant's process finds its own token."""


def build_server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the token of one tenant, if each has a token of its own."""
    own = any(environment.get(name, "").strip() for name in SOURCES)
    return {name: value for name, value in environment.items() if name != TOKEN or not own}
