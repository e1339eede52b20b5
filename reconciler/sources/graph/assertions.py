"""Assertions that prove a federated identity: from GitHub's OIDC provider, or in a file that a platform keeps fresh.

https://learn.microsoft.com/entra/workload-id/workload-identity-federation
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import httpx

from reconciler.core.base_url import DEFAULT_PORTS, is_loopback, split_origin
from reconciler.core.system_limits import describe_os_error
from reconciler.core.text import escape_control, shorten
from reconciler.errors import SourceError
from reconciler.scim.bearer_token import LONGEST_TOKEN
from reconciler.scim.secret import Secret, is_token
from reconciler.scim.transport import Endpoint
from reconciler.sources.graph.login import Proof, TokenHost

REQUEST_URL, REQUEST_TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
TOKEN_FILE = "AZURE_FEDERATED_TOKEN_FILE"  # noqa: S105 - a name
_PERMISSION = "Give the job `permissions: id-token: write`, and let it run on a branch of this repository, not a fork."


def parse_request_url(url: str) -> Endpoint:
    """Parse the URL that the runner of GitHub Actions provides: https, or loopback. Raises `SourceError`."""
    try:
        scheme, host, port = split_origin(url)
    except ValueError:
        scheme, host, port = "", "", 0
    if scheme != "https" and not (scheme == "http" and is_loopback(host)):
        raise SourceError(
            f"{REQUEST_URL} {escape_control(shorten(url.partition('?')[0], 100))} is not an https:// URL",
            "GitHub Actions sets it.",
        )
    bracketed = f"[{host}]" if ":" in host else host
    return Endpoint(scheme, host, port, f"{scheme}://{bracketed}:{port or DEFAULT_PORTS[scheme]}")


def prove_by_github(url: str, request_token: str, audience: str, host: TokenHost) -> Callable[[], Proof]:
    """Return what fetches an assertion from GitHub: it lasts for some minutes, so each token needs another.

    https://docs.github.com/actions/reference/security/oidc
    """
    whole = f"{url}{'&' if '?' in url else '?'}{urlencode({'audience': audience})}"
    if not is_token(request_token):
        raise SourceError(f"{REQUEST_TOKEN} has characters that no token has", "GitHub Actions sets it.")

    def prove() -> Proof:
        status, body = host.send("GET", whole, {"Authorization": f"bearer {request_token}"})
        if status != httpx.codes.OK:
            raise SourceError(f"GitHub issues no OIDC token: it answers {status}", _PERMISSION)
        return Proof(Secret(_check_assertion(body.get("value"), "GitHub's OIDC token")), is_assertion=True)

    return prove


def prove_by_file(name: str) -> Callable[[], Proof]:
    """Return what reads the assertion in a file, each time: a platform such as Kubernetes replaces it."""

    def prove() -> Proof:
        try:
            with Path(name).open("rb") as file:
                content = file.read(LONGEST_TOKEN + 1)
        except (OSError, ValueError) as exc:
            why = describe_os_error(exc) if isinstance(exc, OSError) else "it has no valid name"
            raise SourceError(
                f"{TOKEN_FILE} {escape_control(shorten(name))} cannot be read: {why}", "The platform sets it."
            ) from exc
        text = content.decode("ascii", "replace").strip()
        return Proof(Secret(_check_assertion(text, f"the token in {TOKEN_FILE}")), is_assertion=True)

    return prove


def _check_assertion(found: object, what: str) -> str:
    if not isinstance(found, str) or not found or len(found) > LONGEST_TOKEN or not is_token(found):
        raise SourceError(f"{what} is no token", "Check where it comes from, then run the same command again.")
    return found
