"""A collector of OpenTelemetry's traces (OTLP by HTTP), which decodes what it receives."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.servers.http_server import HttpServer, Reply, Request


class TraceCollector:
    """Collects spans at `endpoint`. `reply`: to every request."""

    def __init__(self, reply: Reply | None = None) -> None:
        self.requests: list[Request] = []
        self._reply = reply or Reply(status=200)
        self._server = HttpServer(self._answer)

    @property
    def endpoint(self) -> str:
        return self._server.origin

    @property
    def raw(self) -> bytes:
        """Everything received: bodies and headers."""
        return b"".join(_body(each) + repr(each.headers).encode() for each in self.requests)

    def messages(self) -> list[Any]:
        return [ExportTraceServiceRequest.FromString(_body(each)) for each in self.requests]

    def spans(self) -> Iterator[Any]:
        for message in self.messages():
            for resource in message.resource_spans:
                for scope in resource.scope_spans:
                    yield from scope.spans

    def close(self) -> None:
        self._server.close()

    def _answer(self, request: Request) -> Reply:
        self.requests.append(request)
        return self._reply


def attributes(span: Any) -> dict[str, Any]:
    """Return the attributes of a span or a resource."""
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in span.attributes}


def _body(request: Request) -> bytes:
    encoded = {name.casefold(): value for name, value in request.headers.items()}.get("content-encoding")
    return gzip.decompress(request.body) if encoded == "gzip" else request.body
