"""A SCIM 2.0 client (RFC 7644) that believes nothing it can check.

Every answer is bounded in size and time. A refusal of one request is a `ScimError`; a service that refuses or cannot be
understood as a whole is a `TargetError`. Writes are never repeated when they may have taken effect.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
import stamina
from stamina.instrumentation import set_on_retry_hooks

from reconciler.core.model import Resource
from reconciler.core.text import printable, shortened
from reconciler.errors import ReconcilerError, ScimError, TargetError, UnknownOutcomeError
from reconciler.scim.paging import ListRead, Page, Progress, read_all

T = TypeVar("T")

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer after decompression."""
MAX_SECONDS = 120.0
"""For one request with its answer."""
READ_WORKERS = 4
_MEDIA_TYPE = "application/scim+json"
_RETRIES = 5
_RETRY_SECONDS = 180.0
_MAX_WAIT = 60.0

_decode = msgspec.json.Decoder().decode
# Retries are reported by us, where they matter.
set_on_retry_hooks(())


class _BusyError(Exception):
    """429 or 503, or a lost connection on a request that may be repeated; `wait` is Retry-After in seconds."""

    def __init__(self, failure: ReconcilerError, wait: float | None = None) -> None:
        super().__init__(failure.summary)
        self.failure = failure
        self.wait = wait


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def ok(self) -> bool:
        """Whether the request was accepted."""
        return 200 <= self.status < 300  # noqa: PLR2004 - RFC 9110 §15.3


class ScimClient:
    """One service. Thread-safe. `transport` has already been told where requests may go."""

    def __init__(self, base_url: str, token: str, transport: httpx.BaseTransport, *, user_agent: str) -> None:
        self._http = httpx.Client(
            transport=transport,
            headers={
                "Authorization": f"Bearer {token}",
                "Accept": f"{_MEDIA_TYPE}, application/json",
                "User-Agent": user_agent,
            },
            timeout=httpx.Timeout(30.0, connect=10.0),
            follow_redirects=False,
            # Proxies, .netrc and certificates from the environment could all divert the token.
            trust_env=False,
        )
        self._users = f"{base_url}/Users"
        self._token = token

    def close(self) -> None:
        """Closes all connections."""
        self._http.close()

    # --- reading ------------------------------------------------------------

    def list_users(self, convert: Callable[[Resource], T], *, page_size: int, progress: Progress) -> ListRead[T]:
        """All users through `convert`, or as many as came and the reason why they may not be all."""
        return read_all(self._page, convert, page_size=page_size, workers=READ_WORKERS, progress=progress)

    def _page(self, start: int, count: int) -> Page:
        answer = self._get(self._users, {"startIndex": str(start), "count": str(count)})
        if answer.status == httpx.codes.NOT_FOUND:
            raise TargetError(
                f"there is no SCIM service at {self._users} (404)",
                "Check target.base_url: Apple's has no /v2 at its end, many others need one.",
            )
        if not answer.ok:
            raise self._refusal(answer)
        return _page(self._json(answer))

    def get_user(self, identity: str) -> dict[str, Any] | None:
        """The user with this id, None when there is none."""
        answer = self._get(self._user_url(identity))
        if answer.status == httpx.codes.NOT_FOUND:
            return None
        if not answer.ok:
            raise self._refusal(answer)
        found = self._json(answer)
        if str(found.get("id")) != identity:
            raise TargetError(f"the service answered with another user than {printable(shortened(identity, 80))}")
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

    def _written(self, answer: Answer) -> dict[str, Any] | None:
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

    def _get(self, url: str, params: Mapping[str, str] | None = None) -> Answer:
        request = self._http.build_request("GET", url, params=params)
        return self._with_retries(lambda: self._send(request, may_repeat=True))

    def _write(self, method: str, url: str, body: Mapping[str, Any] | None) -> Answer:
        content = msgspec.json.encode(body) if body is not None else None
        headers = {"Content-Type": _MEDIA_TYPE} if content is not None else {}

        def send() -> Answer:
            request = self._http.build_request(method, url, content=content, headers=headers)
            return self._send(request, may_repeat=False)

        answer = self._with_retries(send)
        if answer.status >= 500:  # noqa: PLR2004 - RFC 9110 §15.6
            # A gateway's 504, and many a 500, come after the write took effect.
            refusal = self._refusal(answer)
            raise UnknownOutcomeError(answer.status, "", refusal.summary, "The request may have taken effect.")
        return answer

    def _with_retries(self, send: Callable[[], Answer]) -> Answer:
        try:
            for attempt in stamina.retry_context(
                on=_backoff, attempts=_RETRIES, timeout=_RETRY_SECONDS, wait_initial=0.2, wait_max=10.0
            ):
                with attempt:
                    return send()
        except _BusyError as busy:
            raise busy.failure from busy
        raise AssertionError("a retry loop ends with an answer or an error")  # pragma: no cover

    def _send(self, request: httpx.Request, *, may_repeat: bool) -> Answer:
        try:
            answer = self._read(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as fault:
            raise _cannot_connect(fault) from fault
        except (httpx.HTTPError, _TooMuchError) as fault:
            if isinstance(fault, _TooMuchError) and may_repeat:
                raise TargetError(
                    str(fault), "Check target.base_url: this is not how a SCIM service answers."
                ) from fault
            what = str(fault) or type(fault).__name__
            if may_repeat:
                summary = f"the service does not answer: {printable(shortened(what))}"
                raise _BusyError(TargetError(summary, "Check the connection and the state of the service.")) from fault
            summary = f"no usable answer came: {printable(shortened(what))}"
            raise UnknownOutcomeError(0, "", summary, "The request may have taken effect.") from fault
        self._refuse_session(answer)
        if answer.status == httpx.codes.TOO_MANY_REQUESTS or (
            answer.status == httpx.codes.SERVICE_UNAVAILABLE and (may_repeat or "retry-after" in answer.headers)
        ):
            raise _BusyError(self._refusal(answer), _retry_after(answer.headers.get("retry-after")))
        # A first page may fail because of its count, a filter because it is not understood: no reason to insist.
        params = request.url.params
        insist = may_repeat and params.get("startIndex") != "1" and "filter" not in params
        if answer.status in (500, 502, 504) and insist:
            raise _BusyError(self._refusal(answer))
        return answer

    def _read(self, request: httpx.Request) -> Answer:
        """Sends and reads the whole answer, within `MAX_ANSWER` and `MAX_SECONDS`."""
        deadline = time.monotonic() + MAX_SECONDS
        response = self._http.send(request, stream=True)
        try:
            chunks, size = [], 0
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > MAX_ANSWER:
                    raise _TooMuchError(f"the service's answer is larger than {MAX_ANSWER // 1024 // 1024} MiB")
                if time.monotonic() > deadline:
                    raise _TooMuchError(f"the service's answer takes longer than {MAX_SECONDS:.0f} seconds")
                chunks.append(chunk)
        finally:
            response.close()
        return Answer(response.status_code, response.headers, b"".join(chunks))

    def _refuse_session(self, answer: Answer) -> None:
        """Raises for answers that concern every request, not only this one."""
        if 300 <= answer.status < 400:  # noqa: PLR2004 - RFC 9110 §15.4
            where = self._quoted(answer.headers.get("location", "somewhere else"), 120)
            raise TargetError(
                f"the service redirects to {where}", "Redirects are not followed with a token: correct target.base_url."
            )
        if answer.status == httpx.codes.UNAUTHORIZED:
            raise TargetError(
                "the service does not accept the token (401)", "Check RECONCILER_TOKEN: expired, revoked or mistyped?"
            )
        if answer.status == httpx.codes.FORBIDDEN:
            raise TargetError(
                f"the service forbids the request (403){self._said(answer)}",
                "Check what the token may do, and that the connection is active at the service.",
            )

    def _refusal(self, answer: Answer) -> ScimError:
        """What a refused request means."""
        body = _error_body(answer)
        scim_type = str(body.get("scimType") or "")
        detail = "The service is out of order." if answer.status >= 500 else ""  # noqa: PLR2004 - RFC 9110 §15.6
        return ScimError(
            answer.status, scim_type, f"the service refused it ({answer.status}){self._said(answer)}", detail
        )

    def _json(self, answer: Answer) -> dict[str, Any]:
        try:
            found = _decode(answer.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
            raise TargetError(*self._not_json(answer)) from fault
        if not isinstance(found, dict):
            raise TargetError("the service answers with JSON that is not an object", "Check target.base_url.")
        return found

    def _quoted(self, text: str, limit: int) -> str:
        """The service's own words, to be shown: some services repeat the token in them."""
        return printable(shortened(text.replace(self._token, "(token)"), limit))

    def _said(self, answer: Answer) -> str:
        detail = _error_body(answer).get("detail")
        return f": {self._quoted(detail, 300)}" if isinstance(detail, str) and detail else ""

    def _not_json(self, answer: Answer) -> tuple[str, str]:
        start = answer.content[:1000].decode("utf-8", "replace").strip()
        if start.startswith("<"):
            return (
                "the service answers with a web page instead of JSON",
                "A login page or a proxy stands in between: check target.base_url and the token.",
            )
        return "the service answers with something that is not JSON", f"It starts with: {self._quoted(start, 60)}"


class _TooMuchError(Exception):
    """An answer beyond its bounds."""


def _backoff(fault: Exception) -> bool | float:
    if not isinstance(fault, _BusyError):
        return False
    return True if fault.wait is None else min(fault.wait, _MAX_WAIT)


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, from either form of RFC 9110 §10.2.3; None when it says nothing."""
    if value is None:
        return None
    if value.strip().isdigit():
        return float(value)
    try:
        when = parsedate_to_datetime(value)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max((when - datetime.now(UTC)).total_seconds(), 0.0)


def _cannot_connect(fault: Exception) -> TargetError | _BusyError:
    """Nothing was sent yet, so it may be tried again; a certificate will not get better, though."""
    cause: BaseException | None = fault
    while cause is not None and not isinstance(cause, ssl.SSLError):
        cause = cause.__cause__ or cause.__context__
    if cause is not None:
        return TargetError(
            f"the service's certificate is not accepted: {printable(shortened(str(cause)))}",
            "Check target.base_url and the clock of this machine; a proxy that breaks TLS is not supported.",
        )
    what = printable(shortened(str(fault) or type(fault).__name__))
    return _BusyError(TargetError(f"cannot connect to the service: {what}", "Check target.base_url and the network."))


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


def _error_body(answer: Answer) -> dict[str, Any]:
    try:
        body = _decode(answer.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}
