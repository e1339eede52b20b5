"""Where the token of a service comes from: the only reader of RECONCILER_TOKEN and of the sources for many tenants.

RECONCILER_TOKEN_COMMAND prints the token of a tenant, RECONCILER_TOKEN_DIR has a file for each, RECONCILER_TOKEN is the
token itself. Only the environment chooses: a command in the desired state would run with the rights of the user who
plans it. Each process fetches the token of its own tenant and passes it to no other process.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from reconciler.core.tenant_names import is_tenant_name
from reconciler.errors import TargetError
from reconciler.scim.bearer_token import LONGEST_TOKEN
from reconciler.scim.secret import Secret, is_token
from reconciler.session.token_command import COMMAND_VARIABLE, run_token_command
from reconciler.session.token_directory import DIRECTORY_VARIABLE, read_token_file

TOKEN_VARIABLE = "RECONCILER_TOKEN"  # noqa: S105 - its name
TOKEN_SOURCES = (COMMAND_VARIABLE, DIRECTORY_VARIABLE, TOKEN_VARIABLE)
"""In this order; all but the last have a token for each tenant."""
_COPY = "Copy it again, without line breaks."
_ALONE = "Let it be the token alone."


def find_token_variable(environment: Mapping[str, str] = os.environ) -> str:
    """Return the variable that the token comes from; RECONCILER_TOKEN if none is set.

    Raises `TargetError` if both sources for many tenants are set.
    """
    found = [name for name in TOKEN_SOURCES if environment.get(name, "").strip()]
    if COMMAND_VARIABLE in found and DIRECTORY_VARIABLE in found:
        raise TargetError(f"{COMMAND_VARIABLE} and {DIRECTORY_VARIABLE} are both set", "Unset one of them.")
    return found[0] if found else TOKEN_VARIABLE


def fetch_token(tenant: str | None, environment: Mapping[str, str] = os.environ) -> Secret:
    """Return the token of a tenant; None: of a desired state that names no tenant.

    Raises `TargetError` if there is none, or it cannot be one. No message holds a part of what was read.
    """
    variable = find_token_variable(environment)
    if variable == TOKEN_VARIABLE:
        return _parse(environment.get(variable, "").strip(), variable, _COPY)
    name = _check_tenant(tenant, variable)
    if variable == COMMAND_VARIABLE:
        return _parse(run_token_command(name, environment), f"what {variable} printed", _ALONE)
    return _parse(
        read_token_file(name, environment), f"this tenant's file in {variable}", f"{_ALONE} The file is {name}."
    )


def _check_tenant(tenant: str | None, variable: str) -> str:
    """Return the name, which is going to be in a command line or a path."""
    if tenant is None:
        raise TargetError(
            f"{variable} is set, but the settings do not say which tenant this is",
            "Set target.tenant in settings.yaml, or use RECONCILER_TOKEN.",
        )
    if not is_tenant_name(tenant):
        raise TargetError(
            "the name of the tenant is not valid", "It has lower-case letters, digits and hyphens: 40 at most."
        )
    return tenant


def _parse(text: str, what: str, advice: str) -> Secret:
    """Return the token; `what`: where it is from, for messages."""
    if not text and what == TOKEN_VARIABLE:
        raise TargetError(
            "RECONCILER_TOKEN is not set", "Set it to the bearer token of the service, or try the job with --sandbox."
        )
    if not text:
        raise TargetError(f"{what} is empty", "It has to be the bearer token of the service.")
    if text.casefold().startswith("bearer "):
        raise TargetError(f'{what} begins with "Bearer"', "Set it to what follows: the token alone.")
    if not is_token(text):
        raise TargetError(f"{what} has characters that no token has", advice)
    if what != TOKEN_VARIABLE and len(text) > LONGEST_TOKEN:
        raise TargetError(f"{what} has more than {LONGEST_TOKEN // 1024} KiB", _ALONE)
    return Secret(text)
