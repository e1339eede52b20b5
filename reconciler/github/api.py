"""The calls of GitHub's API that a workflow needs. Answers are untrusted input: everything is checked."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from typing import Any

import httpx

from reconciler.core.base_url import split_origin
from reconciler.core.text import escape_control, shorten
from reconciler.core.untrusted_values import parse_count, parse_moment
from reconciler.errors import ReconcilerError
from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.rate_limiter import Slot
from reconciler.scim.response_limits import UnreadableAnswerError, headers_of_decoded, read_body
from reconciler.scim.retry import TransientFailure, parse_retry_after
from reconciler.scim.retry_transport import CONNECT_ERRORS, RetryTransport

Json = Mapping[str, Any]

_PAGE = 100
_PAGES = 50
_ATTEMPTS = 3
_MAX_PAUSE = 60.0
"""Seconds; GitHub is not asked again if it wants a longer pause."""
_MAX_BYTES = 256 * 1024 * 1024
_HINTS = {
    401: "GITHUB_TOKEN is missing or has expired: give the step `GITHUB_TOKEN: ${{ github.token }}`.",
    403: "The job lacks a permission (see `permissions:` in the workflow), or GitHub limits the rate.",
    404: "It does not exist, or the token has no access to it.",
    410: "It was deleted, or is disabled in the settings of the repository.",
    422: "GitHub rejects the content.",
}


class GitHubError(ReconcilerError):
    """GitHub refused a request, or gave no usable answer. `status`: 0 if there was none."""

    def __init__(self, status: int, summary: str, detail: str = "") -> None:
        super().__init__(summary, detail or _HINTS.get(status, "Run the job again."))
        self.status = status


class GitHubRetryRule:
    """What GitHub's failed answers mean: it did nothing if it limits the rate; other errors may pass for reads."""

    def refusal_in(self, request: httpx.Request, response: httpx.Response) -> TransientFailure | None:
        """Judge an answer (https://docs.github.com/rest/using-the-rest-api/best-practices-for-using-the-rest-api)."""
        status, retry_after = response.status_code, response.headers.get("retry-after")
        limited = status == httpx.codes.TOO_MANY_REQUESTS or (status == httpx.codes.FORBIDDEN and bool(retry_after))
        if not limited and (status < httpx.codes.INTERNAL_SERVER_ERROR or request.method == "POST"):
            return None
        pause = parse_retry_after(retry_after, datetime.now(UTC), longest=math.inf) if limited else None
        return TransientFailure(f"GitHub answered {status}", pause, busy=limited)

    def refusal_from(self, _request: httpx.Request, _exc: httpx.HTTPError) -> TransientFailure | None:
        """Judge an exception: none is worth another attempt, because the job can be run again."""
        return None


class GitHubBackoff:
    """The limiter of the few requests to GitHub: one after another, with the pause GitHub asks for or 2, then 4 s."""

    def __init__(self, sleep: Callable[[float], None] | None = None) -> None:
        self._sleep = sleep or time.sleep

    def slot(self, *, writes: bool, until: float) -> AbstractContextManager[Slot]:  # noqa: ARG002 - part of `Limiter`
        """Let any request leave at once."""
        return nullcontext(Slot(0.0))

    def record_accepted(self, slot: Slot) -> None:
        """Ignore what the next request need not wait for."""

    def record_refused(self, slot: Slot, attempt: int, refusal: TransientFailure) -> float:  # noqa: ARG002 - as above
        """Ignore a refusal: `allow_retry` waits."""
        return 0.0

    def wait(self, seconds: float) -> None:
        """Wait."""
        self._sleep(seconds)

    def allow_retry(self, attempt: int, refusal: TransientFailure) -> bool:
        """Wait before the next attempt; return False instead if there is none, or if the pause is too long."""
        pause = refusal.pause if refusal.pause is not None else 2.0**attempt
        if attempt == _ATTEMPTS or pause > _MAX_PAUSE:
            return False
        self._sleep(pause)
        return True


def retry_github(transport: httpx.BaseTransport, sleep: Callable[[float], None] | None = None) -> httpx.BaseTransport:
    """Return a transport that repeats what GitHub says it did not do, and reads that failed."""
    return RetryTransport(transport, GitHubRetryRule(), GitHubBackoff(sleep))


class GitHub:
    """One repository (`owner/name`). `client` knows GitHub's address and holds the token.

    `plain` holds no token: it is for downloads, which GitHub redirects to another host.
    """

    def __init__(self, client: httpx.Client, plain: httpx.Client, repository: str) -> None:
        self._client = client
        self._plain = plain
        self.repository = repository

    def get(self, path: str, **query: str | int) -> Json:
        """Read one object. Raises `GitHubError`, as all requests do."""
        return _object(self._json("GET", path, query), path)

    def send(self, method: str, path: str, content: Json | None = None) -> Json:
        """Write; return the answer, {} if it is empty."""
        return _object(self._json(method, path, None, content) or {}, path)

    def change(self, method: str, path: str, content: Json | None = None) -> None:
        """Write; the answer does not matter, it may be a list."""
        self._request(method, path, None, content)

    def items(self, path: str, key: str | None = None, **query: str | int) -> Iterator[Json]:
        """Read the objects of a list, page by page. `key`: where the list is in the answer."""
        for page in range(1, _PAGES + 1):
            answer = self._json("GET", path, {**query, "per_page": _PAGE, "page": page})
            found = _object(answer, path).get(key) if key is not None else answer
            if not isinstance(found, list):
                raise GitHubError(0, f"GitHub's answer to {path} is not a list")
            yield from (item for item in found if isinstance(item, dict))
            if len(found) < _PAGE:
                return

    def download(self, path: str) -> bytes:
        """Download what GitHub redirects to, without sending the token there."""
        where = self._request("GET", path).headers.get("location", "")
        ours = self._client.base_url
        try:
            scheme, host, _port = split_origin(where)
        except ValueError as exc:
            raise GitHubError(0, f"GitHub's answer to {path} has no download location") from exc
        if scheme != "https" and (scheme, host) != (ours.scheme, ours.host):
            raise GitHubError(0, f"GitHub's answer to {path} has no download location")
        answer = _send(self._plain, "GET", where)
        if answer.status_code != httpx.codes.OK:
            raise GitHubError(answer.status_code, f"the download of {path} failed with {answer.status_code}")
        return answer.content

    def _json(
        self, method: str, path: str, query: Mapping[str, str | int] | None = None, content: Json | None = None
    ) -> Any:
        answer = self._request(method, path, query, content)
        if not answer.content:
            return None
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError) as exc:
            raise GitHubError(0, f"GitHub's answer to {path} is not JSON") from exc

    def _request(
        self, method: str, path: str, query: Mapping[str, str | int] | None = None, content: Json | None = None
    ) -> httpx.Response:
        answer = _send(self._client, method, f"/repos/{self.repository}{path}", query, content)
        if answer.status_code < httpx.codes.BAD_REQUEST:
            return answer
        raise GitHubError(
            answer.status_code, f"GitHub answered {answer.status_code} to {method} {path}{_format_message(answer)}"
        )


def _send(
    client: httpx.Client,
    method: str,
    url: str,
    query: Mapping[str, str | int] | None = None,
    content: Json | None = None,
) -> httpx.Response:
    try:
        with client.stream(method, url, params=query, json=content) as answer:
            body = read_body(answer, _MAX_BYTES, "GitHub's")
            return httpx.Response(answer.status_code, headers=headers_of_decoded(answer), content=body)
    except UnreadableAnswerError as exc:
        raise GitHubError(0, str(exc)) from exc
    except CONNECT_ERRORS as exc:
        host = f"https://{exc.request.url.raw_host.decode('ascii')}"
        error, _ = ConnectionMessages(host, service="GitHub", check="Check GITHUB_API_URL").explain_no_connection(exc)
        raise GitHubError(0, error.summary, error.detail) from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise GitHubError(0, f"GitHub cannot be reached: {escape_control(shorten(str(exc)))}") from exc


def _format_message(answer: httpx.Response) -> str:
    try:
        message = json.loads(answer.content).get("message")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return f": {escape_control(shorten(message))}" if isinstance(message, str) else ""


def _object(answer: Any, path: str) -> Json:
    if not isinstance(answer, dict):
        raise GitHubError(0, f"GitHub's answer to {path} is not an object")
    return answer


def text_at(item: Json, *keys: str) -> str:
    """Return the text at `keys`; "" if it is absent or not text."""
    found: Any = item
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def time_at(item: Json, key: str) -> datetime | None:
    """Return the time at `key`; None if it is absent or is not one with a zone."""
    return parse_moment(text_at(item, key))


def objects_at(item: Json, key: str) -> list[Json]:
    """Return the objects of the list at `key`; none if it is absent or not a list."""
    found = item.get(key)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def number_at(item: Json, key: str) -> int:
    """Return the number at `key`. Raises `GitHubError` if it is absent or no integer from 0 to 2^63 - 1."""
    value = item.get(key)
    found = parse_count(value) if isinstance(value, int) else None
    if found is None:
        raise GitHubError(0, f"GitHub's answer has no number {key}")
    return found
