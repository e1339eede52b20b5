"""A client for Microsoft Graph that only reads, and reads lists completely or not at all.

https://learn.microsoft.com/graph/paging: a link to the next page is opaque and followed as it is, with the headers of
the first request, until a page has none. It is followed on the chosen host only. Sending again, rate limiting and the
bounds of answers are transports below: `open_graph` puts them together.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import quote as percent_encode

import httpx
import msgspec

from reconciler.core.text import quote
from reconciler.core.untrusted_values import parse_count
from reconciler.errors import TargetError
from reconciler.scim.connection_messages import ConnectionMessages
from reconciler.scim.deadline import DeadlineExceededError
from reconciler.scim.json_body import InvalidJsonError, decode_answer
from reconciler.scim.network import DIRECT, Network
from reconciler.scim.rate_limiter import RateLimiter
from reconciler.scim.read_budget import ReadBudget
from reconciler.scim.response_limits import ACCEPT_ENCODING, ResponseLimitTransport, UnreadableAnswerError
from reconciler.scim.retry import RetryBudget, Wait
from reconciler.scim.retry_transport import CONNECT_ERRORS, ReadLimit, RetryTransport
from reconciler.scim.secret import Secret
from reconciler.scim.transport import (
    USER_AGENT,
    BudgetTransport,
    Endpoint,
    PinnedTransport,
    ReadOnlyTransport,
    WriteRefusedError,
    open_connections,
)
from reconciler.sources.graph.clouds import GRAPH_URL, name_setting
from reconciler.sources.graph.errors import (
    EXPIRED_PAGE,
    NO_SUCH_OBJECT,
    GraphError,
    Reading,
    explain_answer,
    explain_refusal,
)
from reconciler.sources.graph.pages import NEXT_LINK, GraphList, Row, RowCollector, check_link
from reconciler.sources.graph.permissions import Permission
from reconciler.sources.graph.retry import LONGEST_PAUSE, PATIENCE, REQUEST_SECONDS, GraphRetryRule
from reconciler.sources.graph.tokens import Tokens

T = TypeVar("T")
V1, BETA = "v1.0", "beta"
MAX_PAGES = 50_000
"""Of one list: delta pages have some 200 users, others up to 999."""
MAX_RESTARTS = 5
"""Of one list, because the directory lost the token of a page."""
_EXTENSION_PROPERTIES = f"/{V1}/directoryObjects/getAvailableExtensionProperties"
_READING_POSTS = (_EXTENSION_PROPERTIES,)
"""The POST that changes nothing. `$batch` is none: it can hold writes."""


class GraphClient:
    """A client of one tenant. Thread-safe. Every method raises `SourceError`, most often a `GraphError`."""

    def __init__(
        self, endpoint: Endpoint, tokens: Tokens, transport: httpx.BaseTransport, budget: ReadBudget | None = None
    ) -> None:
        # Not through httpx.Client: proxies, .netrc, cookies and redirects could all divert the token.
        self._endpoint = endpoint
        self._tokens = tokens
        self._transport = transport
        self._budget = budget or ReadBudget()
        self._messages = graph_messages(endpoint)
        self._lock = threading.Lock()
        self._received = 0  # rows of all lists

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def require(self, needed: Collection[Permission]) -> None:
        """Check, before the first read, that the token grants these permissions. One error names all that lack."""
        self._tokens.require(needed)

    def get(self, path: str, *, headers: Mapping[str, str] | None = None, version: str = V1) -> Row:
        """Read one object, or a list that has no pages. `path`: below the version, as `/users/{id}?$select=id`."""
        reading = Reading(_strip_query(path))
        return self._object(self._request("GET", self._url(path, version), reading, headers), reading)

    def find(self, path: str, *, headers: Mapping[str, str] | None = None, version: str = V1) -> Row | None:
        """Read one object as `get` does; None if Graph says that there is none."""
        try:
            return self.get(path, headers=headers, version=version)
        except GraphError as exc:
            if exc.status == httpx.codes.NOT_FOUND and exc.code == NO_SUCH_OBJECT:
                return None
            raise

    def count(self, path: str) -> int:
        """Read a number, of a path such as `/users/$count`."""
        reading = Reading(_strip_query(path))
        headers = {"ConsistencyLevel": "eventual", "Accept": "text/plain"}
        response = self._request("GET", self._url(path, V1), reading, headers)
        found = parse_count(response.content[:100].decode("utf-8-sig", "replace"))
        if found is None:
            raise explain_answer(response, reading, "is not a number")
        return found

    def list_extension_properties(self) -> list[Row]:
        """Read the directory extensions that this tenant has."""
        return self._read_list(f"{self._endpoint.base_url}{_EXTENSION_PROPERTIES}", _keep, body={}).rows

    def read_list(
        self,
        path: str,
        convert: Callable[[Row], T],
        *,
        headers: Mapping[str, str] | None = None,
        version: str = V1,
        progress: Callable[[int], None] = lambda _rows: None,
    ) -> GraphList[T]:
        """Read all pages of a list; `headers` are sent for each.

        `progress` is called with the rows so far, after each page. `path`: as for `get`, or a whole link of this host,
        such as a delta link. If the directory loses the token of a page, what came is discarded and the list is read
        from its first page again. Of two rows with one id, both are returned.
        """
        url = check_link(path, self._endpoint, Reading("the delta link")) if "://" in path else self._url(path, version)
        return self._read_list(url, convert, headers=headers, progress=progress)

    def _read_list(
        self,
        url: str,
        convert: Callable[[Row], T],
        *,
        headers: Mapping[str, str] | None = None,
        body: Row | None = None,
        progress: Callable[[int], None] = lambda _rows: None,
    ) -> GraphList[T]:
        for restart in range(MAX_RESTARTS + 1):
            rows = RowCollector(convert)
            try:
                for reading, page in self._follow(url, headers, body):
                    self._record(rows.add(page, reading))
                    progress(len(rows.rows))
                return rows.finish()
            except GraphError as exc:
                if exc.code != EXPIRED_PAGE or not rows.pages or restart == MAX_RESTARTS:
                    raise
        raise AssertionError("the last round returns or raises")  # pragma: no cover

    def _record(self, rows: int) -> None:
        with self._lock:
            self._received += rows
            self._budget.record_progress(self._received, 0)

    def _follow(self, url: str, headers: Mapping[str, str] | None, body: Row | None) -> Iterator[tuple[Reading, Row]]:
        """Yield the pages, the first read from `url`."""
        path = _strip_version(_strip_query(url.removeprefix(self._endpoint.base_url)))
        seen = {url}
        method = "GET" if body is None else "POST"
        for page in range(1, MAX_PAGES + 1):
            reading = Reading(path, page)
            answer = self._object(self._request(method, url, reading, headers, body), reading)
            yield reading, answer
            link = answer.get(NEXT_LINK)
            if link is None:
                return
            method, body, url = "GET", None, check_link(link, self._endpoint, reading)
            if url in seen:
                raise GraphError(f"the link on {reading} leads back to an earlier page", "Run the same command again.")
            seen.add(url)
        raise GraphError(f"Microsoft Graph's list {path} has more than {MAX_PAGES:,} pages")

    # --- requests -----------------------------------------------------------

    def _url(self, path: str, version: str) -> str:
        return f"{self._endpoint.base_url}/{version}{path}"

    def _request(
        self,
        method: str,
        url: str,
        reading: Reading,
        headers: Mapping[str, str] | None = None,
        body: Row | None = None,
    ) -> httpx.Response:
        """Return a successful answer. A token that is refused is renewed once."""
        token = self._tokens.current()
        response = self._send(self._build(method, url, headers, body), token.secret, reading)
        if response.status_code == httpx.codes.UNAUTHORIZED and (renewed := self._tokens.renew(token)) is not None:
            response = self._send(self._build(method, url, headers, body), renewed.secret, reading)
        if not response.is_success:
            raise explain_refusal(response, reading)
        return response

    def _build(self, method: str, url: str, headers: Mapping[str, str] | None, body: Row | None) -> httpx.Request:
        content = None if body is None else msgspec.json.encode(body)
        sent = {
            "Accept": "application/json",
            "Accept-Encoding": ACCEPT_ENCODING,
            "User-Agent": USER_AGENT,
            # https://learn.microsoft.com/graph/throttling: a batch job steps back before interactive applications do.
            "x-ms-throttle-priority": "low",
            "client-request-id": str(uuid.uuid4()),
            **({} if content is None else {"Content-Type": "application/json"}),
            **(headers or {}),
        }
        try:
            return httpx.Request(method, url, headers=sent, content=content)
        except httpx.InvalidURL as exc:
            raise GraphError("a value is too long for a URL, so nothing was sent") from exc

    def _send(self, request: httpx.Request, token: Secret, reading: Reading) -> httpx.Response:
        request.headers["Authorization"] = f"Bearer {token.reveal()}"
        try:
            return self._transport.handle_request(request)
        except CONNECT_ERRORS as exc:
            error, _ = self._messages.explain_no_connection(exc)
            raise GraphError(error.summary, error.detail) from exc
        except httpx.HTTPError as exc:
            error = self._messages.explain_no_answer(exc)
            raise GraphError(f"{reading} cannot be read: {error.summary}", error.detail) from exc
        except (UnreadableAnswerError, DeadlineExceededError) as exc:
            raise GraphError(f"{reading} cannot be read: {exc}", "Run the same command again.") from exc
        except WriteRefusedError:
            raise
        except TargetError as exc:  # of the budgets
            raise GraphError(f"{reading} cannot be read: {exc.summary}", "Run the same command again later.") from exc

    def _object(self, response: httpx.Response, reading: Reading) -> Row:
        """Return the JSON object of a successful answer."""
        try:
            found = decode_answer(response)
        except InvalidJsonError as exc:
            # An error after the first byte of an answer ends it in the middle, with status 200.
            raise explain_answer(response, reading, "is incomplete or not JSON") from exc
        if not isinstance(found, dict):
            raise explain_answer(response, reading, "is not an object")
        if "error" in found:
            raise explain_answer(response, reading, "holds an error although its status is a success")
        return found


def _keep(row: Row) -> Row:
    return row


def _strip_query(path: str) -> str:
    return path.partition("?")[0]


def _strip_version(path: str) -> str:
    """Return a path below the version: /users of /v1.0/users."""
    return "/" + path.lstrip("/").partition("/")[2]


def encode_text(text: str) -> str:
    """Return `text` as a literal of a `$filter`, encoded for a URL (OData 4.01 §5.1.1.1.1: quotes are doubled)."""
    doubled = text.replace("'", "''")
    return percent_encode(f"'{doubled}'", safe="'")


def encode_segment(text: str) -> str:
    """Return `text`, such as an id, as one segment of a path."""
    encoded = percent_encode(text, safe="")
    if encoded.strip(".") == "":
        raise GraphError(f"the id {quote(text)} cannot be used in a URL, so nothing was sent")
    return encoded


def graph_messages(endpoint: Endpoint) -> ConnectionMessages:
    """Return the messages about the connection to Microsoft Graph."""
    return ConnectionMessages(endpoint.base_url, service="Microsoft Graph", check=name_setting(endpoint, GRAPH_URL))


@contextmanager
def open_graph(
    endpoint: Endpoint,
    tokens: Tokens,
    *,
    stop: threading.Event | None = None,
    on_wait: Callable[[Wait], None] = lambda _wait: None,
    network: Network = DIRECT,
    seconds: float = REQUEST_SECONDS,
) -> Iterator[GraphClient]:
    """Open a client. `stop` ends every long wait; `on_wait` is called before each pause, from any thread.

    `seconds`: for one request, with all its attempts and pauses.

    Its transports, from the client down: the budget, sending again within the rate limit, bounded answers, reading
    only, one host, one connection per thread.
    """
    messages = graph_messages(endpoint)
    budget = ReadBudget()
    limiter = RateLimiter(stop, budget=RetryBudget(LONGEST_PAUSE, PATIENCE))
    transport: httpx.BaseTransport = PinnedTransport(open_connections(network), endpoint)
    transport = ResponseLimitTransport(ReadOnlyTransport(transport, _READING_POSTS), whose="Microsoft Graph's")
    rule = GraphRetryRule(messages, "Microsoft Graph")
    reads = ReadLimit(seconds, counts_pauses=True)
    transport = RetryTransport(transport, rule, limiter, reads=reads, on_wait=on_wait)
    client = GraphClient(endpoint, tokens, BudgetTransport(transport, budget), budget)
    try:
        yield client
    finally:
        client.close()
