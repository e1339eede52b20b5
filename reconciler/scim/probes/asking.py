"""Ask a service by GET what it does, within bounds of requests and time, and describe its answers.

Descriptions and facts are words of our own and numbers. What a service writes can name people, so its texts are
compared with what is expected and never passed on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import httpx

from reconciler.core.check import NOT_ASKED
from reconciler.core.model import Resource
from reconciler.core.untrusted_values import parse_count
from reconciler.errors import ScimError, TargetError
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.errors import is_web_page
from reconciler.scim.json_body import InvalidJsonError, TooManyValuesError, decode_answer
from reconciler.scim.list_response import parse_page
from reconciler.scim.read_budget import TimeOverError
from reconciler.scim.response_limits import AnswerTooLargeError

MAX_REQUESTS = 40
"""Of one survey. Requests that the client sends again are not counted."""
MAX_SECONDS = 120.0
"""Of one survey. The last request may end later, by the client's own bound of one read."""
_UNANSWERED = 3
"""In a row: after these nothing more is asked."""
_ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
_THROTTLED = (429, 503)


class BodyKind(StrEnum):
    """What the body of an answer is."""

    OBJECT = "a JSON object"
    OTHER_JSON = "JSON that is not an object"
    WEB_PAGE = "a web page"
    EMPTY = "no body"
    OTHER = "something that is not JSON"


class MediaType(StrEnum):
    """The media types that are distinguished."""

    SCIM = "application/scim+json"
    JSON = "application/json"
    HTML = "text/html"
    NONE = "none"
    OTHER = "another"


class ItemsPerPage(StrEnum):
    """What a list says in itemsPerPage (RFC 7644 section 3.4.2.4)."""

    RIGHT = "right"
    WRONG = "wrong"
    ZERO = "zero"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class ProbedUsers:
    """A ListResponse. `total`: totalResults, or if that is left out (RFC 9865) the number of users that came.

    `has_cursor`: it has a nextCursor.
    """

    total: int
    users: tuple[Resource, ...]
    items_per_page: ItemsPerPage
    has_cursor: bool
    has_total: bool = True

    @property
    def ids(self) -> list[str]:
        """The ids of the users, as text; "" for one without."""
        return [str(user.get("id") or "") for user in self.users]


@dataclass(frozen=True)
class Reply:
    """The answer to one question. `failure`: why there is none, such as `not asked: …`; "" if there is one."""

    failure: str = ""
    status: int = 0
    kind: BodyKind = BodyKind.EMPTY
    body: Mapping[str, Any] = field(default_factory=dict, repr=False)
    media_type: MediaType = MediaType.NONE
    has_etag: bool = False
    is_left_out: bool = False
    """It was not asked for, because a bound of ours was reached: that says nothing about the service."""

    @property
    def is_object(self) -> bool:
        """Whether this is a success with a JSON object."""
        return 200 <= self.status < 300 and self.kind is BodyKind.OBJECT  # noqa: PLR2004 - RFC 9110 §15.3

    @property
    def is_scim_error(self) -> bool:
        """Whether this is an error in the form of RFC 7644 section 3.12."""
        schemas = self.body.get("schemas")
        return self.status >= 400 and isinstance(schemas, list) and _ERROR in schemas  # noqa: PLR2004 - RFC 9110 §15.5

    @property
    def scim_type(self) -> str:
        """The scimType if it is one of RFC 7644 section 3.12 that a read can have; "" otherwise."""
        found = self.body.get("scimType")
        return found if found in ("invalidFilter", "tooMany", "invalidValue", "invalidPath", "sensitive") else ""

    @cached_property
    def listed(self) -> ProbedUsers | None:
        """The list of users in this answer; None if it is none."""
        return _parse_list(self.body) if self.is_object else None

    def describe(self) -> str:
        """Return what came, without a word of the service: `400`, `200 with a web page`."""
        if self.failure:
            return self.failure
        return f"{self.status}" if self.kind is BodyKind.OBJECT else f"{self.status} with {self.kind}"


def _parse_list(body: Mapping[str, Any]) -> ProbedUsers | None:
    try:
        page = parse_page(body)
    except TargetError:
        return None
    keys = {key.casefold(): value for key, value in body.items()}
    items = _judge_items(keys.get("itemsperpage"), len(page.resources))
    total = len(page.resources) if page.total is None else page.total
    return ProbedUsers(total, tuple(page.resources), items, page.has_cursor, page.total is not None)


def _judge_items(value: object, came: int) -> ItemsPerPage:
    if value is None:
        return ItemsPerPage.ABSENT
    found = parse_count(value)
    if found == came:
        return ItemsPerPage.RIGHT
    return ItemsPerPage.ZERO if found == 0 else ItemsPerPage.WRONG


Grounds = Mapping[str, Sequence[Reply | None]]
"""The replies that the answer to each question rests on."""
Ask = Callable[[str, Mapping[str, str] | None], httpx.Response]
"""Path below the base URL, parameters -> answer; raises `TargetError` and `ScimError` if none came."""


class Asker:
    """Asks until its bounds are reached; then, and if the service does not answer, every reply is a failure."""

    def __init__(self, ask: Ask, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask = ask
        self._clock = clock
        self._began = clock()
        self._unanswered = 0
        self.requests = 0
        self.answers = 0
        self.throttled = 0
        """Answers with 429 or 503."""
        self.limits_announced = False
        """An answer has headers about a rate limit."""

    def get(self, path: str, parameters: Mapping[str, str] | None = None) -> Reply:
        """Ask once."""
        if self._unanswered >= _UNANSWERED:
            return Reply("not asked: the service does not answer")
        if self.requests >= MAX_REQUESTS or self._clock() - self._began > MAX_SECONDS:
            why = f"after {MAX_REQUESTS} requests or {MAX_SECONDS:.0f} seconds nothing more is asked"
            return Reply(f"{NOT_ASKED}{why}", is_left_out=True)
        self.requests += 1
        try:
            response = self._ask(path, parameters)
        except ScimError:
            return Reply("not asked: a value is too long for a URL")
        except TimeOverError as exc:
            return Reply(f"{NOT_ASKED}{exc.summary}", is_left_out=True)
        except TargetError as exc:
            self._unanswered += 1
            return Reply(_describe_failure(exc.__cause__))
        self._unanswered = 0
        self._count(response)
        return _read_reply(response)

    def list(self, **parameters: str | int) -> Reply:
        """Ask for users."""
        return self.get("/Users", {name: str(value) for name, value in parameters.items()})

    def _count(self, response: httpx.Response) -> None:
        self.answers += 1
        self.throttled += response.status_code in _THROTTLED
        self.limits_announced |= any("ratelimit" in name.replace("-", "").casefold() for name in response.headers)


def _describe_failure(cause: BaseException | None) -> str:
    if isinstance(cause, AnswerTooLargeError):
        return "no answer: it is too large"
    if isinstance(cause, DeadlineExceededError | httpx.TimeoutException):
        return "no answer in time"
    return "no usable answer"


def _read_reply(response: httpx.Response) -> Reply:
    body, kind = _read_body(response)
    return Reply(
        status=int(response.status_code),
        kind=kind,
        body=body,
        media_type=_read_media_type(response.headers.get("content-type", "")),
        has_etag="etag" in response.headers,
    )


def _read_body(response: httpx.Response) -> tuple[dict[str, Any], BodyKind]:
    if is_web_page(response):
        return {}, BodyKind.WEB_PAGE
    if not response.content.strip():
        return {}, BodyKind.EMPTY
    try:
        found = decode_answer(response)
    except TooManyValuesError:
        return {}, BodyKind.OTHER
    except InvalidJsonError:
        return {}, BodyKind.OTHER
    return (found, BodyKind.OBJECT) if isinstance(found, dict) else ({}, BodyKind.OTHER_JSON)


def _read_media_type(header: str) -> MediaType:
    name = header.partition(";")[0].strip().casefold()
    if not name:
        return MediaType.NONE
    return MediaType(name) if name in (MediaType.SCIM, MediaType.JSON, MediaType.HTML) else MediaType.OTHER
