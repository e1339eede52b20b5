"""A SCIM 2.0 client (RFC 7644) that checks every answer.

A refusal of one request is a `ScimError`; a service that refuses or cannot be understood as a whole is a `TargetError`;
a write that may have taken effect is an `UnknownOutcomeError`. Sending again, rate limiting, the token and the bounds
of answers are transports below: `session.connection.open_client` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from reconciler.core.identity import parse_identity
from reconciler.core.model import Resource
from reconciler.core.paths import get
from reconciler.core.text import escape_control, shorten
from reconciler.core.values import fold_case
from reconciler.errors import ScimError, TargetError, UnknownOutcomeError
from reconciler.scim.answers import MAY_HAVE_TAKEN_EFFECT, Answers
from reconciler.scim.cursor_paging import Pagination, parse_pagination
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.errors import ErrorMessages, is_web_page
from reconciler.scim.json_body import (
    ELSEWHERE,
    InvalidJsonError,
    decode_elsewhere,
    decode_json,
)
from reconciler.scim.larger_pages import LONGEST_LARGE_PAGE, LargerPages
from reconciler.scim.list_response import parse_page
from reconciler.scim.listed_users import NO_TOTAL, ConvertPage, Page, Progress, Settling
from reconciler.scim.paging import Cursors, ListRead, read_all
from reconciler.scim.response_limits import ACCEPT_ENCODING, UnreadableAnswerError
from reconciler.scim.retry import Tries
from reconciler.scim.retry_transport import BEFORE_RESEND, CONNECT_ERRORS, TRIAL_SECONDS, TRIES, utc_now
from reconciler.scim.service_clock import ServiceClock

T = TypeVar("T")

READ_WORKERS = 16
"""Pages at once, at most."""
_MAX_FILTER_PAGES = 100
"""Of one filter, by cursor."""
_MEDIA_TYPE = "application/scim+json"
_SERVER_ERROR = 500
_GONE = (httpx.codes.NOT_FOUND, httpx.codes.GONE)


class ScimClient:
    """A client of one service. Thread-safe."""

    def __init__(
        self,
        base_url: str,
        transport: httpx.BaseTransport,
        messages: ErrorMessages,
        *,
        user_agent: str,
        clock: ServiceClock | None = None,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        # Not through httpx.Client: proxies, .netrc, cookies, redirects could all divert the token, and it takes as long
        # as the transport itself.
        self._transport = transport
        headers = {
            "Accept": f"{_MEDIA_TYPE}, application/json",
            "Accept-Encoding": ACCEPT_ENCODING,
            "User-Agent": user_agent,
        }
        self._read_headers = httpx.Headers(headers)
        self._write_headers = httpx.Headers({**headers, "Content-Type": _MEDIA_TYPE})
        self._base_url = base_url
        self._users_url = f"{base_url}/Users"
        self._config_url = f"{base_url}/ServiceProviderConfig"
        self._pagination: Pagination | None = None
        self.pages_by_cursor = False
        """The list had to be read by cursor."""
        self._messages = messages
        self._clock = clock
        self._answers = Answers(messages, now)

    @property
    def messages(self) -> ErrorMessages:
        """What explains the answers of `ask`."""
        return self._messages

    @property
    def clock_offset(self) -> timedelta | None:
        """How far this machine's clock is ahead of the service's, by the answers so far; None: unknown."""
        return self._clock.offset if self._clock is not None else None

    @property
    def unreadable_date(self) -> str | None:
        """The Date of an answer that could not be read; None if there was none."""
        return self._clock.unreadable_date if self._clock is not None else None

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    # --- reading ------------------------------------------------------------

    def list_users(
        self,
        convert: Callable[[Resource], T],
        *,
        page_size: int,
        progress: Progress,
        settling: Settling[T] | None = None,
        elsewhere: ConvertPage | None = None,
    ) -> ListRead[T]:
        """Read all users through `convert`, or as many as came and the reason why they may not be all.

        `elsewhere`: has pages after the first ones converted by another process.
        """
        read = read_all(
            partial(self.list_page, elsewhere=elsewhere),
            convert,
            page_size=page_size,
            workers=READ_WORKERS,
            progress=progress,
            cursors=Cursors(self._fetch_page_by_cursor, self._read_pagination),
            larger=LargerPages(partial(self._fetch_large_page, elsewhere)),
            settling=settling,
        )
        self.pages_by_cursor = read.by_cursor
        return read

    def list_page(self, start: int, count: int, elsewhere: ConvertPage | None = None) -> Page:
        """Return the page of at most `count` users from the one with number `start` (from 1) on.

        Raises `ScimError` if it is refused, and `TargetError` if it is no page.
        """
        parameters = {"startIndex": str(start), "count": str(count)}
        return self._fetch_list(parameters, _convert_after_first(start, elsewhere), needs_total=start > 1)

    def _fetch_large_page(self, elsewhere: ConvertPage | None, start: int, count: int) -> Page:
        parameters = {"startIndex": str(start), "count": str(count)}
        extensions = {TRIAL_SECONDS: LONGEST_LARGE_PAGE, **_convert_after_first(start, elsewhere)}
        return self._fetch_list(parameters, extensions, needs_total=True)

    def _fetch_page_by_cursor(self, cursor: str | None, count: int) -> Page:
        parameters = {"count": str(count)} if cursor is None else {"cursor": cursor, "count": str(count)}
        return self._fetch_list(parameters, needs_total=False)

    def _fetch_list(
        self, parameters: Mapping[str, str], extensions: Mapping[str, Any] | None = None, *, needs_total: bool
    ) -> Page:
        response = self._read(self._users_url, parameters, extensions)
        if response.status_code == httpx.codes.NOT_FOUND and not parameters.get("cursor"):
            raise self._messages.explain_missing_service(response)
        if not response.is_success:
            raise self._answers.explain_refusal(response)
        found: Page | None = decode_elsewhere(response.request, response)
        page = replace(found or parse_page(self._answers.parse_object(response)), seconds=_measure(response.request))
        if page.total is None and needs_total:
            raise TargetError(NO_TOTAL)
        return page

    def _read_pagination(self) -> Pagination:
        """Read what the service says about its paging, once. Not every service says it, nor has this resource."""
        if self._pagination is None:
            self._pagination = Pagination()
            with suppress(ScimError, TargetError):
                response = self._send(httpx.Request("GET", self._config_url, headers=self._read_headers), one_user=True)
                if response.is_success:
                    self._pagination = parse_pagination(self._answers.parse_object(response))
        return self._pagination

    def get_user(self, identity: str) -> dict[str, Any] | None:
        """Read the user with this id; None if there is none.

        Raises `ScimError` if the answer is not this user, and `TargetError` if it is a web page.
        """
        response = self._read(self._user_url(identity))
        if response.status_code in _GONE:
            if is_web_page(response):
                # Whatever answers in place of the service does not know its users.
                raise self._answers.explain_refusal(response)
            return None
        if not response.is_success:
            raise self._answers.explain_refusal(response)
        try:
            found = self._answers.parse_object(response)
        except TargetError as exc:
            if is_web_page(response):
                raise
            raise ScimError(response.status_code, "", exc.summary, exc.detail) from exc
        if parse_identity(found.get("id")) != identity:
            raise _explain_other_user(response.status_code, found.get("id"), identity)
        return found

    def find_users(self, attribute: str, value: str, *, all_of_them: bool = False) -> list[dict[str, Any]]:
        """Filter users by `attribute eq value`. The caller checks the users: some services ignore filters.

        `all_of_them`: raise `ScimError` if the answer says that there are more.
        """
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        parameters = {"filter": f'{attribute} eq "{escaped}"'}
        page = self._fetch_filtered(parameters)
        found = [*page.resources]
        pages = 1
        # A service may answer with pages of fewer users than match, or none (RFC 9865 §2).
        while page.next_cursor and pages < _MAX_FILTER_PAGES and not _ignores_filter(found, attribute, value):
            page = self._fetch_filtered({**parameters, "cursor": page.next_cursor})
            found += page.resources
            pages += 1
        if not found and (page.total or page.next_cursor or page.cursor_problem):
            why = page.cursor_problem or "the service says that the filter matches users, but returns none"
            raise ScimError(httpx.codes.OK, "", why + (f" on {pages} pages" if pages > 1 else ""))
        if all_of_them and page.total is not None and page.total > len(found):
            raise ScimError(httpx.codes.OK, "", "the service says that the filter matches more users than it returns")
        return found

    def filter_by_active(self, *, active: bool, start: int = 1, cursor: str | None = None) -> Page:
        """Return one page of a filter by `active`, from the user with this number (from 1) or by cursor.

        The caller checks the users: some services ignore filters.
        """
        parameters = {"filter": f"active eq {str(active).lower()}"}
        if cursor is not None:
            parameters["cursor"] = cursor
        elif start > 1:
            parameters["startIndex"] = str(start)
        return self._fetch_filtered(parameters)

    def _fetch_filtered(self, parameters: Mapping[str, str]) -> Page:
        response = self._read(self._users_url, parameters)
        if not response.is_success:
            raise self._answers.explain_refusal(response)
        return parse_page(self._answers.parse_object(response))

    def _read(
        self, url: str, params: Mapping[str, str] | None = None, extensions: Mapping[str, Any] | None = None
    ) -> httpx.Response:
        one_user = params is None
        if params is not None and "cursor" in params:
            # RFC 9865 §2: a cursor is opaque. No character of it may change its meaning, a blank as + for example.
            url, params = f"{url}?{urlencode(params, quote_via=quote, safe='')}", None
        try:
            request = httpx.Request(
                "GET", url, params=params, headers=self._read_headers, extensions={**(extensions or {})}
            )
        except httpx.InvalidURL as exc:
            raise _explain_long_url() from exc
        return self._send(request, one_user=one_user)

    def supports_patch(self) -> bool | None:
        """Whether the service declares that it takes PATCH (RFC 7643 §5); None if it does not say."""
        try:
            response = self._read(f"{self._base_url}/ServiceProviderConfig")
            found = self._answers.parse_object(response) if response.is_success else {}
        except (ScimError, TargetError):
            return None
        patch = get(found, "patch")
        supported = get(patch, "supported")
        return supported if isinstance(supported, bool) else None

    def ask(
        self, path: str, parameters: Mapping[str, str] | None = None, *, seconds: float | None = None
    ) -> httpx.Response:
        """Send a GET to a path below the base URL and return the answer, whatever it is: to learn what a service does.

        `seconds`: it is a trial of so long at most. Raises `TargetError` and `ScimError` if no answer came.
        """
        url, trial = f"{self._base_url}{path}", {TRIAL_SECONDS: seconds} if seconds is not None else {}
        try:
            request = httpx.Request("GET", url, params=parameters, headers=self._read_headers, extensions=trial)
        except httpx.InvalidURL as exc:
            raise _explain_long_url() from exc
        return self._transmit(request)

    # --- writing ------------------------------------------------------------

    def create_user(
        self, body: Mapping[str, Any], *, is_absent: Callable[[], bool] | None = None
    ) -> dict[str, Any] | None:
        """Create a user; return it as the answer has it, None if the answer holds no user with a usable id.

        `is_absent`: asked before the request is sent again after a 429; False: it is not.
        """
        extensions = {} if is_absent is None else {BEFORE_RESEND: is_absent}
        return self._written_user(self._write("POST", self._users_url, body, extensions))

    def patch_user(self, identity: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
        """Patch a user; return it as the answer has it, None if the answer does not hold this user.

        No body (204), a user without an id and another user prove nothing: the caller reads the user.
        """
        found = self._written_user(self._write("PATCH", self._user_url(identity), body))
        return found if found is not None and parse_identity(found.get("id")) == identity else None

    def delete_user(self, identity: str) -> None:
        """Delete a user; one that is already gone is no error."""
        response = self._write("DELETE", self._user_url(identity), None)
        if not response.is_success and response.status_code not in _GONE:
            raise self._answers.explain_refusal(response)

    def _write(
        self, method: str, url: str, body: Mapping[str, Any] | None, extensions: dict[str, Any] | None = None
    ) -> httpx.Response:
        content = msgspec.json.encode(body) if body is not None else None
        headers = self._read_headers if content is None else self._write_headers
        request = httpx.Request(method, url, headers=headers, content=content, extensions=extensions)
        response = self._send(request, one_user=True)
        if method == "PATCH" and response.status_code == httpx.codes.NOT_IMPLEMENTED:
            return response  # RFC 9110 §15.6.2: the service does not know the method, so it did nothing
        if response.status_code >= _SERVER_ERROR:
            # A gateway's 504, and many a 500, come after the write took effect.
            summary = self._messages.describe_refusal(response)
        elif response.is_success and is_web_page(response):
            summary = self._messages.explain_invalid_json(response).summary
        else:
            return response
        raise UnknownOutcomeError(response.status_code, "", summary, MAY_HAVE_TAKEN_EFFECT)

    def _written_user(self, response: httpx.Response) -> dict[str, Any] | None:
        if not response.is_success:
            raise self._answers.explain_refusal(response)
        try:
            found = decode_json(response.content)
        except InvalidJsonError:
            return None  # to be verified by reading
        return found if isinstance(found, dict) and parse_identity(found.get("id")) is not None else None

    # --- requests -----------------------------------------------------------

    def _user_url(self, identity: str) -> str:
        """Return the URL of the user. Raises `ScimError` for an id that would make it the URL of anything else."""
        if parse_identity(identity) is None:
            shown = escape_control(shorten(identity, 80))
            raise ScimError(0, "", f"the id {shown} cannot be used in a URL, so nothing was sent")
        return f"{self._users_url}/{quote(identity, safe='')}"

    def _send(self, request: httpx.Request, *, one_user: bool) -> httpx.Response:
        """Return the answer; raises `TargetError` if it concerns every request. `one_user`: it is about one only."""
        response = self._transmit(request)
        rejection = self._messages.explain_rejection(response)
        # A service, or a firewall that dislikes a name, may forbid what concerns one user: the others go on.
        if rejection is not None and not (one_user and response.status_code == httpx.codes.FORBIDDEN):
            raise rejection
        return response

    def _transmit(self, request: httpx.Request) -> httpx.Response:
        """Return the answer, whatever it is. Raises `TargetError` and `ScimError` if none came."""
        try:
            response = self._transport.handle_request(request)
        except CONNECT_ERRORS as exc:
            raise self._answers.explain_no_connection(request, exc) from exc
        except (httpx.HTTPError, UnreadableAnswerError, DeadlineExceededError) as exc:
            raise self._answers.explain_loss(request, exc) from exc
        response.request = request
        return response


def _measure(request: httpx.Request) -> float | None:
    """Return the seconds that the answer to a request took; None if they are not known, or it was sent again."""
    tries: Tries | None = request.extensions.get(TRIES)
    return tries.elapsed if tries is not None and tries.number == 1 else None


def _convert_after_first(start: int, elsewhere: ConvertPage | None) -> dict[str, Any]:
    """Return the extensions of a request for a page: the first one is compared with a larger one, as both came."""
    return {} if start == 1 or elsewhere is None else {ELSEWHERE: elsewhere}


def _ignores_filter(found: Sequence[Mapping[str, Any]], attribute: str, value: str) -> bool:
    """Whether the answers to a filter have users, and none that matches."""
    return bool(found) and all(fold_case(str(user.get(attribute))) != fold_case(value) for user in found)


def _explain_long_url() -> ScimError:
    return ScimError(0, "", "a value is too long for a URL, so nothing was sent")


def _explain_other_user(status: int, found: object, identity: str) -> ScimError:
    """Explain an answer with another user than the one with the id that was asked for."""
    other = parse_identity(found)
    named = f" (id {escape_control(shorten(other, 80))})" if other is not None else ""
    summary = f"the service answered with another user{named} than {escape_control(shorten(identity, 80))}"
    if other is not None and other.casefold() == identity.casefold():
        summary += ": it changes the case of ids, which are compared exactly (RFC 7643 section 3.1)"
    return ScimError(status, "", summary)
