"""The only reader of the environment's token and allowed hosts; builds the client, opens the sandbox."""

from __future__ import annotations

import base64
import json
import os
import re
import ssl
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from reconciler import __version__
from reconciler.core.profile import TargetProfile
from reconciler.core.text import printable, shortened
from reconciler.core.veil import SHORTEST_KEY
from reconciler.errors import ReconcilerError, TargetError, UsageError
from reconciler.github.api import GitHub
from reconciler.scim.client import ScimClient
from reconciler.scim.pace import Pace
from reconciler.scim.transport import (
    Endpoint,
    PinnedTransport,
    ReadOnlyTransport,
    TransportPerThread,
    endpoint,
    is_loopback,
)
from reconciler.store.record_branch import Remote

USER_AGENT = f"reconciler/{__version__}"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where requests go and with what. The token is in no repr. `hints`: see `TargetProfile.refusal_hints`."""

    where: Endpoint
    token: _Secret
    hints: Mapping[int, str]


class _Secret:
    """A token that no repr, log or traceback shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def __repr__(self) -> str:
        return "<token>"

    def reveal(self) -> str:
        return self._value


def connection(base_url: str, profile: TargetProfile, environment: Mapping[str, str] = os.environ) -> Connection:
    """The connection to a real service; raises `TargetError` when the host is not allowed or there is no token."""
    allowed = environment.get("RECONCILER_ALLOWED_HOSTS", "").split(",")
    where = endpoint(base_url, profile_hosts=profile.hosts, allowed_hosts=[host for host in allowed if host.strip()])
    token = environment.get("RECONCILER_TOKEN", "").strip()
    if not token:
        raise TargetError(
            "RECONCILER_TOKEN is not set", "Put the service's bearer token into it, or try the job out with --sandbox."
        )
    if not token.isascii() or not token.isprintable() or " " in token:
        raise TargetError("RECONCILER_TOKEN holds characters that no token has", "Copy it again, without line breaks.")
    return Connection(where, _Secret(token), profile.refusal_hints)


def record_key(environment: Mapping[str, str] = os.environ) -> bytes:
    """The key of the record's digests; raises `ReconcilerError` when there is none worth the name."""
    key = environment.get("RECONCILER_RECORD_KEY", "").strip()
    if len(key) < SHORTEST_KEY:
        what = "is not set" if not key else f"is shorter than {SHORTEST_KEY} characters"
        detail = "record.values is digest. Make a key once (openssl rand -hex 32) and keep it as a secret."
        raise ReconcilerError(f"RECONCILER_RECORD_KEY {what}", detail)
    return key.encode()


@cache
def _certificates() -> ssl.SSLContext:
    """The authorities a service's certificate is checked against; loading them takes 30 ms."""
    return httpx.create_ssl_context(trust_env=False)


@contextmanager
def client(to: Connection, *, writes: bool, pace: Pace | None = None) -> Iterator[ScimClient]:
    """A client; with `writes` false it cannot send anything but GET."""
    certificates, one = _certificates(), httpx.Limits(max_connections=1, max_keepalive_connections=1)
    inner: httpx.BaseTransport = TransportPerThread(
        lambda: httpx.HTTPTransport(verify=certificates, limits=one, trust_env=False)
    )
    inner = PinnedTransport(inner, to.where)
    transport = inner if writes else ReadOnlyTransport(inner)
    opened = ScimClient(
        to.where.base_url, to.token.reveal(), transport, user_agent=USER_AGENT, pace=pace, hints=to.hints
    )
    try:
        yield opened
    finally:
        opened.close()


# --- GitHub Actions -----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Workflow:
    """The run of a workflow that we are a step of. Files are None outside of GitHub Actions."""

    repository: str
    branch: str
    commit: str
    run: int
    run_number: int
    run_url: str
    summary: Path | None
    outputs: Path | None


def workflow(environment: Mapping[str, str] = os.environ) -> Workflow:
    """What the runner says about this run."""
    said = environment.get
    server, repository, run = said("GITHUB_SERVER_URL", ""), said("GITHUB_REPOSITORY", ""), said("GITHUB_RUN_ID", "")
    number = said("GITHUB_RUN_NUMBER", "")
    return Workflow(
        repository=repository,
        branch=said("GITHUB_REF_NAME", ""),
        commit=said("GITHUB_SHA", ""),
        run=int(run) if run.isdecimal() else 0,
        run_number=int(number) if number.isdecimal() else 0,
        run_url=f"{server}/{repository}/actions/runs/{run}" if server and repository and run.isdecimal() else "",
        summary=_path(said("GITHUB_STEP_SUMMARY")),
        outputs=_path(said("GITHUB_OUTPUT")),
    )


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None


@contextmanager
def github(environment: Mapping[str, str] = os.environ) -> Iterator[GitHub]:
    """GitHub's API for the repository of this run. It gets GITHUB_TOKEN and never the service's token."""
    token, repository = _github_token(environment)
    where = _github_endpoint("GITHUB_API_URL", environment.get("GITHUB_API_URL") or "https://api.github.com")
    headers = {
        "Authorization": f"Bearer {token}",
        "Accept": "application/vnd.github+json",
        "X-GitHub-Api-Version": "2022-11-28",
        "User-Agent": USER_AGENT,
    }
    certificates = _certificates()
    pinned = PinnedTransport(httpx.HTTPTransport(verify=certificates, trust_env=False), where)
    with (
        httpx.Client(base_url=where.base_url, headers=headers, transport=pinned, timeout=30, trust_env=False) as known,
        httpx.Client(verify=certificates, timeout=60, trust_env=False) as plain,
    ):
        yield GitHub(known, plain, repository)


def git_remote(environment: Mapping[str, str] = os.environ) -> Remote:
    """The repository of this run at GitHub's server, with GITHUB_TOKEN for that server alone, in git's environment."""
    token, repository = _github_token(environment)
    where = _github_endpoint("GITHUB_SERVER_URL", environment.get("GITHUB_SERVER_URL") or "https://github.com")
    setting = f"http.{where.base_url}/.extraHeader"
    basic = base64.b64encode(f"x-access-token:{token}".encode()).decode()
    secrets = {
        "GIT_CONFIG_COUNT": "2",
        # Forgets what a checkout may have left: GitHub refuses a request with two tokens.
        "GIT_CONFIG_KEY_0": setting,
        "GIT_CONFIG_VALUE_0": "",
        "GIT_CONFIG_KEY_1": setting,
        "GIT_CONFIG_VALUE_1": f"Authorization: Basic {basic}",
    }
    return Remote(f"{where.base_url}/{repository}", where.base_url, where.scheme, secrets)


def _github_token(environment: Mapping[str, str]) -> tuple[str, str]:
    """GITHUB_TOKEN and the repository that it is for."""
    token, repository = environment.get("GITHUB_TOKEN", "").strip(), environment.get("GITHUB_REPOSITORY", "")
    if not token.isascii() or not token.isprintable() or not token:
        raise UsageError("GITHUB_TOKEN is not set", "Give the step `GITHUB_TOKEN: ${{ github.token }}`.")
    if not _REPOSITORY.fullmatch(repository):
        raise UsageError("GITHUB_REPOSITORY is not set", "GitHub Actions sets it to OWNER/NAME.")
    return token, repository


_REPOSITORY = re.compile(r"[A-Za-z0-9_-]{1,100}/(?!\.{1,2}$)[A-Za-z0-9_.-]{1,100}")


def _github_endpoint(name: str, url: str) -> Endpoint:
    """The address that a variable holds; unencrypted to this machine only."""
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        parts, port = urlsplit(""), 0
    host = parts.hostname or ""
    if not host or not (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))):
        shown = printable(shortened(url, 100))
        raise UsageError(f"{name} {shown} is not a https:// URL", "GitHub Actions sets it.")
    return Endpoint(parts.scheme, host, port, url.rstrip("/"))


# --- the embedded sandbox -----------------------------------------------------


@contextmanager
def sandbox(file: Path, profile: TargetProfile, domains: list[str]) -> Iterator[tuple[Connection, bool]]:
    """The sandbox while it runs, and whether its file was made and filled just now."""
    with _sandbox_faults():
        from reconciler.sandbox.server import start  # noqa: PLC0415 - an extra

        fresh = not file.exists()
        if fresh:
            seed_sandbox(file, None, domains)
        running = start(file)
    try:
        base_url = running.school_url if profile.name == "apple-school-manager" else running.base_url
        where = endpoint(base_url, profile_hosts=(), allowed_hosts=["127.0.0.1"])
        yield Connection(where, _Secret(running.token), profile.refusal_hints), fresh
    finally:
        running.close()


def seed_sandbox(file: Path, document: Path | None, domains: Iterable[str] = ()) -> int:
    """Fills the sandbox from a seed file (None: the sample company's) and returns the number of users."""
    with _sandbox_faults():
        from reconciler.sandbox.seed import list_users, load_default_seed, seed  # noqa: PLC0415 - an extra

        content = load_default_seed() if document is None else _read_json(document)
        if domains:
            content["domains"] = sorted({*content.get("domains", ()), *domains})
        file.parent.mkdir(parents=True, exist_ok=True)
        seed(file, content)
        return len(list_users(file))


def empty_sandbox(file: Path, domains: Iterable[str]) -> None:
    """Makes a sandbox without users; `domains` are verified in it."""
    with _sandbox_faults():
        from reconciler.sandbox.seed import seed  # noqa: PLC0415 - an extra

        file.parent.mkdir(parents=True, exist_ok=True)
        seed(file, {"domains": sorted(domains), "users": []})


def reset_sandbox(file: Path) -> None:
    """Empties the sandbox."""
    with _sandbox_faults():
        from reconciler.sandbox.seed import reset  # noqa: PLC0415 - an extra

        file.parent.mkdir(parents=True, exist_ok=True)
        reset(file)


def edit_sandbox(file: Path, user_name: str, changes: Mapping[str, object]) -> None:
    """Changes a user of the sandbox by hand, as an administrator does."""
    with _sandbox_faults():
        from reconciler.sandbox.seed import edit_user  # noqa: PLC0415 - an extra

        edit_user(file, user_name, changes)


def serve_sandbox(file: Path, port: int, say: Callable[[str], object]) -> None:
    """Serves the sandbox until Ctrl-C, after saying how to reach it."""
    with _sandbox_faults():
        from reconciler.sandbox.server import RunningSandbox, serve_forever  # noqa: PLC0415 - an extra

        def ready(running: RunningSandbox) -> None:
            say(
                f"The sandbox listens on {running.base_url}\n"
                f"Its token: {running.token}\n\n"
                "To use it as if it were a service elsewhere, write that base_url into settings.yaml and set\n"
                f"  RECONCILER_TOKEN={running.token} RECONCILER_ALLOWED_HOSTS=127.0.0.1\n\n"
                "Ctrl-C ends it.\n"
            )
            sys.stdout.flush()

        file.parent.mkdir(parents=True, exist_ok=True)
        serve_forever(file, port, ready)


@contextmanager
def _sandbox_faults() -> Iterator[None]:
    """The sandbox's faults as ours. It is an extra: production installations do without its libraries."""
    try:
        from reconciler.sandbox.errors import SandboxError  # noqa: PLC0415 - an extra

        try:
            yield
        except SandboxError as fault:
            raise ReconcilerError(str(fault)) from fault
    except ModuleNotFoundError as fault:
        way_out = "Install it with: pip install 'scim-reconciler[sandbox]'"
        raise ReconcilerError(f"the sandbox is not installed ({fault.name} is missing)", way_out) from fault


def _read_json(document: Path) -> dict[str, Any]:
    try:
        content = json.loads(document.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise ReconcilerError(f"cannot read the seed {document}: {fault}", "A seed is a JSON document.") from fault
    if not isinstance(content, dict):
        raise ReconcilerError(f"the seed {document} is not a JSON object", 'It starts with {"users": [')
    return content
