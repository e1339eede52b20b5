"""The lock of a connection's tokens: one process at a time refreshes or replaces them.

It is not the target's lock, which an apply holds while it runs, and a plan does not need: both refresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reconciler.oauth.token_document import TokenBinding
from reconciler.record.lock import LockWait, find_lock_directory, hold_lock

_SECONDS = 180.0
"""A refresh takes a request of at most two minutes and some writes."""
_REASON = "Two at once could make the service revoke the connection. Wait for it to end, or end it."


@contextmanager
def hold_token_lock(binding: TokenBinding, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock. Raises `LockedError` if another process holds it for minutes. `report`: that it is waited for."""
    wait = LockWait(_SECONDS, report, work="refresh of the tokens of this connection", reason=_REASON)
    with hold_lock(find_lock_directory() / build_token_lock_name(binding), wait):
        yield


def build_token_lock_name(binding: TokenBinding) -> str:
    """Return the file name of the lock: a connection is a client at a token URL, whatever it is used for."""
    key = f"{binding.client_id}\n{binding.token_url}"
    return f"oauth-{hashlib.sha256(key.encode()).hexdigest()[:12]}.lock"
