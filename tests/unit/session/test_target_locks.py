from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace

import pytest
from support.target_workspace import TargetWorkspace

from reconciler.core.model import Target
from reconciler.errors import LockedError
from reconciler.record.lock import LockWait, hold_lock, share_lock
from reconciler.session.target_locks import hold_target_locks

AT_ONCE = LockWait(0, print)


def waited(target: TargetWorkspace, where: Target, other: ExitStack) -> bool:
    """Hold the locks, and end the other process at the first wait."""
    wait = LockWait(30, print, sleep=lambda _: other.close())
    with hold_target_locks(target.workspace, where, wait) as found:
        return found


def test_it_is_known_whether_another_process_had_to_end_first(target: TargetWorkspace) -> None:
    where = replace(target.state().target, tenant="berlin")
    shared = target.workspace.address_lock(where)
    assert shared is not None
    with ExitStack() as other:
        assert not waited(target, where, other)
        for lock in (target.workspace.lock(where), shared):
            other.enter_context(hold_lock(lock, AT_ONCE))
            assert waited(target, where, other)


def test_the_lock_of_a_tenant_is_held_and_that_of_its_address_is_shared(target: TargetWorkspace) -> None:
    where = replace(target.state().target, tenant="berlin")
    shared = target.workspace.address_lock(where)
    assert shared is not None
    with hold_target_locks(target.workspace, where, AT_ONCE):
        with share_lock(shared, AT_ONCE):
            pass
        for lock in (target.workspace.lock(where), shared):
            with pytest.raises(LockedError), hold_lock(lock, AT_ONCE):
                pass
