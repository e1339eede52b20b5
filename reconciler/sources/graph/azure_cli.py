"""Access tokens of the user that is signed in to the Azure CLI."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping
from datetime import UTC, datetime

from reconciler.core.system_limits import describe_os_error
from reconciler.core.text import quote, shorten
from reconciler.core.untrusted_values import LARGEST_NUMBER, parse_count
from reconciler.errors import SourceError
from reconciler.scim.bearer_token import LONGEST_TOKEN
from reconciler.scim.json_body import InvalidJsonError, decode_json
from reconciler.scim.secret import Secret, is_token
from reconciler.sources.graph.access_token import GraphToken

_SECONDS = 60.0
_MAX_OUTPUT = 64 * 1024
_DROPPED = ("RECONCILER_", "GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_", "AZURE_CLIENT_SECRET")
_LATEST = 253_000_000_000
"""Seconds since 1970: the year 9987."""


class AzureCli:
    """The Azure CLI, which must be signed in (`az login`). `program`: its path."""

    name = "the Azure CLI"
    renewable = True

    def __init__(
        self,
        program: str,
        tenant: str,
        resource: str,
        environment: Mapping[str, str] = os.environ,
        seconds: float = _SECONDS,
    ) -> None:
        self._command = [program, "account", "get-access-token", "--resource", resource, "--tenant", tenant]
        self._command += ["--output", "json", "--only-show-errors"]
        self._environment = {name: value for name, value in environment.items() if not name.startswith(_DROPPED)}
        self._seconds = seconds

    def acquire(self) -> GraphToken:
        """Ask for a token. Raises `SourceError` with the message of the CLI."""
        status, output, errors = self._run()
        if status < 0:
            raise SourceError(f"the Azure CLI gave no token within {self._seconds:.0f} seconds", "Try `az login`.")
        if status:
            lines = errors.decode("utf-8", "replace").strip().splitlines() or ["it printed no message"]
            raise SourceError(
                f"the Azure CLI gives no token: {quote(shorten(lines[0].removeprefix('ERROR: '), 300))}",
                "Sign in with `az login --allow-no-subscriptions --tenant TENANT`, or set another credential:"
                " docs/entra-credentials.md.",
            )
        try:
            found = decode_json(output)
        except InvalidJsonError:
            found = None
        token = found.get("accessToken") if isinstance(found, dict) else None
        if not isinstance(token, str) or not is_token(token) or not 0 < len(token) <= LONGEST_TOKEN:
            raise SourceError("the Azure CLI's answer holds no access token", "Update it with `az upgrade`.")
        # Older versions have `expiresOn` alone, a local time without its zone.
        ends = parse_count(found.get("expires_on"), min(_LATEST, LARGEST_NUMBER))
        return GraphToken(Secret(token), None if ends is None else datetime.fromtimestamp(ends, UTC))

    def _run(self) -> tuple[int, bytes, bytes]:
        """Return exit status (negative: killed), output and errors, each bounded."""
        with tempfile.TemporaryFile() as errors:
            try:
                process = subprocess.Popen(  # noqa: S603 - no shell; the tenant is checked by the settings
                    self._command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    env=self._environment,
                    process_group=0,
                )
            except (OSError, ValueError) as exc:
                why = describe_os_error(exc) if isinstance(exc, OSError) else str(exc)
                raise SourceError(
                    f"the Azure CLI cannot be run: {why}", "Install it, or set another credential."
                ) from exc
            output = _read_output(process, self._seconds)
            errors.seek(0)
            return process.returncode, output, errors.read(_MAX_OUTPUT)


def _read_output(process: subprocess.Popen[bytes], seconds: float) -> bytes:
    """Return what the process writes; kill it if that is too much or takes too long."""
    timer = threading.Timer(seconds, _kill, (process,))
    try:
        timer.start()
        output = process.stdout.read(_MAX_OUTPUT + 1) if process.stdout else b""
        if len(output) <= _MAX_OUTPUT:
            process.wait()
        return output
    finally:
        timer.cancel()
        _kill(process)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
