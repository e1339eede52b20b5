"""The lock of a connection's tokens: one process at a time refreshes or replaces them.

There are two, always taken in this order: one for the connection on this machine, wherever its tokens are, and one
next to tokens in a file, which a service and a shell with different homes share, and containers with a common volume.

It is not the target's lock, which an apply holds while it runs, and a plan does not need: both refresh.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from reconciler.errors import LockedError, ReconcilerError
from reconciler.oauth.file_store import TokenStoreError
from reconciler.oauth.token_document import TokenBinding
from reconciler.oauth.token_store import TokenStore
from reconciler.record.lock import LockWait, find_lock_directory, hold_lock

_SECONDS = 180.0
"""A refresh takes a request of at most two minutes and some writes."""
_REASON = "Two at once could make the service revoke the connection. Wait for it to end, or end it."


@contextmanager
def hold_token_lock(binding: TokenBinding, store: TokenStore, report: Callable[[str], None]) -> Iterator[None]:
    """Hold the locks. `report`: that one is waited for.

    Raises `LockedError` if another process holds one for minutes, `ReconcilerError` if one is unusable: nothing may be
    sent then.
    """
    wait = LockWait(_SECONDS, report, work="refresh of the tokens of this connection", reason=_REASON)
    with ExitStack() as held:
        held.enter_context(hold_lock(find_lock_directory() / build_token_lock_name(binding), wait))
        shared = store.find_lock()
        if shared is not None:
            _hold_shared(held, shared, store, wait)
        yield


def _hold_shared(held: ExitStack, path: Path, store: TokenStore, wait: LockWait) -> None:
    try:
        held.enter_context(hold_lock(path, wait))
    except LockedError:
        raise
    except ReconcilerError as exc:
        raise TokenStoreError(
            f"cannot write {store.name}: {exc.summary}",
            "Nothing was sent, so nothing is lost. Two at once could lose the connection, so a file next to the\n"
            "tokens is locked: make its directory writable, or set RECONCILER_TOKEN_STORE to a file on a local disk.",
        ) from exc


def build_token_lock_name(binding: TokenBinding) -> str:
    """Return the file name of the lock: a connection is a client at a token URL, whatever it is used for."""
    key = f"{binding.client_id}\n{binding.token_url}"
    return f"oauth-{hashlib.sha256(key.encode()).hexdigest()[:12]}.lock"
