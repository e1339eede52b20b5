"""A transport that reads answers whole, within bounds of size and time.

The body is decompressed here and not by httpx, which expands a whole chunk of the network before its size can be
checked, and as many codings on top of each other as an answer names: 3 KB become 4 GB.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import cast

import httpx

from reconciler.core.text import quote, shorten
from reconciler.scim.deadline import Deadline, DeadlineExceededError

MAX_BYTES = 64 * 1024 * 1024
"""Of one answer, before and after decompression."""
MAX_SECONDS = 120.0
"""For one request with its answer."""
SECONDS_LEFT = "seconds_left"
"""The extension of a request with the seconds that it may take, if these are fewer."""
ACCEPT_ENCODING = "gzip"
"""The only coding that is understood, so the only one to ask for."""
_GZIP = (["gzip"], ["x-gzip"])
"""RFC 9110 §8.4.1.3: both names are the same coding."""
_STEP = 1024 * 1024
"""Bytes that are decompressed before the size is checked again."""
_READ_TIMEOUT, _CONNECT_TIMEOUT = 30.0, 10.0
_GRACE = 5.0
"""How much later than its deadline a request of less time times out: which of them ends it is not left to chance."""


class UnreadableAnswerError(Exception):
    """An answer that is not read to its end."""


class AnswerTooLargeError(UnreadableAnswerError):
    """An answer has more bytes than allowed."""


class ContentCodingError(UnreadableAnswerError):
    """An answer is compressed otherwise than asked for."""


class ResponseLimitTransport(httpx.BaseTransport):
    """Sends a request and reads the whole answer, of at most `max_bytes` (None: `MAX_BYTES`). `whose`: for messages.

    Raises `UnreadableAnswerError` beyond these or for another coding than gzip, `DeadlineExceededError` after
    `MAX_SECONDS`, `httpx.ReadTimeout` for one that does not begin, and `httpx.DecodingError` for gzip that is broken.
    """

    def __init__(self, inner: httpx.BaseTransport, max_bytes: int | None = None, whose: str = "the service's") -> None:
        self._inner = inner
        self._max_bytes = max_bytes
        self._whose = whose
        self._deadline = Deadline()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        left = request.extensions.get(SECONDS_LEFT, MAX_SECONDS)
        seconds = min(MAX_SECONDS, left)
        is_short = left < MAX_SECONDS and left <= _READ_TIMEOUT
        read = seconds + _GRACE if is_short else _READ_TIMEOUT
        timeout = httpx.Timeout(read, connect=min(_CONNECT_TIMEOUT, seconds))
        request.extensions |= {"timeout": timeout.as_dict(), "trace": self._deadline.trace}
        response: httpx.Response | None = None
        try:
            with self._deadline.limit(seconds):
                response = self._inner.handle_request(request)
                try:
                    content = read_body(response, self._max_bytes or MAX_BYTES, self._whose)
                finally:
                    response.close()
        except DeadlineExceededError as exc:
            if response is not None or not is_short:
                raise
            raise httpx.ReadTimeout(f"no answer within {seconds:.0f} seconds", request=request) from exc
        return httpx.Response(response.status_code, headers=headers_of_decoded(response), content=content)

    def close(self) -> None:
        self._deadline.close()
        self._inner.close()


def read_body(response: httpx.Response, limit: int, whose: str = "the service's") -> bytes:
    """Read and decompress the body of a response that was not read yet, at most `limit` bytes; `whose`: for messages.

    Raises `UnreadableAnswerError` for more bytes and for any coding but gzip, `httpx.DecodingError` for broken gzip.
    """
    content, received = bytearray(), 0
    decode: Callable[[bytes], Iterator[bytes]] | None = None
    gzip = _Gzip()
    for chunk in _iterate(response):
        decode = decode or (gzip.decode if _is_gzip(response, whose) else _keep)
        received += len(chunk)
        for piece in decode(chunk):
            content += piece
            if max(received, len(content)) > limit:
                raise AnswerTooLargeError(f"{whose} answer is larger than {limit // 1024**2} MiB")
    gzip.end()
    return bytes(content)


def headers_of_decoded(response: httpx.Response) -> list[tuple[bytes, bytes]]:
    """Return the headers of a response whose body `read_body` has decompressed."""
    return [(name, value) for name, value in response.headers.raw if name.lower() != b"content-encoding"]


def _iterate(response: httpx.Response) -> Iterator[bytes]:
    """Yield the chunks of the body as they came, without empty ones."""
    stream = cast("httpx.SyncByteStream", response.stream)  # of a synchronous transport
    return (chunk for chunk in stream if chunk)


def _is_gzip(response: httpx.Response, whose: str) -> bool:
    """Whether the body is gzip, rather than not compressed. Raises `ContentCodingError` if it is neither."""
    names = response.headers.get_list("content-encoding", split_commas=True)
    codings = [name for name in map(str.lower, names) if name not in ("", "identity")]
    if codings and codings not in _GZIP:
        shown = quote(shorten(", ".join(codings), 80))
        raise ContentCodingError(f"{whose} answer has Content-Encoding {shown}, but only gzip was requested")
    return bool(codings)


def _keep(chunk: bytes) -> Iterator[bytes]:
    yield chunk


class _Gzip:
    """Decompresses one gzip stream piece by piece."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
        self._begun = False

    def decode(self, chunk: bytes) -> Iterator[bytes]:
        """Yield what `chunk` expands to, at most `_STEP` bytes at a time."""
        self._begun = True
        piece = b"more"
        while chunk or piece:
            try:
                piece = self._stream.decompress(chunk, _STEP)
            except zlib.error as exc:
                raise httpx.DecodingError(str(exc)) from exc
            chunk = self._stream.unconsumed_tail
            yield piece
        if self._stream.unused_data:
            raise httpx.DecodingError("data follows the end of the compressed answer")

    def end(self) -> None:
        """Check that the stream came to its end."""
        if self._begun and not self._stream.eof:
            raise httpx.DecodingError("the compressed answer ends early")
