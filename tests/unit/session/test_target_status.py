from __future__ import annotations

from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.record.lock import LockWait, hold_lock
from reconciler.session.target_status import read_status


def test_a_running_apply_is_named(target: TargetWorkspace) -> None:
    service = target.state().target
    with hold_lock(target.workspace.lock(service), LockWait(0, target.terminal.note)):
        assert read_status(target.workspace, service).running is not None
    assert read_status(target.workspace, service).running is None


def test_an_apply_that_is_running_has_not_failed(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.apply()
    service = target.state().target
    (receipt,) = target.workspace.plans.glob("*/receipt.jsonl")
    receipt.write_text("".join(receipt.read_text().splitlines(keepends=True)[:1]))
    cut_short = read_status(target.workspace, service)
    with hold_lock(target.workspace.lock(service), LockWait(0, target.terminal.note)):
        running = read_status(target.workspace, service)
    assert (cut_short.health.last is not None, running.health.last) == (True, None)
