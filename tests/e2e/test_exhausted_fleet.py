"""A machine without files or space: one tenant's trouble keeps no other from its run, and all goes on later."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.cluster import make_fleet
from support.command import COMMAND, coverage_environment, wait_for_exit
from support.fleet_workspace import FleetWorkspace, open_fleet
from support.workspace import CommandResult

NAMES = ("acme", "globex", "initech")
FULL = "No space left on device (ENOSPC)"
NO_FILES = "Too many open files (EMFILE)"
SIZE = 40


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetWorkspace]:
    with open_fleet(tmp_path, monkeypatch, *NAMES, size=SIZE) as work:
        for name in NAMES:
            work.desire(name, department="Moved")
        yield work


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """A file system of this size at the folder, which only root can mount."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("cannot mount a small file system")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def without_coverage(fleet: FleetWorkspace) -> dict[str, str]:
    """The environment of the fleet's commands. Measuring coverage needs files of its own."""
    return {name: value for name, value in fleet.environment.items() if "COVERAGE" not in name}


def run(fleet: FleetWorkspace, *arguments: str, limit: tuple[int, int] | None = None) -> CommandResult:
    """Run the command as a process. `limit`: a resource of all its processes, and how much of it."""

    def set_limit() -> None:
        if limit is not None:
            resource.setrlimit(limit[0], (limit[1], limit[1]))

    end = wait_for_exit(fleet.start(*arguments, env=without_coverage(fleet), preexec_fn=set_limit))
    assert "Traceback" not in end.out + end.err
    return end


def writes(fleet: FleetWorkspace) -> dict[str, int]:
    return {name: len(service.writes) for name, service in fleet.services.items()}


def check_all_written_once(fleet: FleetWorkspace) -> None:
    assert {name: fleet.departments(name) for name in NAMES} == {name: {"Moved"} for name in NAMES}
    assert writes(fleet) == dict.fromkeys(NAMES, SIZE)


def test_a_full_disk_below_the_directory_of_a_run_is_the_failure_of_one_tenant(fleet: FleetWorkspace) -> None:
    with small_disk(fleet.out / "acme", "8k"):
        planned = run(fleet, "plan", "-o", str(fleet.out))
        assert planned.code == 1
        assert f"  acme: failed: its process left no result; result.json cannot be written: {FULL}\n" in planned.out
        assert planned.out.startswith("3 tenants: 1 failed, 2 ok.\n")

        applied = run(fleet, "apply", "--plans", str(fleet.out), "-o", str(fleet.out))
        assert applied.code == 4
        why = f"no plan of this tenant was reviewed; result.json cannot be written: {FULL}"
        assert f"  acme: stale: {why}\n" in applied.out
        assert writes(fleet) == {"acme": 0, "globex": SIZE, "initech": SIZE}
    assert run(fleet, "apply", "--auto-approve").code == 0
    check_all_written_once(fleet)


@pytest.mark.parametrize("size", ["40k", "84k"])
def test_a_full_disk_below_the_record_is_the_failure_of_one_tenant(size: str, fleet: FleetWorkspace) -> None:
    """There is no space for the plan, or for some lines of the receipt: what is not on record is not written."""
    record = fleet.folder("acme") / "plans"
    with small_disk(record, size):
        found = run(fleet, "apply", "--auto-approve", "-o", str(fleet.out))
        assert (found.code, fleet.result("acme")["exit_code"]) == (1, 1)
        assert FULL in fleet.result("acme")["error"]
        assert (0 < writes(fleet)["acme"] < SIZE) == (size != "40k")
        assert [fleet.result(name)["exit_code"] for name in NAMES[1:]] == [0, 0]
        receipts = "".join(file.read_text() for file in fleet.receipts("acme"))
        assert all(f'"id": "{entry.path.rpartition("/")[2]}"' in receipts for entry in fleet.services["acme"].writes)

        subprocess.run(["mount", "-o", "remount,size=8m", str(record)], check=True)
        assert run(fleet, "apply", "--auto-approve").code == 0
        check_all_written_once(fleet)


def test_a_limit_of_the_size_of_files_is_the_failure_of_the_tenant_that_is_large(fleet: FleetWorkspace) -> None:
    for name in NAMES[1:]:
        fleet.desire(name)
    found = run(fleet, "plan", "-o", str(fleet.out), limit=(resource.RLIMIT_FSIZE, 48 * 1024))
    assert found.code == 1, found
    assert [fleet.result(name)["exit_code"] for name in NAMES] == [1, 0, 0]
    assert "File too large (EFBIG)" in fleet.result("acme")["error"]


@pytest.mark.parametrize("limit", range(5, 13))
def test_a_command_with_few_files_ends_in_words(limit: int, fleet: FleetWorkspace) -> None:
    found = run(fleet, "plan", "-o", str(fleet.out), limit=(resource.RLIMIT_NOFILE, limit))
    if found.code == 0:
        assert "120 to update" in found.out
    else:
        assert (found.code, NO_FILES in found.out + found.err) == (1, True), found


@pytest.mark.skipif(sys.platform != "linux", reason="takes files from another process")
def test_a_command_that_can_open_no_more_files_goes_on_with_the_tenants_that_are_left(fleet: FleetWorkspace) -> None:
    no_limit = {"guards": {"failed": {"count": "off", "percent": "off"}}}
    (fleet.root / "fleet.yaml").write_text(json.dumps({"tenants": "tenants/*", **no_limit}))
    process: list[subprocess.Popen[bytes]] = []

    def take_all_files(_entry: object) -> None:
        if process:
            resource.prlimit(process[0].pid, resource.RLIMIT_NOFILE, (3, 3))

    for service in fleet.services.values():
        service.after = take_all_files
    process.append(
        fleet.start("apply", "--auto-approve", "-o", str(fleet.out), "--at-once", "1", env=without_coverage(fleet))
    )
    found = wait_for_exit(process[0])
    assert "Traceback" not in found.out + found.err
    assert found.code == 1
    for name in NAMES:
        assert f"  {name}: failed: its result cannot be read: {NO_FILES}\n" in found.out
        assert fleet.result(name)["exit_code"] == 0, "it is left for gather"
    check_all_written_once(fleet)


@pytest.mark.slow
def test_each_tenant_has_a_sandbox_of_its_own_from_the_first_start(tmp_path: Path) -> None:
    names = [f"tenant-{number}" for number in range(5)]
    root = make_fleet(tmp_path, *names)
    environment = {**coverage_environment(), "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8"}

    def start(verb: str, *arguments: str) -> CommandResult:
        line = [COMMAND, "fleet", verb, "--sandbox", "--at-once", "5", *arguments]
        done = subprocess.run(line, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False)
        return CommandResult(done.returncode, done.stdout, done.stderr)

    planned = start("plan", "-o", "out")
    assert planned.code == 0, planned
    assert "Users: 10 to create, 0 to update, 0 to remove" in planned.out
    applied = start("apply", "--plans", "out", "-o", "out")
    assert applied.code == 0, applied
    assert "Users: 10 created" in applied.out
    assert start("plan", "--detailed-exitcode").code == 0
    folders = sorted(path.parent for path in root.rglob("sandbox.db"))
    assert folders == [root / "tenants" / name / ".reconciler" for name in names]
    for folder in folders:
        assert len(list((folder / "plans").glob("*/receipt.jsonl"))) == 1
