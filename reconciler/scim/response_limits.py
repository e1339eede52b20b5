"""A transport that reads answers whole, within bounds of size and time."""

from __future__ import annotations

import httpx

from reconciler.scim.deadline import Deadline

MAX_BYTES = 64 * 1024 * 1024
"""Of one answer, after decompression."""
MAX_SECONDS = 120.0
"""For one request with its answer."""
_TIMEOUT = httpx.Timeout(30.0, connect=10.0).as_dict()


class AnswerTooLargeError(Exception):
    """An answer has more than `MAX_BYTES`."""


class ResponseLimitTransport(httpx.BaseTransport):
    """Sends a request and reads the whole answer.

    Raises `AnswerTooLargeError` beyond `MAX_BYTES` and `DeadlineExceededError` after `MAX_SECONDS`.
    """

    def __init__(self, inner: httpx.BaseTransport) -> None:
        self._inner = inner
        self._deadline = Deadline(MAX_SECONDS)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.extensions |= {"timeout": _TIMEOUT, "trace": self._deadline.trace}
        with self._deadline.limit():
            response = self._inner.handle_request(request)
            try:
                chunks, size = [], 0
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > MAX_BYTES:
                        raise AnswerTooLargeError(f"the service's answer is larger than {MAX_BYTES // 1024**2} MiB")
                    chunks.append(chunk)
            finally:
                response.close()
        # The content is decoded already.
        headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-encoding"]
        return httpx.Response(response.status_code, headers=headers, content=b"".join(chunks))

    def close(self) -> None:
        self._deadline.close()
        self._inner.close()
