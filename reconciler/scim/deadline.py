"""A deadline for whole requests: a connection's timeouts apply to each read, and a byte now and then satisfies them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx

from reconciler.scim.proxy_transport import TunnelError

_INTERVAL = 0.25
"""Seconds between checks."""
_CONNECTED = ("connection.connect_tcp.complete", "connection.start_tls.complete", "proxy.start_tls.complete")
"""Each has a socket of its own: TLS replaces the one below it, in the tunnel of a proxy too."""


class DeadlineExceededError(Exception):
    """A request with its answer took longer than allowed."""


class Deadline:
    """Closes the connection of a request that takes too long. Thread-safe; a thread has one request at a time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watcher: threading.Thread | None = None
        # All by thread id.
        self._deadlines: dict[int, float] = {}
        self._sockets: dict[int, socket.socket] = {}
        self._hung_up: set[int] = set()

    def trace(self, event: str, info: Mapping[str, Any]) -> None:
        """Note the connection of this thread. For `request.extensions["trace"]`, see httpcore."""
        if event in _CONNECTED:
            self._sockets[threading.get_ident()] = info["return_value"].get_extra_info("socket")

    @contextmanager
    def limit(self, seconds: float) -> Iterator[None]:
        """Limit a request and the reading of its answer to `seconds`.

        Raises `DeadlineExceededError`, or `TunnelError` if it is the proxy that takes the time.
        """
        me = threading.get_ident()
        with self._lock:
            self._deadlines[me] = self._clock() + seconds
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="deadline", daemon=True)
                self._watcher.start()
        try:
            yield
        except httpx.HTTPError as exc:
            with self._lock:  # the watcher may just have hung up, and holds this until that is noted
                hung_up = me in self._hung_up
            if not hung_up:
                raise
            if isinstance(exc, TunnelError):
                late = httpx.ReadTimeout("the time of the request is over")
                raise TunnelError(exc.proxy, exc.step, late) from late
            raise DeadlineExceededError(f"the service's answer takes longer than {seconds:.0f} seconds") from exc
        finally:
            with self._lock:
                del self._deadlines[me]
                self._hung_up.discard(me)

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()

    def _watch(self) -> None:
        while not self._closed.wait(_INTERVAL):
            with self._lock:
                now = self._clock()
                for thread in [each for each, deadline in self._deadlines.items() if deadline <= now]:
                    self._hang_up(thread)

    def _hang_up(self, thread: int) -> None:
        found = self._sockets.get(thread)
        # A connection that is being made has a timeout of its own; its socket is not this one, or closed.
        with suppress(OSError):
            if found is not None:
                # Under TLS too, shut down the plain socket: a TLS shutdown would wait for the other side.
                socket.socket.shutdown(found, socket.SHUT_RDWR)
                self._hung_up.add(thread)
