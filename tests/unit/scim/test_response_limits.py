from __future__ import annotations

import gzip
import socket
import tracemalloc
import zlib
from collections.abc import Iterator

import httpx
import pytest

from reconciler.scim import response_limits
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.response_limits import AnswerTooLargeError, ContentCodingError, ResponseLimitTransport

URL = "https://scim.example.com/scim/Users"
PACKED = gzip.compress(b"{}", mtime=0)
"""Without the time: names of tests must not change while they are collected."""


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


def pieces(content: bytes, size: int) -> Chunks:
    return Chunks(*(content[start : start + size] for start in range(0, len(content), size)))


@pytest.mark.parametrize("size", [1, 7, 1000, 10**7])
@pytest.mark.parametrize("name", ["gzip", "GZIP", "x-gzip", "identity, gzip", "gzip, identity,"])
def test_a_compressed_answer_may_come_in_pieces_of_any_size(name: str, size: int) -> None:
    content = bytes(range(256)) * 10 + b"x" * 200_000
    assert send(Network(pieces(gzip.compress(content), size), {"Content-Encoding": name})).content == content


def test_a_compressed_answer_of_exactly_the_limit_is_read() -> None:
    body = pieces(gzip.compress(b"x" * 1024 * 1024), 100)
    assert len(send(Network(body, {"Content-Encoding": "gzip"})).content) == 1024 * 1024


@pytest.mark.parametrize("name", ["", "identity", "Identity, identity"])
def test_an_answer_without_a_coding_is_kept(name: str) -> None:
    assert send(Network(Chunks(b"{", b"", b"}"), {"Content-Encoding": name})).content == b"{}"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("gzip, gzip", "gzip, gzip"),
        ("gzip,gzip,gzip", "gzip, gzip, gzip"),
        ("gzip, x-gzip", "gzip, x-gzip"),
        ("deflate", "deflate"),
        ("br", "br"),
        ("zstd", "zstd"),
        ("gzip, br", "gzip, br"),
        ("nonsense\u202e", "nonsense\\u{202e}"),
        ("x" * 500, "x" * 80 + "… (420 more characters)"),
    ],
)
def test_any_other_coding_is_refused_before_it_is_decoded(name: str, shown: str) -> None:
    body = Chunks(b"not decoded", b"not read")
    network = Network(body)
    network.response.headers = httpx.Headers([(b"Content-Encoding", name.encode())])
    with pytest.raises(ContentCodingError) as raised:
        send(network)
    assert str(raised.value) == f'the service\'s answer has Content-Encoding "{shown}", but only gzip was requested'
    assert (body.read, body.closed) == (1, True)


def test_codings_of_several_headers_count_together() -> None:
    network = Network(Chunks(b"x"))
    network.response.headers = httpx.Headers([("Content-Encoding", "gzip"), ("Content-Encoding", "gzip")])
    with pytest.raises(ContentCodingError):
        send(network)


def test_an_answer_without_a_body_may_name_any_coding() -> None:
    assert send(Network(Chunks(), {"Content-Encoding": "br, gzip"}, status=204)).content == b""


@pytest.mark.parametrize(
    "content",
    [
        *(b"{}", PACKED[:-1], PACKED[:5], PACKED + b"x", PACKED * 2, PACKED[:-8] + b"checksum", b"\x1f\x8b"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_compressed_answer_that_is_broken_is_refused(content: bytes, size: int) -> None:
    body = pieces(content, size)
    with pytest.raises(httpx.DecodingError):
        send(Network(body, {"Content-Encoding": "gzip"}))
    assert body.closed


def test_an_answer_that_expands_to_nothing_does_not_go_on_for_ever() -> None:
    packer = zlib.compressobj(0, zlib.DEFLATED, 31)
    head = packer.flush(zlib.Z_FULL_FLUSH)
    empty = packer.flush(zlib.Z_FULL_FLUSH) or b"\x00\x00\x00\xff\xff"
    body = Chunks(head, *[empty * 1000] * 10_000)
    with pytest.raises(AnswerTooLargeError):
        send(Network(body, {"Content-Encoding": "gzip"}))
    assert body.read < 1000


@pytest.mark.parametrize("chunk", [1000, 10**7], ids=["in pieces", "in one chunk"])
def test_decompression_stops_at_the_limit_in_little_memory(chunk: int) -> None:
    packed = gzip.compress(b"x" * 300_000_000, 9)
    tracemalloc.start()
    with pytest.raises(AnswerTooLargeError):
        send(Network(pieces(packed, chunk), {"Content-Encoding": "gzip"}))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 1024 * 1024


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


class Hanging(httpx.BaseTransport):
    """Answers nothing, or only the head of an answer, until its connection is closed."""

    def __init__(self, *, begins: bool = False) -> None:
        self._begins = begins

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        ours, theirs = socket.socketpair()
        info = {"return_value": type("Stream", (), {"get_extra_info": lambda _self, _name: ours})()}
        request.extensions["trace"]("connection.connect_tcp.complete", info)
        # The timeout of the connection, as httpcore sets it.
        ours.settimeout(request.extensions["timeout"]["read"])
        body = HangingBody(ours, theirs)
        if not self._begins:
            list(body)
        return httpx.Response(200, stream=body)


class HangingBody(httpx.SyncByteStream):
    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self._sockets = ours, theirs

    def __iter__(self) -> Iterator[bytes]:
        ours, theirs = self._sockets
        with ours, theirs:
            try:
                assert ours.recv(1) == b""
            except TimeoutError as exc:
                raise httpx.ReadTimeout("by the timeout of the connection") from exc
            raise httpx.RemoteProtocolError("closed")
        yield b""


def hang(*, begins: bool, seconds: float) -> None:
    transport = ResponseLimitTransport(Hanging(begins=begins))
    try:
        transport.handle_request(httpx.Request("GET", URL, extensions={response_limits.SECONDS_LEFT: seconds}))
    finally:
        transport.close()


def test_an_answer_that_takes_too_long_ends() -> None:
    with pytest.raises(DeadlineExceededError, match="takes longer than 0 seconds"):
        hang(begins=True, seconds=0.3)


def test_an_answer_that_does_not_begin_in_time_is_none_however_the_timers_run() -> None:
    for _ in range(3):
        with pytest.raises(httpx.ReadTimeout, match="no answer within 0 seconds"):
            hang(begins=False, seconds=0.3)


def test_a_request_without_an_answer_ends_by_its_deadline_if_bytes_come_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(response_limits, "_READ_TIMEOUT", 0.2)

    class Dripping(Hanging):
        def handle_request(self, request: httpx.Request) -> httpx.Response:
            request.extensions["timeout"]["read"] = 10.0
            return super().handle_request(request)

    transport = ResponseLimitTransport(Dripping())
    with pytest.raises(DeadlineExceededError):
        transport.handle_request(httpx.Request("GET", URL, extensions={response_limits.SECONDS_LEFT: 0.3}))
    transport.close()
