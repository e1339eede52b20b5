from __future__ import annotations

import json

import pytest
from support.sample_org import person
from support.servers.server_faults import ServerFaults
from support.target_workspace import TargetWorkspace

from reconciler.commands.status import read_status, run_status
from reconciler.errors import ExitCode, TargetError, UsageError
from reconciler.record.lock import LockWait, hold_lock


def status(target: TargetWorkspace) -> dict[str, object]:
    target.terminal.out = ""
    run_status(target.workspace, "json", target.terminal)
    found: dict[str, object] = json.loads(target.terminal.out)
    return found


def test_a_target_after_a_good_apply_is_healthy(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.apply()
    assert run_status(target.workspace, "text", target.terminal) is ExitCode.OK
    assert status(target)["healthy"] is True


def test_a_failing_user_makes_it_unhealthy(target: TargetWorkspace) -> None:
    target.desire(person("ada"))
    target.service.faults = ServerFaults(write_error_on=1, write_error_status=400, write_error_times=None)
    target.apply()
    assert run_status(target.workspace, "text", target.terminal) is ExitCode.ERROR
    assert 'user["ada@example.com"]' in target.terminal.out


def test_a_refusal_of_the_service_makes_it_unhealthy(target: TargetWorkspace) -> None:
    target.service.token = "another"
    with pytest.raises(TargetError):
        target.apply()
    assert run_status(target.workspace, "text", target.terminal) is ExitCode.ERROR


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


def test_an_unknown_format_is_a_usage_error(target: TargetWorkspace) -> None:
    with pytest.raises(UsageError, match="--format html"):
        run_status(target.workspace, "html", target.terminal)
