"""A SCIM 2.0 client (RFC 7644) that believes nothing it can check.

Every answer is bounded in size and time. A refusal of one request is a `ScimError`; a service that refuses or cannot be
understood as a whole is a `TargetError`. Writes are never repeated when they may have taken effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec

from reconciler.core.model import Resource
from reconciler.core.text import escape_control, shorten
from reconciler.errors import ReconcilerError, ScimError, TargetError, UnknownOutcomeError
from reconciler.scim.deadline import Deadline, DeadlineExceededError
from reconciler.scim.errors import ErrorMessages, ServiceResponse
from reconciler.scim.paging import ListRead, Page, Progress, read_all
from reconciler.scim.rate_limiter import RateLimiter, Turn, retry_after

T = TypeVar("T")

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer after decompression."""
MAX_SECONDS = 120.0
"""For one request with its answer."""
READ_WORKERS = 4
_MEDIA_TYPE = "application/scim+json"
_ATTEMPTS = 8
"""For one request, the first included; `RateLimiter` bounds those of the whole run."""
_FIRST_ATTEMPTS = 4
"""As long as the service has taken no request at all: then it is more likely a mistake than a bad moment."""
_TIMEOUT = {"timeout": httpx.Timeout(30.0, connect=10.0).as_dict()}
_BUSY = (429, 503)
_PASSING = (500, 502, 504)
_SERVER_ERROR = 500

_decode = msgspec.json.Decoder().decode


class _AgainError(Exception):
    """A request that may be sent again: it was refused before anything happened, or only reads."""

    def __init__(self, failure: ReconcilerError, pause: float | None = None, *, busy: bool = False) -> None:
        super().__init__(failure.summary)
        self.failure = failure
        self.pause = pause
        self.busy = busy


class ScimClient:
    """One service. Thread-safe. `transport` has already been told where requests may go."""

    def __init__(
        self,
        base_url: str,
        token: str,
        transport: httpx.BaseTransport,
        *,
        user_agent: str,
        limiter: RateLimiter | None = None,
        hints: Mapping[int, str] | None = None,
    ) -> None:
        # Not through httpx.Client: proxies, .netrc, cookies, redirects could all divert the token, and it takes as long
        # as the transport itself.
        self._transport = transport
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": f"{_MEDIA_TYPE}, application/json",
            "Accept-Encoding": "gzip, deflate",
            "User-Agent": user_agent,
        }
        self._headers = httpx.Headers(headers)
        self._typed = httpx.Headers({**headers, "Content-Type": _MEDIA_TYPE})
        self._users = f"{base_url}/Users"
        self._limiter = limiter or RateLimiter()
        self._words = ErrorMessages(base_url, token, hints or {})
        self._deadline = Deadline(MAX_SECONDS)
        self._extensions = {**_TIMEOUT, "trace": self._deadline.trace}

    def close(self) -> None:
        """Closes all connections."""
        self._deadline.close()
        self._transport.close()

    # --- reading ------------------------------------------------------------

    def list_users(self, convert: Callable[[Resource], T], *, page_size: int, progress: Progress) -> ListRead[T]:
        """All users through `convert`, or as many as came and the reason why they may not be all."""
        return read_all(self._page, convert, page_size=page_size, workers=READ_WORKERS, progress=progress)

    def _page(self, start: int, count: int) -> Page:
        answer = self._get(self._users, {"startIndex": str(start), "count": str(count)})
        if answer.status == httpx.codes.NOT_FOUND:
            raise self._words.no_service(answer)
        if not answer.ok:
            raise self._refusal(answer)
        return _page(self._json(answer))

    def get_user(self, identity: str) -> dict[str, Any] | None:
        """The user with this id, None when there is none."""
        answer = self._get(self._user_url(identity), one=True)
        if answer.status == httpx.codes.NOT_FOUND:
            return None
        if not answer.ok:
            raise self._refusal(answer)
        try:
            found = self._json(answer)
        except TargetError as fault:
            if answer.is_page:
                raise
            raise ScimError(answer.status, "", fault.summary, fault.detail) from fault
        if str(found.get("id")) != identity:
            summary = f"the service answered with another user than {escape_control(shorten(identity, 80))}"
            raise ScimError(answer.status, "", summary)
        return found

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        """The users for whom the service says that `attribute` equals `value`: some services ignore filters."""
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        answer = self._get(self._users, {"filter": f'{attribute} eq "{escaped}"'})
        if not answer.ok:
            raise self._refusal(answer)
        return _page(self._json(answer)).resources

    # --- writing ------------------------------------------------------------

    def create_user(self, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The created user as the service says it is, None when its answer holds no user."""
        return self._written(self._write("POST", self._users, body))

    def patch_user(self, identity: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """The patched user as the service says it is, None when its answer holds no user (204)."""
        return self._written(self._write("PATCH", self._user_url(identity), body))

    def delete_user(self, identity: str) -> None:
        """Deletes; a user who is already gone is as wished."""
        answer = self._write("DELETE", self._user_url(identity), None)
        if not answer.ok and answer.status != httpx.codes.NOT_FOUND:
            raise self._refusal(answer)

    def _written(self, answer: ServiceResponse) -> dict[str, Any] | None:
        if not answer.ok:
            raise self._refusal(answer)
        try:
            found = _decode(answer.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None  # to be verified by reading
        return found if isinstance(found, dict) and found.get("id") else None

    # --- requests -----------------------------------------------------------

    def _user_url(self, identity: str) -> str:
        return f"{self._users}/{quote(identity, safe='')}"

    def _get(self, url: str, params: Mapping[str, str] | None = None, *, one: bool = False) -> ServiceResponse:
        """`one`: it is about a single user."""
        return self._insist(lambda: self._request("GET", url, params=params), writes=False, one=one)

    def _write(self, method: str, url: str, body: Mapping[str, Any] | None) -> ServiceResponse:
        content = msgspec.json.encode(body) if body is not None else None
        answer = self._insist(lambda: self._request(method, url, content=content), writes=True, one=True)
        if answer.status >= _SERVER_ERROR or (answer.ok and answer.is_page):
            # A gateway's 504, and many a 500, come after the write took effect; a page says nothing of the service.
            summary = self._words.refusal(answer) if not answer.ok else self._words.not_json(answer).summary
            raise UnknownOutcomeError(answer.status, "", summary, "The request may have taken effect.")
        return answer

    def _request(
        self, method: str, url: str, *, params: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> httpx.Request:
        headers = self._headers if content is None else self._typed
        return httpx.Request(method, url, params=params, headers=headers, content=content, extensions=self._extensions)

    def _insist(self, build: Callable[[], httpx.Request], *, writes: bool, one: bool) -> ServiceResponse:
        """The answer, after as many attempts as it takes, each when the pace of the run lets it leave."""
        attempt = 1
        while True:
            with self._limiter.turn(writes=writes) as turn:
                try:
                    answer = self._send(build(), writes=writes, one=one)
                    self._note(answer, turn, attempt)
                    return answer
                except _AgainError as again:
                    self._limiter.failed(turn, attempt, again.pause, busy=again.busy, why=again.failure.summary)
                    if attempt == (_ATTEMPTS if self._limiter.has_begun else _FIRST_ATTEMPTS):
                        raise again.failure from again
            attempt += 1

    def _note(self, answer: ServiceResponse, turn: Turn, attempt: int) -> None:
        """What an answer that is not sent again says about the pace."""
        if answer.status not in _BUSY:
            self._limiter.accepted()
            return
        self._limiter.slow_down(turn, attempt, _pause(answer), busy=_is_busy(answer))

    def _send(self, request: httpx.Request, *, writes: bool, one: bool) -> ServiceResponse:
        """The answer. Raises `_AgainError` for what may be repeated, `TargetError` for what concerns every request.

        A write may be repeated only if nothing was sent, or if the service refused to look at it (429).
        """
        try:
            answer = self._read(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as fault:
            failure, may_pass = self._words.cannot_connect(fault)
            raise (_AgainError(failure) if may_pass else failure) from fault
        except (httpx.HTTPError, _TooMuchError, DeadlineExceededError) as fault:
            raise self._lost(fault, writes=writes) from fault
        session = self._words.session(answer)
        # A service, or a firewall that dislikes a name, may forbid what concerns one user: others need not suffer.
        if session is not None and not (one and answer.status == httpx.codes.FORBIDDEN):
            raise session
        busy = answer.status == httpx.codes.TOO_MANY_REQUESTS
        if busy or (not writes and answer.status in (*_BUSY, *_PASSING) and _is_worth_it(request, answer.status)):
            raise _AgainError(self._refusal(answer), _pause(answer), busy=_is_busy(answer))
        return answer

    def _lost(self, fault: Exception, *, writes: bool) -> Exception:
        """A request that was sent, and no whole answer came."""
        bounds = isinstance(fault, _TooMuchError | DeadlineExceededError)
        what = str(fault) if bounds else self._words.no_answer(fault)
        if writes:
            return UnknownOutcomeError(0, "", f"no usable answer came: {what}", "The request may have taken effect.")
        if bounds:
            return TargetError(what, "Check target.base_url: this is not how a SCIM service answers.")
        summary = f"the service does not answer: {what}"
        return _AgainError(TargetError(summary, "Check the connection and the state of the service."))

    def _read(self, request: httpx.Request) -> ServiceResponse:
        """Sends and reads the whole answer, within `MAX_ANSWER` and `MAX_SECONDS`."""
        with self._deadline.limit():
            response = self._transport.handle_request(request)
            try:
                chunks, size = [], 0
                for chunk in response.iter_bytes():
                    size += len(chunk)
                    if size > MAX_ANSWER:
                        raise _TooMuchError(f"the service's answer is larger than {MAX_ANSWER // 1024 // 1024} MiB")
                    chunks.append(chunk)
            finally:
                response.close()
            return ServiceResponse(response.status_code, response.headers, b"".join(chunks))

    def _refusal(self, answer: ServiceResponse) -> ScimError:
        """What a refused request means."""
        scim_type = str(answer.error().get("scimType") or "")
        session = self._words.session(answer)
        if session is not None:
            return ScimError(answer.status, scim_type, session.summary, session.detail)
        detail = "The service is out of order." if answer.status >= _SERVER_ERROR else ""
        return ScimError(answer.status, scim_type, self._words.refusal(answer), detail)

    def _json(self, answer: ServiceResponse) -> dict[str, Any]:
        try:
            found = _decode(answer.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise self._words.not_json(answer) from fault
        if not isinstance(found, dict):
            raise TargetError("the service answers with JSON that is not an object", "Check target.base_url.")
        return found


class _TooMuchError(Exception):
    """An answer beyond its bounds."""


def _pause(answer: ServiceResponse) -> float | None:
    return retry_after(answer.headers.get("retry-after"), datetime.now(UTC))


def _is_busy(answer: ServiceResponse) -> bool:
    """Whether the service says that it is asked too much. A 503 that names no time is just out of order."""
    return answer.status == httpx.codes.TOO_MANY_REQUESTS or "retry-after" in answer.headers


def _is_worth_it(request: httpx.Request, status: int) -> bool:
    """A first page may fail because of its count, a filter because it is not understood: no reason to insist."""
    params = request.url.params
    return status in _BUSY or (params.get("startIndex") != "1" and "filter" not in params)


def _page(body: Mapping[str, Any]) -> Page:
    keys = {key.casefold(): value for key, value in body.items()}
    total = keys.get("totalresults")
    if isinstance(total, str) and total.isdigit():
        total = int(total)
    if not isinstance(total, int) or isinstance(total, bool) or total < 0:
        raise TargetError("the service lists users without saying how many there are (totalResults)")
    resources = keys.get("resources") or []
    if not isinstance(resources, list) or not all(isinstance(resource, dict) for resource in resources):
        raise TargetError("the service lists users that are not JSON objects")
    return Page(total, resources)
