"""A client of Graph's stand-in that never waits: no request is sent again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from reconciler.desired.source_settings import EntraSource
from reconciler.scim.response_limits import ResponseLimitTransport
from reconciler.scim.secret import Secret
from reconciler.scim.transport import PinnedTransport, open_connections
from reconciler.sources.attributes import select_attributes
from reconciler.sources.graph.access_token import GraphToken
from reconciler.sources.graph.client import GraphClient
from reconciler.sources.graph.clouds import parse_origin
from reconciler.sources.graph.read import EntraRequest, read_entra
from reconciler.sources.graph.tokens import Tokens
from reconciler.sources.snapshot import Snapshot
from support.servers.graph.server import GraphServer

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
"""An hour after the stand-in's clock begins."""


class _Ready:
    """A credential that is a token of the stand-in."""

    name = "a test"
    renewable = False

    def __init__(self, token: str) -> None:
        self._token = token

    def acquire(self) -> GraphToken:
        return GraphToken(Secret(self._token))


@contextmanager
def open_reader(server: GraphServer) -> Iterator[GraphClient]:
    """Open a client of the stand-in, with a token of its app."""
    endpoint = parse_origin("RECONCILER_GRAPH_URL", server.graph_url)
    tokens = Tokens(_Ready(server.token()), tenant=server.tenant.id, resource="https://graph.microsoft.com")
    client = GraphClient(endpoint, tokens, ResponseLimitTransport(PinnedTransport(open_connections(), endpoint)))
    try:
        yield client
    finally:
        client.close()


def build_request(
    *,
    attributes: Iterable[str] = ("department",),
    known: Iterable[str] = (),
    known_groups: Iterable[str] = (),
    now: datetime = NOW,
    **settings: Any,
) -> EntraRequest:
    """Build a request; `settings` are those of source.entra."""
    given = {"tenant": "contoso.onmicrosoft.com", "application": "Apple Business Manager"} | settings
    source = EntraSource.model_validate(given)
    request = EntraRequest(source, select_attributes(attributes), now, frozenset(known))
    return replace(request, known_groups=tuple(known_groups))


def read_tenant(server: GraphServer, **options: Any) -> Snapshot:
    """Read a tenant as `import entra` does; `options` are those of `build_request`."""
    with open_reader(server) as reader:
        return read_entra(reader, build_request(**options))
