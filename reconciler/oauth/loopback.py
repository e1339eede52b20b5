"""Receive a redirect on this machine: a listener on 127.0.0.1 that answers a browser and nothing else.

Any program and any web page can send requests to it. Only one with the redirect's path and state ends the wait; all
others get 404, within bounds of time, size and number.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from types import TracebackType
from typing import Self

from reconciler.core.system_limits import describe_os_error
from reconciler.errors import ReconcilerError
from reconciler.oauth.authorization import LONGEST_URL, AuthorizationError, UnrelatedRedirectError
from reconciler.oauth.redirect_uri import RedirectUri, format_origin
from reconciler.scim.secret import Secret

HOST = "127.0.0.1"
_REQUEST_SECONDS = 5.0
_PAGE_SECONDS = 3.0
"""For the browser to ask for the page that says what happened."""
_MOST_CONNECTIONS = 32
"""At the same time; the oldest is closed for a newer one, so that idle ones do not keep the browser out."""
_MAX_REQUEST = LONGEST_URL + 16 * 1024
_PAGE_PATH = "/login-ended"
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Reconciler</title></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""
_RECEIVED = (
    "Authorization received",
    "Close this page and return to the terminal: it says whether the login is complete.",
)
_ENDED = ("Not authorized", "Close this page and return to the terminal: it says why, and what to do.")
_HEADERS = (
    "Content-Security-Policy: default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy: no-referrer",
    "X-Content-Type-Options: nosniff",
    "Cache-Control: no-store",
    "Connection: close",
)


class LoopbackListener:
    """A listener on a port of 127.0.0.1, 0: any free one. Connections wait until `receive` accepts them.

    Raises `ReconcilerError` if the port cannot be used.
    """

    def __init__(self, port: int) -> None:
        try:
            self._socket = socket.create_server((HOST, port))
        except (OSError, OverflowError) as exc:
            why = describe_os_error(exc) if isinstance(exc, OSError) else str(exc)
            raise ReconcilerError(
                f"cannot listen on {HOST}:{port}: {why}",
                "Choose another port with --port, as in the registered redirect URI, or use --paste.",
            ) from exc
        self.port = int(self._socket.getsockname()[1])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._socket.close()

    def receive(self, redirect: RedirectUri, take: Callable[[str], Secret], seconds: float) -> Secret:
        """Return the code of the first request that `take` accepts.

        `take` gets the URL of each request for the redirect's path; after `UnrelatedRedirectError` the wait goes on.
        Raises `AuthorizationError` as `take` does, and after `seconds`.
        """
        return asyncio.run(_Receiver(redirect, take).run(self._socket, seconds))


class _Receiver:
    def __init__(self, redirect: RedirectUri, take: Callable[[str], Secret]) -> None:
        self._take = take
        self._path = redirect.path
        self._hosts = (format_origin(redirect), f"{HOST}:{redirect.origin[2]}")
        scheme, host, port = redirect.origin
        self._origin = f"{scheme}://{host}:{port}"
        self._connections: dict[asyncio.Task[None], None] = {}

    async def run(self, listener: socket.socket, seconds: float) -> Secret:
        self._result: asyncio.Future[Secret] = asyncio.get_running_loop().create_future()
        self._page_shown = asyncio.Event()
        server = await asyncio.start_server(self._accept, sock=listener, limit=_MAX_REQUEST)
        try:
            await asyncio.wait([self._result], timeout=seconds)
            if not self._result.done():
                raise AuthorizationError(
                    f"no browser came back within {seconds / 60:.0f} minutes",
                    "Run reconciler login again; with --paste if the browser cannot reach this machine.",
                )
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._page_shown.wait(), _PAGE_SECONDS)
            return self._result.result()
        finally:
            server.close()
            for task in list(self._connections):
                task.cancel()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None:  # pragma: no cover
            raise AssertionError("asyncio runs each connection in a task")
        if len(self._connections) >= _MOST_CONNECTIONS:
            oldest = next(iter(self._connections))
            del self._connections[oldest]
            oldest.cancel()
        self._connections[task] = None
        try:
            async with asyncio.timeout(_REQUEST_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(head))
                await writer.drain()
        except (TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, OSError):
            pass  # Whatever it was, it was not the browser.
        except asyncio.CancelledError:
            pass  # Closed for a newer one, or at the end; asyncio would log it as an error.
        finally:
            self._connections.pop(task, None)
            writer.close()

    def _answer(self, head: bytes) -> bytes:
        target = _read_target(head, self._hosts)
        if target is None:
            return _build_response("404 Not Found")
        path = target.partition("?")[0]
        if path == _PAGE_PATH and self._result.done():
            self._page_shown.set()
            return _build_page(*(_ENDED if self._result.exception() else _RECEIVED))
        if path != self._path or self._result.done():
            return _build_response("404 Not Found")
        try:
            self._result.set_result(self._take(f"{self._origin}{target}"))
        except UnrelatedRedirectError:
            return _build_response("404 Not Found")
        except AuthorizationError as exc:
            self._result.set_exception(exc)
        # A redirect, so that the code is not in the history of the browser.
        return _build_response("303 See Other", [f"Location: {_PAGE_PATH}"])


def _read_target(head: bytes, hosts: tuple[str, ...]) -> str | None:
    """Return the target of a GET request for one of `hosts`; None for any other request.

    A page of another host that resolves its own name to 127.0.0.1 (DNS rebinding) sends that name as the Host.
    """
    try:
        first, *lines = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        return None
    words = first.split(" ")
    named = [line.partition(":")[2].strip().lower() for line in lines if line.lower().startswith("host:")]
    if len(words) != 3 or words[0] != "GET" or not words[2].startswith("HTTP/1."):  # noqa: PLR2004 - RFC 9112 §3
        return None
    if len(named) != 1 or named[0] not in hosts or not words[1].startswith("/"):
        return None
    return words[1]


def _build_page(title: str, text: str) -> bytes:
    return _build_response("200 OK", ["Content-Type: text/html; charset=utf-8"], _PAGE.format(title=title, text=text))


def _build_response(status: str, headers: list[str] | None = None, body: str = "") -> bytes:
    content = body.encode()
    lines = [f"HTTP/1.1 {status}", *_HEADERS, *(headers or []), f"Content-Length: {len(content)}", "", ""]
    return "\r\n".join(lines).encode() + content
