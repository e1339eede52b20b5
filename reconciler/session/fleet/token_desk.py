"""How the processes of tenants ask whether they may use their token: a socket from each to the fork server.

The digest of the token goes one way (`fleet.tokens`), the answer the other: an empty line, or the other tenant that has
the same token.
"""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable

from reconciler.session.fleet.tokens import TokenRegistry

DIGEST_BYTES = 32
_LONGEST_ANSWER = 64
_SECONDS = 60.0
"""For an answer: the server has nothing to do but to fork and to answer."""


class TokenLine:
    """The server's end of the socket of one tenant."""

    def __init__(self, tenant: str, end: socket.socket) -> None:
        self.tenant = tenant
        self._end = end
        end.setblocking(False)

    def fileno(self) -> int:
        """Return the file descriptor, to wait for questions on."""
        return self._end.fileno()

    def answer(self, registry: TokenRegistry) -> bool:
        """Answer one question; return whether there may be more."""
        try:
            digest = self._end.recv(DIGEST_BYTES)
            if len(digest) != DIGEST_BYTES:
                return False
            self._end.send(f"{registry.admit(self.tenant, digest)}\n".encode())
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close this end."""
        self._end.close()


class TokenDesk:
    """In the fork server: answers the processes of all tenants. `selector`: what the server waits with."""

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self.registry = TokenRegistry()
        self._selector = selector

    def open_line(self, tenant: str) -> socket.socket:
        """Return the end for the process of the tenant, which is about to be forked. Raises `OSError`."""
        ours, theirs = socket.socketpair()
        self._selector.register(TokenLine(tenant, ours), selectors.EVENT_READ)
        return theirs

    def answer(self, line: TokenLine) -> None:
        """Answer a question, or forget the line if its process has ended."""
        if not line.answer(self.registry):
            self._selector.unregister(line)
            line.close()


def ask_over(end: socket.socket) -> Callable[[bytes], str]:
    """Return how a process asks over its end; it raises `OSError` or `EOFError` if there is no answer."""
    end.settimeout(_SECONDS)

    def ask(digest: bytes) -> str:
        end.sendall(digest)
        answer = b""
        while not answer.endswith(b"\n"):
            piece = end.recv(_LONGEST_ANSWER)
            if not piece:
                raise EOFError
            answer += piece
        return answer.decode().removesuffix("\n")

    return ask
