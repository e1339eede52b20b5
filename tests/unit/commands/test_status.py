from __future__ import annotations

import json

import pytest
from support.git_repository import GitRepository
from support.sample_org import person
from support.servers.server_faults import ServerFaults
from support.target_workspace import TargetWorkspace

from reconciler.commands.status import run_status
from reconciler.errors import ExitCode, TargetError, UsageError


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


def test_an_unknown_format_is_a_usage_error(target: TargetWorkspace) -> None:
    with pytest.raises(UsageError, match="--format html"):
        run_status(target.workspace, "html", target.terminal)


def test_it_says_since_when_provisioning_is_off(target: TargetWorkspace) -> None:
    git = GitRepository(target.files.root)
    target.desire(person("ada"))
    target.apply()
    target.files.settings(provisioning={"enabled": False, "reason": "A move"})
    assert status(target)["provisioning"] == {"enabled": False, "reason": "A move", "since": None}
    git.commit("Switch it off")
    assert run_status(target.workspace, "text", target.terminal) is ExitCode.OK
    assert 'Provisioning:  off since 2026-02-25 06:14 UTC: "A move"' in target.terminal.out
