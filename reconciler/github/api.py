"""The few calls of GitHub's API that a workflow needs. Its answers are a stranger's: everything is checked."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from reconciler.core.text import escape_control, shorten
from reconciler.errors import ReconcilerError

Json = Mapping[str, Any]

_PAGE = 100
_PAGES = 50
_TRIES = 3
_LONGEST_PAUSE = 60.0
"""Seconds; a longer one is not waited for."""
_MAX_BYTES = 256 * 1024 * 1024
_HINTS = {
    401: "GITHUB_TOKEN is missing or has run out: give the step `GITHUB_TOKEN: ${{ github.token }}`.",
    403: "The job lacks a permission (see `permissions:` in the workflow), or GitHub limits the rate.",
    404: "It does not exist, or the token may not see it.",
    410: "It is gone, or switched off in the settings of the repository.",
    422: "GitHub refuses the content.",
}


class GitHubError(ReconcilerError):
    """GitHub refused a request, or gave no usable answer. `status`: 0 when there was none."""

    def __init__(self, status: int, summary: str, detail: str = "") -> None:
        super().__init__(summary, detail or _HINTS.get(status, "Run the job again."))
        self.status = status


class GitHub:
    """One repository (`owner/name`) by a client that knows GitHub's address and holds the token.

    `plain` holds no token: for downloads, which GitHub hands on to another host.
    """

    def __init__(self, client: httpx.Client, plain: httpx.Client, repository: str) -> None:
        self._client = client
        self._plain = plain
        self.repository = repository

    def get(self, path: str, **query: str | int) -> Json:
        """One object."""
        return _object(self._json("GET", path, query), path)

    def send(self, method: str, path: str, content: Json | None = None) -> Json:
        """Writes, and gives what became of it; {} when the answer is empty."""
        return _object(self._json(method, path, None, content) or {}, path)

    def items(self, path: str, key: str | None = None, **query: str | int) -> Iterator[Json]:
        """The objects of a list, page by page; `key`: where in the answer the list is."""
        for page in range(1, _PAGES + 1):
            answer = self._json("GET", path, {**query, "per_page": _PAGE, "page": page})
            found = _object(answer, path).get(key) if key is not None else answer
            if not isinstance(found, list):
                raise GitHubError(0, f"GitHub's answer to {path} is no list")
            yield from (item for item in found if isinstance(item, dict))
            if len(found) < _PAGE:
                return

    def download(self, path: str) -> bytes:
        """What GitHub redirects to, asked for without the token."""
        where = self._request("GET", path).headers.get("location", "")
        ours = self._client.base_url
        parts = urlsplit(where)
        if parts.scheme != "https" and (parts.scheme, parts.hostname) != (ours.scheme, ours.host):
            raise GitHubError(0, f"GitHub's answer to {path} names no place to download from")
        answer = _sent(self._plain, "GET", where)
        if answer.status_code != httpx.codes.OK:
            raise GitHubError(answer.status_code, f"the download of {path} ended with {answer.status_code}")
        return answer.content

    def _json(
        self, method: str, path: str, query: Mapping[str, str | int] | None = None, content: Json | None = None
    ) -> Any:
        answer = self._request(method, path, query, content)
        if not answer.content:
            return None
        try:
            return json.loads(answer.content)
        except (ValueError, RecursionError) as fault:
            raise GitHubError(0, f"GitHub's answer to {path} is not JSON") from fault

    def _request(
        self, method: str, path: str, query: Mapping[str, str | int] | None = None, content: Json | None = None
    ) -> httpx.Response:
        """Repeats what may be repeated: whatever GitHub says it did not do, and reads that failed."""
        url = f"/repos/{self.repository}{path}"
        for attempt in range(1, _TRIES + 1):
            answer = _sent(self._client, method, url, query, content)
            pause = _pause(answer, method, attempt)
            if pause is None or attempt == _TRIES:
                break
            time.sleep(pause)
        if answer.status_code < httpx.codes.BAD_REQUEST:
            return answer
        raise GitHubError(answer.status_code, f"GitHub answered {answer.status_code} to {method} {path}{_said(answer)}")


def _sent(
    client: httpx.Client,
    method: str,
    url: str,
    query: Mapping[str, str | int] | None = None,
    content: Json | None = None,
) -> httpx.Response:
    try:
        with client.stream(method, url, params=query, json=content) as answer:
            taken = bytearray()
            for piece in answer.iter_bytes():
                taken += piece
                if len(taken) > _MAX_BYTES:
                    raise GitHubError(0, "GitHub's answer is larger than 256 MiB")
            # Decoded already: what said how it was encoded no longer holds.
            headers = [(name, value) for name, value in answer.headers.multi_items() if name != "content-encoding"]
            return httpx.Response(answer.status_code, headers=headers, content=bytes(taken))
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        raise GitHubError(0, f"GitHub cannot be reached: {escape_control(shorten(str(fault)))}") from fault


def _pause(answer: httpx.Response, method: str, attempt: int) -> float | None:
    """Seconds to wait before the same request is sent again; None: it isn't."""
    status, after = answer.status_code, answer.headers.get("retry-after", "")
    limited = status == httpx.codes.TOO_MANY_REQUESTS or (status == httpx.codes.FORBIDDEN and after)
    if limited:
        pause = float(after) if after.isdecimal() else 2.0**attempt
        return pause if pause <= _LONGEST_PAUSE else None
    return 2.0**attempt if status >= httpx.codes.INTERNAL_SERVER_ERROR and method != "POST" else None


def _said(answer: httpx.Response) -> str:
    try:
        message = json.loads(answer.content).get("message")
    except (ValueError, AttributeError, RecursionError):
        return ""
    return f": {escape_control(shorten(message))}" if isinstance(message, str) else ""


def _object(answer: Any, path: str) -> Json:
    if not isinstance(answer, dict):
        raise GitHubError(0, f"GitHub's answer to {path} is no object")
    return answer


def text_at(item: Json, *keys: str) -> str:
    """The text at `keys`; "" when it is not there or no text."""
    found: Any = item
    for key in keys:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, str) else ""


def number_at(item: Json, key: str) -> int:
    """The number at `key`; raises when it is not there."""
    found = item.get(key)
    if not isinstance(found, int) or isinstance(found, bool):
        raise GitHubError(0, f"GitHub's answer has no number {key}")
    return found
