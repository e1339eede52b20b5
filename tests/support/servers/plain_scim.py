"""scim2-server as it is shipped, over a real socket on 127.0.0.1."""

import json
import socket
import threading
import urllib.request
from collections.abc import Callable, Iterable
from typing import Any, Self
from urllib.parse import quote

from scim2_models import Pagination
from scim2_server.applications.wsgi import WSGIApplication
from scim2_server.memory import InMemoryStorage
from scim2_server.utils import load_default_provider
from waitress.server import create_server  # type: ignore[import-untyped]

from support.servers.plain_cursors import CursorService, cursor_provider
from support.servers.running_server import RunningServer

TOKEN = "t0ken"
WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def guarded(app: WSGI, token: str) -> WSGI:
    """The app, for requests that carry the token."""

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("HTTP_AUTHORIZATION") == f"Bearer {token}":
            return app(environ, start_response)
        start_response("401 Unauthorized", [("Content-Type", "application/json"), ("WWW-Authenticate", "Bearer")])
        return [b'{"schemas":["urn:ietf:params:scim:api:messages:2.0:Error"],"status":"401"}']

    return answer


class PlainScim(RunningServer):
    """The server, with cursors by `pagination`. `requests` are the method and target of each request, in order."""

    def __init__(
        self, users: Iterable[dict[str, Any]] = (), token: str = TOKEN, pagination: Pagination | None = None
    ) -> None:
        self._pagination = pagination
        self.token = token
        self.requests: list[tuple[str, str]] = []
        self._seed = list(users)
        self._server: Any = None
        self._origin = ""
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        app: WSGI
        if self._pagination is None:
            app = WSGIApplication(InMemoryStorage(), load_default_provider())
        else:
            provider = cursor_provider(self._pagination)
            app = WSGIApplication(InMemoryStorage(), provider, CursorService(provider))
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._server = create_server(self._logged(guarded(app, self.token)), sockets=[listener], threads=8)
        self._origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self._closing.clear()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        for user in self._seed:
            self.add(user)
        self.requests.clear()
        return self

    def _run(self) -> None:
        # `run` would take the signals of the whole process; this is its loop, which ends in the thread that runs it.
        while not self._closing.is_set():
            self._server.asyncore.loop(timeout=0.05, map=self._server._map, count=1)

    def _logged(self, app: WSGI) -> WSGI:
        def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            query = environ.get("QUERY_STRING")
            self.requests.append((environ["REQUEST_METHOD"], environ["PATH_INFO"] + (f"?{query}" if query else "")))
            return app(environ, start_response)

        return answer

    def close(self) -> None:
        if self._thread is None:
            return
        self._closing.set()
        self._server.pull_trigger()
        self._thread.join(timeout=5)
        # Only after the loop: as its last step it could close the trigger before it is pulled here.
        self._server.task_dispatcher.shutdown(timeout=2)
        self._server.close()
        for channel in list(self._server._map.values()):
            channel.close()
        self._thread = self._server = None

    @property
    def base_url(self) -> str:
        if self._server is None:
            raise RuntimeError("the server is not running")
        return f"{self._origin}/v2"

    def add(self, user: dict[str, Any]) -> dict[str, Any]:
        """Create a user by POST; the resource it became."""
        created: dict[str, Any] = self._call(
            "POST", "/Users", {k: v for k, v in user.items() if k not in {"id", "meta"}}
        )
        return created

    def users(self) -> list[dict[str, Any]]:
        """All users, each read by a GET of its own; what is asked here doesn't count in `requests`."""
        asked = len(self.requests)
        ids, query = [], "startIndex=1" if self._pagination is None or self._pagination.index else "cursor="
        while True:
            listed = self._call("GET", f"/Users?{query}&count=100&attributes=id")
            ids += [user["id"] for user in listed.get("Resources") or []]
            if len(ids) >= listed["totalResults"]:
                break
            following = listed.get("nextCursor")
            query = f"startIndex={len(ids) + 1}" if following is None else f"cursor={quote(following, safe='')}"
        found = [self._call("GET", f"/Users/{id_}") for id_ in ids]
        del self.requests[asked:]
        return found

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        request = urllib.request.Request(  # noqa: S310 - always http to 127.0.0.1
            self.base_url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/scim+json"},
        )
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return json.load(response)
