from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator

import httpx
import pytest

from reconciler.scim import response_limits
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.response_limits import AnswerTooLargeError, ResponseLimitTransport

URL = "https://scim.example.com/scim/Users"


class Chunks(httpx.SyncByteStream):
    """A body in chunks; counts how many were read, and whether it was closed."""

    def __init__(self, *chunks: bytes | Exception) -> None:
        self._chunks = chunks
        self.read = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._chunks:
            self.read += 1
            if isinstance(chunk, Exception):
                raise chunk
            yield chunk

    def close(self) -> None:
        self.closed = True


class Network(httpx.BaseTransport):
    def __init__(self, body: Chunks, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.response = httpx.Response(status, headers=headers, stream=body)
        self.requests: list[httpx.Request] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.response


@pytest.fixture(autouse=True)
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_limits, "MAX_BYTES", 1024 * 1024)


def send(network: Network) -> httpx.Response:
    transport = ResponseLimitTransport(network)
    try:
        return transport.handle_request(httpx.Request("GET", URL))
    finally:
        transport.close()


def test_an_answer_is_read_whole_and_closed() -> None:
    body = Chunks(b'{"a":', b" 1}")
    response = send(Network(body, {"X-Header": "1"}, status=201))
    assert (response.status_code, response.content, response.headers["x-header"]) == (201, b'{"a": 1}', "1")
    assert body.closed


def test_an_answer_of_exactly_the_limit_is_read() -> None:
    assert len(send(Network(Chunks(*[b"x" * 1024] * 1024))).content) == 1024 * 1024


def test_reading_stops_at_the_limit() -> None:
    body = Chunks(*[b"x" * 1024] * 10_000)
    with pytest.raises(AnswerTooLargeError, match=r"^the service's answer is larger than 1 MiB$"):
        send(Network(body))
    assert (body.read, body.closed) == (1025, True)


def test_a_compressed_answer_is_decoded_once() -> None:
    content = b'{"a": "' + b"x" * 5000 + b'"}'
    response = send(Network(Chunks(gzip.compress(content)), {"Content-Encoding": "gzip"}))
    assert response.content == content
    assert "content-encoding" not in response.headers


def test_the_limit_counts_after_decompression() -> None:
    body = Chunks(gzip.compress(b"x" * 10_000_000))
    with pytest.raises(AnswerTooLargeError):
        send(Network(body, {"Content-Encoding": "gzip"}))


@pytest.mark.parametrize("error", [httpx.ReadError("reset"), httpx.ReadTimeout("late")])
def test_a_body_that_breaks_off_raises_and_is_closed(error: httpx.HTTPError) -> None:
    body = Chunks(b"{", error)
    with pytest.raises(type(error)):
        send(Network(body))
    assert body.closed


def test_each_request_has_timeouts_and_is_watched() -> None:
    network = Network(Chunks(b""))
    send(network)
    extensions = network.requests[0].extensions
    assert extensions["timeout"] == {"connect": 10.0, "read": 30.0, "write": 30.0, "pool": 30.0}
    assert callable(extensions["trace"])


def test_a_request_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(response_limits, "MAX_SECONDS", 0.0)

    class Hanging(httpx.BaseTransport):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            ours, theirs = socket.socketpair()
            info = {"return_value": type("Stream", (), {"get_extra_info": lambda _self, _name: ours})()}
            request.extensions["trace"]("connection.connect_tcp.complete", info)
            with ours, theirs:
                ours.settimeout(10)
                if ours.recv(1) == b"":
                    raise httpx.RemoteProtocolError("closed")
            raise AssertionError("not closed")

    transport = ResponseLimitTransport(Hanging())
    with pytest.raises(DeadlineExceededError, match="takes longer than 0 seconds"):
        transport.handle_request(httpx.Request("GET", URL))
    transport.close()
