"""The environment that the processes of tenants start from."""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.session.tenant_token import TOKEN_VARIABLE
from reconciler.session.token_command import COMMAND_VARIABLE
from reconciler.session.token_directory import DIRECTORY_VARIABLE


def build_server_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the token of one tenant, if each has a token of its own."""
    own = any(environment.get(name, "").strip() for name in (COMMAND_VARIABLE, DIRECTORY_VARIABLE))
    return {name: value for name, value in environment.items() if name != TOKEN_VARIABLE or not own}
