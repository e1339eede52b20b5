"""Two applies at once to one target: never. Real processes, a real lock."""

from __future__ import annotations

import os
from pathlib import Path

from support.command import CommandWorkspace, OpenCommandWorkspace, sample_users, wait_for, wait_for_exit
from support.servers.fake_scim import ServerFaults


def busy(open_command_workspace: OpenCommandWorkspace, size: int = 12, latency: float = 0.1) -> CommandWorkspace:
    live, people = sample_users(size, department="Moved")
    opened = open_command_workspace(live)
    opened.users(people)
    opened.saved()
    opened.service.faults = ServerFaults(latency=latency)
    return opened


def locked(opened: CommandWorkspace) -> bool:
    """Whether a process has reported that it holds the lock."""
    return any(lock.read_bytes() for lock in Path(opened.environment["HOME"]).rglob("locks/*.lock"))


def test_the_second_of_two_applies_reports_who_holds_the_lock(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = busy(open_command_workspace, latency=1)
    first = opened.start("apply", "plan.json")
    wait_for(lambda: locked(opened))
    second = opened.command("apply", "plan.json")
    assert second.code == 1
    assert f"Error: another apply to this target is running: process {first.pid} of " in second.err
    assert "--lock-timeout SECONDS" in second.err
    assert wait_for_exit(first).code == 0
    names = [write.user_name for write in opened.service.writes]
    assert len(names) == len(set(names)) == 12, "nothing is written twice"


def test_who_waits_applies_what_is_then_left(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = busy(open_command_workspace)
    processes = [opened.start("apply", "plan.json", "--lock-timeout", "60") for _ in range(3)]
    codes = sorted(wait_for_exit(process).code for process in processes)
    assert codes == [0, 0, 0]
    assert len(opened.service.writes) == 12


def test_a_killed_process_leaves_no_lock(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = busy(open_command_workspace)
    first = opened.start("apply", "plan.json")
    wait_for(lambda: opened.service.writes)
    first.kill()
    wait_for_exit(first)
    assert opened.command("apply", "plan.json").code == 0


def test_another_target_has_a_lock_of_its_own_and_plan_needs_none(open_command_workspace: OpenCommandWorkspace) -> None:
    one, two = busy(open_command_workspace, latency=1), busy(open_command_workspace)
    two.environment["HOME"] = one.environment["HOME"]
    first = one.start("apply", "plan.json")
    wait_for(lambda: locked(one))
    assert one.command("plan").code == 0
    assert two.command("apply", "plan.json").code == 0
    assert wait_for_exit(first).code == 0


def test_a_place_for_locks_that_cannot_be_used_is_an_error_before_anything_is_read(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    opened = busy(open_command_workspace)
    (opened.root / "file").write_text("")
    failed = opened.command("apply", "plan.json", env={"XDG_STATE_HOME": str(opened.root / "file")})
    assert failed.code == 1
    assert failed.err.startswith("Error: cannot lock ")
    assert "XDG_STATE_HOME" in failed.err
    assert "Traceback" not in failed.err
    assert opened.service.writes == []


def test_the_lock_is_private_and_lies_where_the_user_keeps_state(open_command_workspace: OpenCommandWorkspace) -> None:
    opened = busy(open_command_workspace, 1)
    assert opened.command("apply", "plan.json").code == 0
    (lock,) = Path(opened.environment["HOME"]).glob(".local/state/reconciler/locks/scim-*.lock")
    assert (os.stat(lock).st_mode & 0o777, lock.read_bytes()) == (0o600, b"")  # noqa: PTH116
