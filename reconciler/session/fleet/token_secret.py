"""The tokens of a small fleet in one secret (RECONCILER_FLEET_TOKENS), and a directory with those of one job.

The secret is a JSON object: tenant to token. Only the step that writes the directory sees it; the processes of tenants
read their own file, as from any other RECONCILER_TOKEN_DIR.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reconciler.core.system_limits import describe_os_error
from reconciler.core.tenant_names import is_tenant_name
from reconciler.errors import TargetError
from reconciler.scim.bearer_token import LONGEST_TOKEN
from reconciler.scim.secret import Secret, is_token

SECRET_VARIABLE = "RECONCILER_FLEET_TOKENS"  # noqa: S105 - its name
LONGEST = 48 * 1024
"""Bytes: GitHub's limit for a secret."""
_FORM = 'Let it be a JSON object with one token for each tenant: {"acme": "…", "beta": "…"}.'


def parse_token_secret(text: str) -> dict[str, Secret]:
    """Return the token of each tenant. Raises `TargetError`, which shows nothing of the text: it may be all tokens."""
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST:
        raise TargetError(f"{SECRET_VARIABLE} has more than {LONGEST // 1024} KiB", "Use a store of secrets instead.")
    try:
        found = json.loads(text, object_pairs_hook=_refuse_twice)
    except (ValueError, RecursionError):
        raise TargetError(f"{SECRET_VARIABLE} is not JSON, or names a tenant twice", _FORM) from None
    if not isinstance(found, dict) or not found:
        raise TargetError(f"{SECRET_VARIABLE} has no tenant", _FORM)
    if not all(map(is_tenant_name, found)):
        raise TargetError(f"{SECRET_VARIABLE} has a key that is not the name of a tenant", _FORM)
    for name, token in found.items():
        if not isinstance(token, str) or not 0 < len(token) <= LONGEST_TOKEN or not is_token(token):
            raise TargetError(
                f"{SECRET_VARIABLE}: the value of {name} is not a token", "Copy it again, without spaces."
            )
    return {name: Secret(token) for name, token in found.items()}


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def write_token_directory(above: str, tokens: Mapping[str, Secret], tenants: Iterable[str]) -> tuple[Path, list[str]]:
    """Write a file for each of `tenants` that has a token to a new directory, which only this user can read.

    Return it, and the tenants without a token. Raises `TargetError`: then nothing is left of it.
    """
    try:
        folder = Path(tempfile.mkdtemp(prefix="reconciler-tokens-", dir=above))
    except OSError as exc:
        raise _unusable(exc) from None
    missing: list[str] = []
    try:
        for name in sorted(tenants):
            if name in tokens:
                _write(folder / name, tokens[name])
            else:
                missing.append(name)
    except BaseException as exc:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(exc, OSError):
            raise _unusable(exc) from None
        raise
    return folder, missing


def _write(path: Path, token: Secret) -> None:
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, how, 0o600), "wb") as out:  # noqa: PTH123 - the handle of a new file
        out.write(token.reveal().encode("ascii"))


def _unusable(exc: OSError) -> TargetError:
    summary = f"the tokens of this job cannot be written: {describe_os_error(exc)}"
    return TargetError(summary, "RUNNER_TEMP has to be a directory that this user can write to.")
