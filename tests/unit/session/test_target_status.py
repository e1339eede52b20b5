from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

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


def test_credentials_are_assessed_by_the_day_of_the_workspace(target: TargetWorkspace) -> None:
    end = target.workspace.now.date() + timedelta(10)
    target.files.settings(
        target={"profile": "apple-business-manager", "base_url": target.files.base_url, "token_expires": str(end)}
    )
    found = read_status(target.workspace, target.state().target)
    assert [(each.expires, found.today) for each in found.credentials] == [(end, target.workspace.now.date())]
    assert [finding.stage for finding in found.expiry] == [14]
    later = replace(target.workspace, now=target.workspace.now + timedelta(9))
    assert [finding.stage for finding in read_status(later, target.state().target).expiry] == [1]
