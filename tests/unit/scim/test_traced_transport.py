from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from reconciler.scim.traced_transport import TracedTransport, template_path
from reconciler.tracing import use_tracer


class _Recorder:
    def __init__(self) -> None:
        self.name = ""
        self.attributes: dict[str, Any] = {}
        self.failed: list[str] = []

    @contextmanager
    def open(self, name: str, attributes: Mapping[str, Any], *, request: bool) -> Iterator[Any]:
        assert request
        self.name, self.attributes = name, dict(attributes)
        yield self

    def set(self, attributes: Mapping[str, Any]) -> None:
        self.attributes.update(attributes)

    def fail(self, kind: str) -> None:
        self.failed.append(kind)


def send(url: str, status: int = 200) -> _Recorder:
    recorder = _Recorder()
    inner = httpx.MockTransport(lambda _request: httpx.Response(status))
    with use_tracer(recorder), httpx.Client(transport=TracedTransport(inner)) as client:
        client.get(url, headers={"Authorization": "Bearer planted"})
    return recorder


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/feeds/business/scim/Users", "/feeds/business/scim/Users"),
        ("/scim/v2/Users/GN-1", "/scim/v2/Users/{}"),
        ("/acme/Users/ada@example.com", "/{}/Users/{}"),
        ("/v1.0/users/ada.lovelace/manager", "/v1.0/users/{}/{}"),
        ("/Users/", "/Users/"),
        ("", ""),
    ],
)
def test_only_words_of_an_api_are_shown_of_a_path(path: str, shown: str) -> None:
    assert template_path(path) == shown


def test_a_request_shows_neither_query_nor_header() -> None:
    found = send("https://federation.apple.com/feeds/business/scim/Users?filter=userName%20eq%20%22ada%22")
    assert found.name == "GET /feeds/business/scim/Users"
    assert found.attributes == {
        "http.request.method": "GET",
        "url.template": "/feeds/business/scim/Users",
        "url.scheme": "https",
        "server.address": "federation.apple.com",
        "http.response.status_code": 200,
    }
    assert not found.failed


def test_a_refusal_fails_the_span() -> None:
    assert send("https://scim.example.com/Users/1", 404).failed == ["404"]


def test_a_client_of_the_project_is_traced() -> None:
    from reconciler.scim.transport import open_connections  # noqa: PLC0415

    assert isinstance(open_connections(), TracedTransport)
