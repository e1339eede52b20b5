"""The locks that an apply to one target holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from reconciler.core.model import Target
from reconciler.record.lock import LockWait, hold_lock, share_lock
from reconciler.session.workspace import Workspace


@contextmanager
def hold_target_locks(workspace: Workspace, target: Target, wait: LockWait) -> Iterator[bool]:
    """Hold the lock of the target, and share that of its address with the other tenants there.

    Yields whether another process had to end first.
    """
    waited = False

    def sleep(seconds: float) -> None:
        nonlocal waited
        waited = True
        wait.sleep(seconds)

    address, noting = workspace.address_lock(target), replace(wait, sleep=sleep)
    shared = share_lock(address, noting) if address is not None else nullcontext()
    with hold_lock(workspace.lock(target), noting), shared:
        yield waited
