"""Choose the credential for Microsoft Graph by the environment, and open a client with it.

In this order: RECONCILER_GRAPH_TOKEN, a token that is ready; AZURE_CLIENT_SECRET; GitHub's OIDC provider
(ACTIONS_ID_TOKEN_REQUEST_URL and _TOKEN); AZURE_FEDERATED_TOKEN_FILE; the Azure CLI. A ready token is the most explicit
one, so it wins; it is never renewed. Nothing in YAML chooses a credential.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from reconciler.errors import SourceError
from reconciler.scim.bearer_token import LONGEST_TOKEN
from reconciler.scim.secret import Secret, is_token
from reconciler.scim.transport import Endpoint
from reconciler.sources.graph.access_token import Credential, GraphToken
from reconciler.sources.graph.assertions import (
    REQUEST_TOKEN,
    REQUEST_URL,
    TOKEN_FILE,
    parse_request_url,
    prove_by_file,
    prove_by_github,
)
from reconciler.sources.graph.azure_cli import AzureCli
from reconciler.sources.graph.client import GraphClient, open_graph
from reconciler.sources.graph.clouds import LOGIN_URL, GraphHosts, choose_hosts, name_setting
from reconciler.sources.graph.login import ClientCredentials, Proof, TokenHost, TokenRequest, token_path
from reconciler.sources.graph.retry import QUIET, Waiting
from reconciler.sources.graph.tokens import Tokens

READY_TOKEN, CLIENT_SECRET, CLIENT_ID = "RECONCILER_GRAPH_TOKEN", "AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID"
_LONGEST_SECRET = 1024
_UUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_SETTING = "source.entra.client_id is not set"


class NoCredentialError(SourceError):
    """The environment has no credential. Exit code 1."""


class ReadyToken:
    """A token from the environment: there is no other one."""

    name = READY_TOKEN
    renewable = False

    def __init__(self, token: str) -> None:
        if not is_token(token) or len(token) > LONGEST_TOKEN:
            raise SourceError(f"{READY_TOKEN} has characters that no token has", "Copy it again, without line breaks.")
        self._token = Secret(token)

    def acquire(self) -> GraphToken:
        """Return the token."""
        return GraphToken(self._token)


@dataclass(frozen=True, slots=True)
class App:
    """The app registration that reads, and its tenant: both from settings.yaml."""

    tenant: str
    client_id: str | None


@contextmanager
def open_entra(
    tenant: str,
    client_id: str | None = None,
    cloud: str = "global",
    *,
    environment: Mapping[str, str] = os.environ,
    waiting: Waiting = QUIET,
) -> Iterator[GraphClient]:
    """Open a client for the people of a tenant, with the credential of the environment. Raises `SourceError`.

    `tenant`, `client_id` and `cloud` are those of `source.entra`. No request is sent before the first read.
    """
    hosts = choose_hosts(cloud, environment)
    with ExitStack() as stack:
        credential = find_credential(App(tenant, client_id), hosts, environment, waiting, stack)
        tokens = Tokens(credential, tenant=tenant, resource=hosts.resource)
        opened = open_graph(
            hosts.graph,
            tokens,
            stop=waiting.stop,
            on_wait=waiting.on_wait,
            network=waiting.network,
            seconds=waiting.seconds,
        )
        yield stack.enter_context(opened)


def find_credential(
    app: App, hosts: GraphHosts, environment: Mapping[str, str], waiting: Waiting, stack: ExitStack
) -> Credential:
    """Return the credential of the environment. `stack` closes its connections. Raises `SourceError` without one."""
    ready = environment.get(READY_TOKEN, "").strip()
    if ready:
        return ReadyToken(ready)
    found = _find_proof(hosts, environment, waiting, stack)
    if found is not None:
        name, prove = found
        posts = (token_path(app.tenant),)
        host = _open_host(
            hosts.login, "Microsoft Entra ID", name_setting(hosts.login, LOGIN_URL), posts, waiting, stack
        )
        request = TokenRequest(hosts.login, app.tenant, _find_client_id(app, environment), hosts.resource)
        return ClientCredentials(name, request, prove, host)
    program = shutil.which("az", path=environment.get("PATH", os.defpath))
    if program is None:
        raise _explain_no_credential(environment)
    return AzureCli(program, app.tenant, hosts.resource, environment)


def _find_proof(
    hosts: GraphHosts, environment: Mapping[str, str], waiting: Waiting, stack: ExitStack
) -> tuple[str, Callable[[], Proof]] | None:
    """Return the name of what proves the app's identity, and how to get the proof."""
    secret = environment.get(CLIENT_SECRET, "").strip()
    if secret:
        if not secret.isprintable() or len(secret) > _LONGEST_SECRET:
            raise SourceError(f"{CLIENT_SECRET} has characters that no secret has", "Copy it again.")
        proof = Proof(Secret(secret), is_assertion=False)
        return CLIENT_SECRET, lambda: proof
    url, request_token = environment.get(REQUEST_URL, "").strip(), environment.get(REQUEST_TOKEN, "").strip()
    if url and request_token:
        host = _open_host(parse_request_url(url), "GitHub", f"Check {REQUEST_URL}", (), waiting, stack)
        return "GitHub's OIDC token", prove_by_github(url, request_token, hosts.audience, host)
    file = environment.get(TOKEN_FILE, "").strip()
    return (f"the token in {TOKEN_FILE}", prove_by_file(file)) if file else None


def _open_host(  # noqa: PLR0917 - as named
    endpoint: Endpoint, service: str, check: str, posts: tuple[str, ...], waiting: Waiting, stack: ExitStack
) -> TokenHost:
    host = TokenHost(endpoint, service, check, posts=posts, waiting=waiting)
    stack.callback(host.close)
    return host


def _find_client_id(app: App, environment: Mapping[str, str]) -> str:
    found = app.client_id or environment.get(CLIENT_ID, "").strip()
    if not found:
        raise SourceError(_SETTING, f"Add it to settings.yaml, or set {CLIENT_ID}: the Application (client) ID.")
    if not _UUID.fullmatch(found):
        raise SourceError(f"{CLIENT_ID} is not an application id", "It is the Application (client) ID, a UUID.")
    return found


def _explain_no_credential(environment: Mapping[str, str]) -> NoCredentialError:
    if environment.get("GITHUB_ACTIONS") == "true":
        next_step = "Give the job `permissions: id-token: write` and the app a federated credential:"
    else:
        next_step = f"Sign in with `az login`, or set {CLIENT_SECRET} or {READY_TOKEN}:"
    return NoCredentialError(
        "there is no credential for Microsoft Graph", f"{next_step} see docs/entra-credentials.md."
    )
