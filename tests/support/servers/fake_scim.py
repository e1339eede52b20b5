"""A small SCIM 2.0 service for Users on 127.0.0.1, correct except for its `ServerFaults`, with a log of requests.

It shares no code with the product, so its log is evidence of what was sent.
"""

import gzip
import json
import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from support.servers import discovery
from support.servers.cursors import Cursors
from support.servers.http_server import HttpServer, Reply, Request, bomb, padded
from support.servers.listing import etag, list_response, listed, matching, ordered, page, view
from support.servers.patching import Refused, User, accepted, bad, patched, restore
from support.servers.running_server import RunningServer
from support.servers.server_faults import TWICE_GZIP, ServerFaults
from support.servers.users import make_user

__all__ = ["FakeScimServer", "Logged", "ServerFaults", "make_user"]

SCIM_JSON = "application/scim+json"
ERROR = "urn:ietf:params:scim:api:messages:2.0:Error"
PREFIX = "/scim"
TOKEN = "t0ken"
_HTML = b"<!doctype html><html><head><title>Sign in</title></head><body><form>Sign in</form></body></html>"


@dataclass(slots=True)
class Logged:
    """One request as it arrived, and the status it got (0: the connection was closed without an answer)."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    """The JSON value; the bytes themselves if they are none; None without a body."""
    target: str = field(default="", repr=False)
    """Path and query below the base URL, undecoded."""
    status: int = 0
    user_name: str | None = None
    """The name of the user a write was aimed at, if there is one."""
    nth_list: int = field(default=0, repr=False)
    nth_write: int = field(default=0, repr=False)


class FakeScimServer(RunningServer):
    """The server. `users` maps id to resource and may be read and edited by a test at any time.

    `oddities` may be replaced while it runs, `now` is the time of its next write, `after` (if set) is called with
    each request once it has been carried out and before it is answered, and may raise nothing.
    """

    def __init__(self, faults: ServerFaults | None = None, users: Iterable[User] = (), token: str = TOKEN) -> None:
        self.faults = faults or ServerFaults()
        self.token = token
        self.users: dict[str, User] = {}
        self.log: list[Logged] = []
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.after: Callable[[Logged], None] | None = None
        self._server: HttpServer | None = None
        self._cursors = None if self.faults.cursors is None else Cursors(self.faults.cursors)
        self._lock = threading.RLock()
        self._last_id = 0
        self._lists = self._writes = 0
        self._moved: set[str] = set()
        for user in users:
            self.add(user)

    # Life

    def start(self) -> Self:
        self._server = HttpServer(self.answer)
        return self

    def close(self) -> None:
        """Stop; a fault inside the server comes out here."""
        server = self._server
        if server is None:
            return
        server.close()
        self._server = None  # not before: requests that are being carried out need the address
        if server.failures:
            raise server.failures[0]

    @property
    def base_url(self) -> str:
        if self._server is None:
            raise RuntimeError("the server is not running")
        return self._server.origin + PREFIX

    # What tests look at

    @property
    def writes(self) -> list[Logged]:
        return [entry for entry in self.log if entry.method not in {"GET", "HEAD", "OPTIONS"}]

    @property
    def counts(self) -> Counter[str]:
        """How many requests there were of each method."""
        return Counter(entry.method for entry in self.log)

    def find(self, user_name: str) -> User:
        """The stored user of this name."""
        return next(user for user in self.users.values() if user["userName"].lower() == user_name.lower())

    def add(self, user: User) -> User:
        """Store a user as if another client had created it; a copy is taken, an id given if it has none."""
        with self._lock:
            stored = deepcopy(user)
            if stored.get("id") is None:
                stored["id"] = self._new_id()
            stamp = self._stamp()
            stored.setdefault("meta", {"resourceType": "User", "created": stamp, "lastModified": stamp})
            if self.faults.lowercase_user_name:
                stored["userName"] = stored["userName"].lower()
            self.users[stored["id"]] = stored
            return stored

    def _new_id(self) -> str:
        self._last_id += 1
        while str(self._last_id) in self.users:
            self._last_id += 1
        return str(self._last_id)

    def _stamp(self) -> str:
        stamp = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        self.now += timedelta(seconds=1)
        return stamp

    # A request's way through

    def answer(self, request: Request) -> Reply:
        url = urlsplit(request.target)
        entry = Logged(
            request.method,
            _inside(url.path),
            dict(parse_qsl(url.query, keep_blank_values=True)),
            request.headers,
            _decoded(request.body),
            request.target.removeprefix(PREFIX),
        )
        with self._lock:
            self.log.append(entry)
            self._count(entry)
            reply = self._reply(entry)
            entry.status = 0 if reply.lost else reply.status
            if entry.nth_list:
                self._move(entry.nth_list)
            if self.after is not None:
                self.after(entry)
            return reply

    def _count(self, entry: Logged) -> None:
        if entry.method == "GET" and entry.path == "/Users" and "filter" not in entry.query:
            self._lists += 1
            entry.nth_list = self._lists
        elif entry.method in {"POST", "PUT", "PATCH", "DELETE"}:
            self._writes += 1
            entry.nth_write = self._writes
            entry.user_name = self._aim(entry)

    def _aim(self, entry: Logged) -> str | None:
        user = self.users.get(entry.path.removeprefix("/Users/"))
        if user is not None:
            return str(user["userName"])
        name = entry.body.get("userName") if isinstance(entry.body, dict) else None
        return name if isinstance(name, str) else None

    def _reply(self, entry: Logged) -> Reply:
        early = self._before_scim(entry)
        if early is not None:
            return early
        try:
            self._gate(entry)
            reply = self._route(entry)
        except Refused as refused:
            reply = self._error(entry, refused)
        if self.faults.twice_gzip in _kinds(entry, reply):
            reply = _compressed_twice(reply)
        lost = reply.lost or (entry.nth_write != 0 and entry.nth_write == self.faults.lose_answer_on_write)
        wait = reply.wait or self.faults.latency
        return replace(_dated(reply, self.faults.clock_ahead), wait=wait, lost=lost)

    def _before_scim(self, entry: Logged) -> Reply | None:
        faults = self.faults
        html = {"Content-Type": "text/html; charset=utf-8"}
        if faults.redirect is not None:
            return Reply(status=HTTPStatus.FOUND, headers={"Location": faults.redirect + entry.target})
        if faults.login_page:
            return Reply(status=HTTPStatus.OK, headers=html, body=_HTML)
        if len(self.log) == faults.html_as_json:
            return Reply(status=HTTPStatus.OK, headers={"Content-Type": SCIM_JSON}, body=_HTML)
        if entry.nth_write and entry.nth_write == faults.cut_on_write:
            return Reply(status=0, lost=True)
        return None

    def _gate(self, entry: Logged) -> None:
        """The token, and the refusals that don't depend on what is asked."""
        faults = self.faults
        expired = faults.unauthorized_after is not None and self._writes >= faults.unauthorized_after
        if expired or _header(entry, "Authorization") != f"Bearer {self.token}":
            raise Refused(HTTPStatus.UNAUTHORIZED, "the token is not valid")
        if entry.nth_write and faults.forbid_after is not None and entry.nth_write >= faults.forbid_after:
            raise Refused(HTTPStatus.FORBIDDEN, "writing is not allowed any more")
        if _falls(entry.nth_list, faults.error_on_page, faults.error_times):
            raise Refused(faults.error_status, "the service has a problem")
        if _falls(entry.nth_write, faults.write_error_on, faults.write_error_times):
            raise Refused(faults.write_error_status, "the service has a problem")
        if entry.nth_write and faults.refuse_user and (entry.user_name or "").lower() == faults.refuse_user.lower():
            raise bad("this user is refused", "invalidValue")
        if entry.nth_write and entry.user_name in faults.refuse_users:
            raise bad("this user is refused", "invalidValue")
        if entry.nth_write and faults.forbid_user and (entry.user_name or "").lower() == faults.forbid_user.lower():
            raise Refused(HTTPStatus.FORBIDDEN, "this account may not be changed")

    def _error(self, entry: Logged, refused: Refused) -> Reply:
        faults = self.faults
        body = {"schemas": [ERROR], "status": str(int(refused.status)), "detail": refused.detail}
        if refused.scim_type:
            body["scimType"] = refused.scim_type
        headers = {"Content-Type": SCIM_JSON}
        if refused.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = "Bearer"
        failed = _falls(entry.nth_list, faults.error_on_page, faults.error_times)
        failed = failed or _falls(entry.nth_write, faults.write_error_on, faults.write_error_times)
        if failed and faults.retry_after is not None:
            headers["Retry-After"] = _retry_after(faults.retry_after, as_date=faults.retry_after_as_date)
        return Reply(status=refused.status, headers=headers, body=json.dumps(body).encode())

    def _route(self, entry: Logged) -> Reply:
        match entry.path.removeprefix("/").split("/"):
            case ["Users"] if entry.method in {"GET", "POST"}:
                return self._list(entry) if entry.method == "GET" else self._post(entry)
            case ["Users", id_] if entry.method in {"GET", "PUT", "PATCH", "DELETE"}:
                return self._on_user(entry, id_)
            case ["Schemas"] if entry.method == "GET" and self.faults.unique_names_declared:
                return _json(HTTPStatus.OK, discovery.schemas())
            case [name] if entry.method == "GET" and name in discovery.NAMES and not self.faults.without_discovery:
                return _json(HTTPStatus.OK, self._discover(name))
        raise Refused(HTTPStatus.NOT_FOUND, f"no such endpoint: {entry.method} {entry.path}")

    def _discover(self, name: str) -> dict[str, Any]:
        document = discovery.document(name, self.base_url, self.faults)
        if name == "ServiceProviderConfig" and self._cursors is not None and self._cursors.config is not None:
            document["pagination"] = self._cursors.config
        return document

    def _on_user(self, entry: Logged, id_: str) -> Reply:
        user = self._existing(id_)
        if entry.method == "GET":
            return self._one(user)
        self._must_match(entry, user)
        if entry.method == "PUT":
            return self._put(entry, user)
        return self._patch(entry, user) if entry.method == "PATCH" else self._delete(user)

    # Reading

    def _list(self, entry: Logged) -> Reply:
        faults = self.faults
        users = list(self.users.values())
        if "filter" in entry.query:
            if faults.filter_unsupported is not None:
                raise Refused(faults.filter_unsupported, "filters are not supported", "invalidFilter")
            if not faults.ignore_filter:
                users = matching(users, entry.query["filter"], case_exact=faults.filter_case_exact)
            if faults.filter_hides_inactive:
                users = [user for user in users if user.get("active", True)]
        else:
            users = listed(users, faults)
        in_order = ordered(users, faults, len(self.log))
        shown = page(in_order, entry.query, faults, self._cursors)
        return self._disturbed(entry, json.dumps(list_response(shown, faults, self.base_url)).encode())

    def _disturbed(self, entry: Logged, body: bytes) -> Reply:
        """A list as it goes out, with the faults of its body and its transfer."""
        faults, headers = self.faults, {"Content-Type": SCIM_JSON}
        nth, times = entry.nth_list, faults.broken_times
        if faults.values:
            body = b'{"x":[' + b'{"a":0},' * (faults.values // 2) + b"0]," + body[1:]
        if faults.deep_json:
            body = b'{"Resources":' + b"[" * faults.deep_json + b"]" * faults.deep_json + b"}"
        if _falls(nth, faults.truncated_json, times):
            body = body[: len(body) // 2]
        if _falls(nth, faults.body_on_list, times):
            body = faults.body
        if faults.huge_body:
            return Reply(status=HTTPStatus.OK, headers=headers, chunks=padded(body, faults.huge_body))
        if faults.gzip_bomb:
            headers["Content-Encoding"] = "gzip"
            return Reply(status=HTTPStatus.OK, headers=headers, body=bomb(body, faults.gzip_bomb))
        return Reply(
            status=HTTPStatus.OK,
            headers=headers,
            body=body,
            drip=faults.slow_drip,
            break_at=len(body) // 2 if _falls(nth, faults.broken_transfer, times) else None,
            lost=_falls(nth, faults.lost_list, times),
            wait=30.0 if _falls(nth, faults.hanging_list, times) else 0.0,
        )

    def _move(self, nth: int) -> None:
        """What happens between two pages of a read, once each."""
        faults = self.faults
        if nth == faults.create_during_read and "create" not in self._moved:
            self._moved.add("create")
            self.add(make_user(990_000 + nth))
        if nth == faults.delete_during_read and "delete" not in self._moved and self.users:
            self._moved.add("delete")
            del self.users[ordered(list(self.users.values()), faults, len(self.log))[0]["id"]]

    def _existing(self, id_: str) -> User:
        if id_ not in self.users:
            raise Refused(HTTPStatus.NOT_FOUND, f"no user {id_}")
        return self.users[id_]

    def _one(self, user: User) -> Reply:
        if user["userName"] == self.faults.garbage_for:
            return Reply(status=HTTPStatus.OK, headers={"Content-Type": SCIM_JSON}, body=b'{"id": "')
        if user["userName"] == self.faults.wrong_id_for:
            user = {**user, "id": "another"}
        return self._shown(HTTPStatus.OK, user)

    def _shown(self, status: int, user: User) -> Reply:
        shown = view(user, self.faults, self.base_url)
        return _json(status, shown, self._head(user, shown))

    def _head(self, user: User, shown: User) -> dict[str, str]:
        version = etag(user, self.faults, shown)
        location = {"Location": f"{self.base_url}/Users/{user['id']}"}
        return location if version is None else {**location, "ETag": version}

    # Writing

    def _post(self, entry: Logged) -> Reply:
        user = accepted(_document(entry), lenient=self.faults.active_as_string)
        self._must_be_free(user["userName"], None)
        stored = self.add({"active": True, **user})
        if self.faults.post_empty_body:
            return Reply(status=HTTPStatus.CREATED, headers=self._head(stored, view(stored, self.faults, "")))
        return self._shown(HTTPStatus.CREATED, stored)

    def _put(self, entry: Logged, old: User) -> Reply:
        new = accepted(_document(entry), lenient=self.faults.active_as_string)
        self._must_be_free(new["userName"], old["id"])
        return self._shown(HTTPStatus.OK, self._store(old, {"active": True, **new}))

    def _patch(self, entry: Logged, old: User) -> Reply:
        faults = self.faults
        wanted = patched(old, _document(entry), lenient=faults.active_as_string)
        self._must_be_free(wanted["userName"], old["id"])
        new = wanted if not faults.lie_patch else restore(wanted, old, faults.lie_patch)
        stored = self._store(old, old if faults.echo_patch and not faults.lie_patch else new)
        if faults.patch_answers_with is not None:
            return self._shown(HTTPStatus.OK, self.find(faults.patch_answers_with))
        if faults.patch_status == HTTPStatus.NO_CONTENT:
            return Reply(status=HTTPStatus.NO_CONTENT, headers=self._head(stored, view(stored, faults, self.base_url)))
        return self._shown(HTTPStatus.OK, {**wanted, "meta": stored["meta"]} if faults.echo_patch else stored)

    def _delete(self, user: User) -> Reply:
        del self.users[user["id"]]
        return Reply(status=HTTPStatus.NO_CONTENT)

    def _store(self, old: User, new: User) -> User:
        if self.faults.lowercase_user_name:
            new = {**new, "userName": new["userName"].lower()}
        stored = {**new, "id": old["id"], "meta": old["meta"]}
        # RFC 7643 §3.1: lastModified stays when nothing has changed.
        if stored != old:
            stored["meta"] = {**old["meta"], "lastModified": self._stamp()}
        self.users[old["id"]] = stored
        return stored

    def _must_match(self, entry: Logged, user: User) -> None:
        """Refuse a write whose If-Match isn't true any more (RFC 7644 §3.14)."""
        faults, wanted = self.faults, _header(entry, "If-Match")
        if wanted is None or wanted == "*" or faults.no_etag or faults.body_hash_etag_ignores_if_match:
            return
        if etag(user, faults, user) not in [tag.strip() for tag in wanted.split(",")]:
            raise Refused(HTTPStatus.PRECONDITION_FAILED, "the user has changed since")

    def _must_be_free(self, user_name: str, own_id: str | None) -> None:
        if self.faults.duplicates_accepted:
            return
        name = user_name.lower()
        if any(user["userName"].lower() == name and user["id"] != own_id for user in self.users.values()):
            raise Refused(HTTPStatus.CONFLICT, f"userName is taken: {user_name}", "uniqueness")


def _inside(path: str) -> str:
    """The path below the base URL; one outside it stays as it is and is found nowhere."""
    path = unquote(path)
    return path.removeprefix(PREFIX) if path.startswith(f"{PREFIX}/") else f"/outside{path}"


def _kinds(entry: Logged, reply: Reply) -> set[str]:
    """The kinds of answers that `ServerFaults.twice_gzip` knows."""
    kind = "writes" if entry.nth_write else "lists" if entry.nth_list else "users"
    return {kind, "errors"} if reply.status >= HTTPStatus.BAD_REQUEST else {kind}


def _compressed_twice(reply: Reply) -> Reply:
    body = gzip.compress(bomb(reply.body or b"{}", TWICE_GZIP))
    return replace(reply, headers={**reply.headers, "Content-Encoding": "gzip, gzip"}, body=body)


def _falls(nth: int, first: int | None, times: int | None) -> bool:
    """Whether the nth request is one of those that fail."""
    return bool(nth) and first is not None and nth >= first and (times is None or nth < first + times)


def _dated(reply: Reply, ahead: timedelta | None) -> Reply:
    """Give the answer the Date of a clock that is so far ahead; None: no Date."""
    if not ahead:
        return replace(reply, dated=ahead is not None)
    return replace(reply, headers={"Date": format_datetime(datetime.now(UTC) + ahead, usegmt=True), **reply.headers})


def _retry_after(seconds: int, *, as_date: bool) -> str:
    if not as_date:
        return str(seconds)
    moment = math.ceil(datetime.now(UTC).timestamp()) + seconds
    return format_datetime(datetime.fromtimestamp(moment, UTC), usegmt=True)


def _header(entry: Logged, name: str) -> str | None:
    return next((value for key, value in entry.headers.items() if key.lower() == name.lower()), None)


def _document(entry: Logged) -> Any:
    media = (_header(entry, "Content-Type") or "").partition(";")[0].strip().lower()
    if media not in {SCIM_JSON, "application/json"}:
        raise Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"not SCIM: {media}")
    if isinstance(entry.body, bytes):
        raise bad("the body is not JSON", "invalidSyntax")
    return entry.body


def _decoded(body: bytes) -> Any:
    """The JSON value of a body, the bytes themselves if it is none, None without a body."""
    if not body:
        return None
    try:
        return json.loads(body)
    except ValueError:
        return body


def _json(status: int, document: Any, headers: Mapping[str, str] | None = None) -> Reply:
    body = json.dumps(document).encode()
    return Reply(status=status, headers={"Content-Type": SCIM_JSON, **(headers or {})}, body=body)
