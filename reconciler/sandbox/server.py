"""The sandbox as a server on 127.0.0.1."""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from waitress import wasyncore  # type: ignore[import-untyped]
from waitress.channel import HTTPChannel  # type: ignore[import-untyped]
from waitress.server import create_server  # type: ignore[import-untyped]
from waitress.task import WSGITask  # type: ignore[import-untyped]

from reconciler.sandbox.app import SandboxApp
from reconciler.sandbox.authorization_server import BASE_PATH
from reconciler.sandbox.grants import Grants
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.store import Store

HOST = "127.0.0.1"
_THREADS = 8
_LARGEST_BODY = 4 * 1024 * 1024
_HIGHEST_PORT = 65535
_CLOSE_SECONDS = 5.0
_DRAIN_SECONDS = 0.3
_DRAIN_POLL = 0.002
_LOOP_SECONDS = 30.0


class RunningSandbox:
    """A sandbox that serves requests in a background thread until it is closed; also a context manager.

    `base_url` and `school_url` serve the same users. `token` is a valid bearer token for both, `oauth_client` the
    client that can get others.
    """

    def __init__(self, store: Store, app: SandboxApp, port: int) -> None:
        self._sockets: dict[int, Any] = {}
        self._store = store
        self._app = app
        self._server = _listen(app, port, self._sockets)
        self._closing = threading.Lock()
        self._closed = False
        self.state = store.path
        self.port = int(self._server.effective_port)
        self.token = store.get_usable_token()
        self.oauth_client = Grants(store).get_client()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sandbox", daemon=True)
        self._thread.start()

    @property
    def base_url(self) -> str:
        """The SCIM root of the business service."""
        return f"http://{HOST}:{self.port}/feeds/business/scim"

    @property
    def school_url(self) -> str:
        """The SCIM root of the school service."""
        return f"http://{HOST}:{self.port}/feeds/school/scim"

    @property
    def authorize_url(self) -> str:
        """Where a user authorizes a client."""
        return f"http://{HOST}:{self.port}{BASE_PATH}authorize"

    @property
    def token_url(self) -> str:
        """Where a client gets tokens."""
        return f"http://{HOST}:{self.port}{BASE_PATH}token"

    def __repr__(self) -> str:
        return f"<RunningSandbox {self.base_url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def warm_up(self) -> None:
        """Load what the first write needs; takes a second."""
        self._app.warm_up()

    def close(self) -> None:
        """Finish the current requests, then stop; may be called twice."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        self._app.faults.stop()
        self._drain()
        self._server.task_dispatcher.shutdown(timeout=_CLOSE_SECONDS)
        self._stopping.set()
        self._server.pull_trigger()
        self._thread.join()
        # Only after the loop has ended: a descriptor closed under it could already belong to another file.
        _close_sockets(self._server, self._sockets)
        self._store.close()

    def _drain(self) -> None:
        """Wait for pending responses; waitress would drop requests that wait for a thread."""
        deadline = time.monotonic() + _DRAIN_SECONDS
        while time.monotonic() < deadline:
            channels = list(self._server.active_channels.values())
            if not any(channel.requests or channel.total_outbufs_len for channel in channels):
                return
            time.sleep(_DRAIN_POLL)

    def _run(self) -> None:
        # Not waitress's own loop, which cannot be stopped.
        while not self._stopping.is_set():
            wasyncore.loop(timeout=_LOOP_SECONDS, map=self._sockets, use_poll=True, count=1)


def start(state: Path, *, port: int = 0, quirks: Quirks | None = None) -> RunningSandbox:
    """Serve a sandbox file, created if needed, in a background thread.

    `port` 0 chooses a free one. `quirks` apply to this server only; without them those in the file apply, and changes
    of the file too. Raises SandboxError if the file or the port can't be used.
    """
    store = Store(state)
    try:
        return RunningSandbox(store, SandboxApp(store, quirks), port)
    except BaseException:
        store.close()
        raise


def serve_forever(
    state: Path, port: int, ready: Callable[[RunningSandbox], None], *, quirks: Quirks | None = None
) -> None:
    """Serve a sandbox file until Ctrl-C; call `ready` first. Raises SandboxError as `start` does."""
    with start(state, port=port, quirks=quirks) as sandbox:
        try:
            sandbox.warm_up()
            ready(sandbox)
            threading.Event().wait()
        except KeyboardInterrupt:
            return


def _listen(app: SandboxApp, port: int, sockets: dict[int, Any]) -> Any:
    # waitress warns about each request that waits for a thread, which is normal with more clients than threads.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    if not 0 <= port <= _HIGHEST_PORT:
        # The system would use it modulo 65536.
        raise SandboxError(f"There is no port {port}. Choose one from 1 to {_HIGHEST_PORT}, or 0 for any.")
    try:
        server = create_server(
            app,
            map=sockets,
            host=HOST,
            port=port,
            threads=_THREADS,
            ident="sandbox",
            connection_limit=1000,
            backlog=1024,
            max_request_body_size=_LARGEST_BODY,
        )
    except OSError as error:
        raise SandboxError(f"Port {port} on {HOST} can't be used: {error}. Choose another one.") from error
    server.channel_class = _Channel
    return server


class _Task(WSGITask):  # type: ignore[misc] # waitress has no types
    def set_close_on_finish(self) -> None:
        # waitress hangs up after every answer without a body; RFC 9112 §6.3 lets a 204 keep the connection.
        wants_close = self.request.headers.get("CONNECTION", "").lower() == "close"
        if self.has_body or wants_close or self.version != "1.1":
            super().set_close_on_finish()


class _Channel(HTTPChannel):  # type: ignore[misc] # waitress has no types
    task_class = _Task


def _close_sockets(server: Any, sockets: dict[int, Any]) -> None:
    for channel in list(server.active_channels.values()):
        channel.handle_close()
    server.close()
    sockets.clear()
