"""A stand-in of Microsoft Graph, of its token endpoint and of GitHub's OIDC endpoint, each on a port of 127.0.0.1.

    tenant = Tenant()
    ada = tenant.add_user("ada@contoso.onmicrosoft.com", givenName="Ada")
    with GraphServer(tenant, faults=[Fault("/users", call=2, status=503)]) as server:
        command(env=server.environment)
    server.requests

It shares no code with the client. What it does is what Microsoft documents or what was reported of the real service;
nothing was compared with a live tenant.
"""

from __future__ import annotations

import gzip
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

import msgspec

from support.servers.graph.actions_oidc import ActionsOidc, WorkflowRun
from support.servers.graph.api import answer, encode, folded
from support.servers.graph.calls import Call
from support.servers.graph.error_answers import GraphError
from support.servers.graph.faults import Fault
from support.servers.graph.login import Login
from support.servers.graph.service import DeltaHabits, GraphService
from support.servers.graph.tenant import Tenant
from support.servers.graph.tls import TlsHttpServer
from support.servers.http_server import HttpServer, Reply, Request
from support.servers.running_server import RunningServer


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that was received. `service`: graph, login or oidc; `status`: of the answer, 0 if there was none."""

    service: str
    method: str
    target: str
    headers: dict[str, str]
    """By lower-case name."""
    body: bytes
    status: int

    @property
    def path(self) -> str:
        """The path without the query, decoded: /v1.0/users."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        return {name: values[-1] for name, values in parse_qs(urlsplit(self.target).query).items()}


class GraphServer(RunningServer):
    """Serves a tenant. `page_cap` limits pages, `delta_page` is the size of those of delta; `tls`: certificate and key.

    `service` has the switches of Graph (`expire_pages`, `expire_deltas`, `habits` …), `login` and `oidc` those of the
    token endpoints; `tenant` can be edited while the server runs. `bodies`: keep every document that was sent.
    """

    def __init__(
        self,
        tenant: Tenant,
        *,
        faults: Iterable[Fault] = (),
        page_cap: int | None = None,
        delta_page: int = 200,
        habits: DeltaHabits | None = None,
        run: WorkflowRun | None = None,
        tls: tuple[Path, Path] | None = None,
        clock: Callable[[], float] = time.time,
        bodies: bool = False,
    ) -> None:
        self.tenant = tenant
        self.faults = list(faults)
        self.service = GraphService(tenant, page_cap, delta_page, habits or DeltaHabits())
        self.login = Login(tenant, clock)
        self.oidc = ActionsOidc(run or WorkflowRun(), clock)
        self.login.trusted = self.oidc.issued.__contains__
        self.requests: list[Seen] = []
        self.bodies: list[tuple[Seen, Any]] | None = [] if bodies else None
        self.limit: Callable[[Seen], Reply | None] | None = None
        """Decides on each request before it is answered: a limiter of the rate, for example."""
        self._tls = tls
        self._servers: dict[str, HttpServer] = {}
        self._counts: Counter[int] = Counter()
        self._lock = threading.RLock()

    # Running

    def start(self) -> Self:
        for name, handler in (("graph", self._graph), ("login", self._login), ("oidc", self._oidc)):
            self._servers[name] = HttpServer(handler) if self._tls is None else TlsHttpServer(handler, *self._tls)
        self.login.origin = self.login_url
        self.login.resources.append(self.graph_url)
        return self

    def close(self) -> None:
        servers, self._servers = self._servers, {}
        for server in servers.values():
            server.close()
        for server in servers.values():
            for failure in server.failures:
                raise failure

    @property
    def graph_url(self) -> str:
        """The origin of Graph, without a version: http://127.0.0.1:8080."""
        return self._servers["graph"].origin

    @property
    def login_url(self) -> str:
        return self._servers["login"].origin

    # What clients are given

    @property
    def hosts(self) -> dict[str, str]:
        """The environment that names the hosts, without a credential."""
        return {"RECONCILER_GRAPH_URL": self.graph_url, "RECONCILER_LOGIN_URL": self.login_url}

    @property
    def environment(self) -> dict[str, str]:
        """Hosts and a client secret."""
        return {**self.hosts, "AZURE_CLIENT_SECRET": self.tenant.app.secret}

    @property
    def oidc_environment(self) -> dict[str, str]:
        """Hosts and what a job with `id-token: write` has."""
        return {
            **self.hosts,
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self._servers['oidc'].origin}/oidc/token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": self.oidc.request_token,
        }

    @property
    def token_environment(self) -> dict[str, str]:
        """Hosts and a ready token."""
        return {**self.hosts, "RECONCILER_GRAPH_TOKEN": self.token()}

    def token(self, *, lifetime: int | None = None) -> str:
        """Issue an access token of the tenant's app."""
        return self.login.issue(self.tenant.app, lifetime=lifetime)

    def count(self, path: str = "", service: str = "graph") -> int:
        """How many requests came whose path ends with a match of `path`."""
        fault = Fault(path)
        return sum(1 for seen in self.requests if seen.service == service and fault.matches(seen.path))

    # Answering

    def _graph(self, request: Request) -> Reply:
        with self._lock:
            return _transferred(request, self._served("graph", request, self._answer_graph))

    def _login(self, request: Request) -> Reply:
        with self._lock:
            return self._served("login", request, self._answer_login)

    def _oidc(self, request: Request) -> Reply:
        with self._lock:
            return self._served("oidc", request, self._answer_oidc)

    def _served(self, service: str, request: Request, handle: Callable[[Request], Reply]) -> Reply:
        seen = Seen(service, request.method, request.target, folded(request.headers), request.body, 0)
        reply = self.limit(seen) if self.limit is not None else None
        faults = self._due(seen) if reply is None else []
        for fault in faults:
            if fault.before is not None:
                fault.before(self.tenant)
        if reply is None:
            replaced = next((fault for fault in faults if fault.replaces), None)
            reply = (
                replaced.reply() if replaced is not None else self._faulty(handle(request), faults, request, service)
            )
        for fault in faults:
            if fault.after is not None:
                fault.after(self.tenant)
        status = 0 if reply.lost else reply.status
        self.requests.append(Seen(service, seen.method, seen.target, seen.headers, seen.body, status))
        if self.bodies is not None and reply.body[:1] in {b"{", b"["}:
            self.bodies.append((self.requests[-1], msgspec.json.decode(reply.body)))
        return reply

    def _due(self, seen: Seen) -> list[Fault]:
        due = []
        for place, fault in enumerate(self.faults):
            if fault.service == seen.service and fault.matches(seen.path):
                self._counts[place] += 1
                if fault.due(self._counts[place]):
                    due.append(fault)
        return due

    def _faulty(self, reply: Reply, faults: list[Fault], request: Request, service: str) -> Reply:
        for fault in faults:
            body = reply.body
            if body[:1] == b"{":
                origin = self._servers[service].origin
                body = msgspec.json.encode(fault.change(msgspec.json.decode(body), request.target, origin))
            if fault.truncate:
                body = body[: len(body) // 2]
            reply = Reply(
                status=reply.status,
                headers=reply.headers,
                body=body,
                wait=fault.wait,
                break_at=len(body) // 2 if fault.break_off else None,
            )
        return reply

    def _answer_graph(self, request: Request) -> Reply:
        headers = folded(request.headers)
        kind, _, token = headers.get("authorization", "").partition(" ")
        roles = self.login.roles(token) if kind.casefold() == "bearer" else None
        if roles is None:
            status, head, body = encode(self._no_token(token), headers.get("client-request-id", ""))
        else:
            status, head, body = self._run(request, roles)
        return Reply(status=status, headers=head, body=body)

    def _no_token(self, token: str) -> GraphError:
        message = "Access token is empty."
        if token:
            known = token in self.login.issued
            message = "Lifetime validation failed, the token is expired." if known else "Invalid access token."
        challenge = f'Bearer realm="", authorization_uri="{self.login_url}/common/oauth2/authorize"'
        return GraphError(401, "InvalidAuthenticationToken", message, {"www-authenticate": challenge})

    def _run(self, request: Request, roles: frozenset[str]) -> tuple[int, dict[str, str], bytes]:
        headers = folded(request.headers)
        try:
            call = Call.parse(request.method, request.target, headers, request.body, roles=roles, origin=self.graph_url)
            found = answer(self.service, call, self._batched(roles))
        except GraphError as failure:
            return encode(failure, headers.get("client-request-id", ""))
        return encode(found, headers.get("client-request-id", ""))

    def _batched(self, roles: frozenset[str]) -> Callable[..., tuple[int, dict[str, str], bytes]]:
        def run(method: str, target: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
            seen = Seen("graph", method, target, folded(headers), body, 0)
            replaced = next((fault for fault in self._due(seen) if fault.replaces), None)
            if replaced is not None:
                reply = replaced.reply()
                return reply.status, dict(reply.headers), reply.body
            return self._run(Request(method, target, headers, body), roles)

        return run

    def _answer_login(self, request: Request) -> Reply:
        status, document = self.login.answer(request.method, request.target, request.body)
        headers = {
            "content-type": "application/json; charset=utf-8",
            "cache-control": "no-store, no-cache",
            "x-ms-request-id": document.get("trace_id", "00000000-0000-4000-8000-000000000001"),
        }
        return Reply(status=status, headers=headers, body=msgspec.json.encode(document))

    def _answer_oidc(self, request: Request) -> Reply:
        status, document = self.oidc.answer(request.method, request.target, folded(request.headers))
        headers = {"content-type": "application/json; charset=utf-8"}
        return Reply(status=status, headers=headers, body=msgspec.json.encode(document))


def _transferred(request: Request, reply: Reply) -> Reply:
    """The answer as Graph transfers it: chunked, and compressed for clients that take it."""
    if reply.status != 200 or reply.lost or reply.break_at is not None:
        return reply
    headers, body = dict(reply.headers), reply.body
    if "gzip" in folded(request.headers).get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        body = gzip.compress(body, compresslevel=1)
    return Reply(status=200, headers=headers, chunks=iter((body,)), wait=reply.wait)
