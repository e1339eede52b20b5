"""Read what the runner of GitHub Actions provides: the current run, its token, its repository."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from reconciler.core.base_url import is_loopback, split_origin
from reconciler.core.text import escape_control, shorten
from reconciler.core.untrusted_values import parse_count
from reconciler.errors import UsageError
from reconciler.git.server import Remote
from reconciler.github.api import GitHub, retry_github
from reconciler.scim.network import Network
from reconciler.scim.response_limits import ACCEPT_ENCODING
from reconciler.scim.transport import (
    USER_AGENT,
    Endpoint,
    PinnedTransport,
    open_connections,
)

PLAN_WORKFLOW = "plan.yml"
APPLY_WORKFLOW = "apply.yml"
SYNC_WORKFLOW = "sync.yml"
DRIFT_WORKFLOW = "drift.yml"
"""The files of the workflows that plan and apply."""


@dataclass(frozen=True, slots=True)
class Workflow:
    """The workflow run of this process. Files are None outside GitHub Actions."""

    repository: str
    branch: str
    commit: str
    run: int
    attempt: int
    run_number: int
    run_url: str
    summary: Path | None
    outputs: Path | None

    @property
    def run_identity(self) -> str | None:
        """The run and its attempt, as receipts name them; None outside GitHub Actions."""
        return f"{self.run}/{self.attempt}" if self.run else None


def read_workflow(environment: Mapping[str, str] = os.environ) -> Workflow:
    """Read the current run from the variables of the runner."""
    get = environment.get
    server, repository, run = get("GITHUB_SERVER_URL", ""), get("GITHUB_REPOSITORY", ""), get("GITHUB_RUN_ID", "")
    number = parse_count(run)
    return Workflow(
        repository=repository,
        branch=get("GITHUB_REF_NAME", ""),
        commit=get("GITHUB_SHA", ""),
        run=number or 0,
        attempt=parse_count(get("GITHUB_RUN_ATTEMPT")) or 1,
        run_number=parse_count(get("GITHUB_RUN_NUMBER")) or 0,
        run_url=f"{server}/{repository}/actions/runs/{number}" if server and repository and number is not None else "",
        summary=_path(get("GITHUB_STEP_SUMMARY")),
        outputs=_path(get("GITHUB_OUTPUT")),
    )


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None


@contextmanager
def open_github(network: Network, environment: Mapping[str, str] = os.environ) -> Iterator[GitHub]:
    """Open GitHub's API for the repository of this run, with GITHUB_TOKEN and never with the service's token.

    Raises `UsageError` if the variables of the runner are not set.
    """
    token, repository = _github_token(environment)
    where = _github_endpoint("GITHUB_API_URL", environment.get("GITHUB_API_URL") or "https://api.github.com")
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "Accept-Encoding": ACCEPT_ENCODING,
        "User-Agent": USER_AGENT,
    }
    inner = retry_github(PinnedTransport(open_connections(network), where))
    with (
        httpx.Client(base_url=where.base_url, headers=headers, transport=inner, timeout=30, trust_env=False) as known,
        httpx.Client(
            headers={"Accept-Encoding": ACCEPT_ENCODING},
            transport=open_connections(network),
            timeout=60,
            trust_env=False,
        ) as plain,
    ):
        yield GitHub(known, plain, repository)


def git_remote(network: Network, environment: Mapping[str, str] = os.environ) -> Remote:
    """Return the repository of this run on GitHub's server, with GITHUB_TOKEN for that server only.

    The token is in git's environment, and so is the proxy with its password.

    Raises `UsageError` if the variables of the runner are not set.
    """
    token, repository = _github_token(environment)
    where = _github_endpoint("GITHUB_SERVER_URL", environment.get("GITHUB_SERVER_URL") or "https://github.com")
    setting = f"http.{where.base_url}/.extraHeader"
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    # The first clears the token of a checkout: GitHub refuses a request with two tokens.
    settings = [(setting, ""), (setting, f"Authorization: Basic {basic}")]
    proxy = network.find_proxy(where.host)
    if proxy is not None:
        settings += [(f"{section}.proxy", proxy.reveal_url()) for section in ("http", f"http.{where.base_url}/")]
    secrets = {"GIT_CONFIG_COUNT": str(len(settings)), "NO_PROXY": "", "no_proxy": ""}
    for number, (name, value) in enumerate(settings):
        secrets |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return Remote(f"{where.base_url}/{repository}", where.base_url, where.scheme, secrets, proxied=proxy is not None)


def _github_token(environment: Mapping[str, str]) -> tuple[str, str]:
    """Return GITHUB_TOKEN and its repository. Raises `UsageError` if one is not set."""
    token, repository = environment.get("GITHUB_TOKEN", "").strip(), environment.get("GITHUB_REPOSITORY", "")
    if not token.isascii() or not token.isprintable() or not token:
        raise UsageError("GITHUB_TOKEN is not set", "Set `GITHUB_TOKEN: ${{ github.token }}` in the step's env.")
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError("GITHUB_REPOSITORY is not set", "GitHub Actions sets it to OWNER/NAME.")
    return token, repository


_REPOSITORY = re.compile(r"[A-Za-z0-9_-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")


def _github_endpoint(name: str, url: str) -> Endpoint:
    """Parse the URL in a variable: https, or http to a loopback address. Raises `UsageError` if it is neither."""
    try:
        scheme, host, port = split_origin(url)
    except ValueError:
        scheme, host, port = "", "", 0
    if scheme != "https" and not (scheme == "http" and is_loopback(host)):
        shown = escape_control(shorten(url, 100))
        raise UsageError(f"{name} {shown} is not an https:// URL", "GitHub Actions sets it.")
    return Endpoint(scheme, host, port, url.rstrip("/"))
