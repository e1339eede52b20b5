"""Processes of tenants that do what their names say (`support.fleet_program`)."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.fleet_program import PROGRAM, make_task

from reconciler.errors import MachineLimitError
from reconciler.fleet.result import TenantResult, from_json
from reconciler.session.fleet.processes import TimeLimits, run_tenants
from reconciler.session.fleet.stopping import StopSwitch


def run(
    out: Path, *tenants: str, at_once: int = 4, stop: StopSwitch | None = None, **environment: str
) -> list[TenantResult]:
    tasks = [make_task(out, name) for name in tenants]
    return list(run_tenants(tasks, at_once, stop, {**os.environ, **environment}, PROGRAM))


def by_tenant(results: list[TenantResult]) -> dict[str, tuple[int, str]]:
    return {each.tenant: (each.exit_code, each.error) for each in results}


def wait_until(happens: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not happens():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def process_of(out: Path, tenant: str) -> tuple[int, int]:
    """The process of the tenant and the fork server, once it runs."""
    file = out / tenant / "process"
    wait_until(lambda: file.exists() and " " in file.read_text())
    own, server = file.read_text().split()
    return int(own), int(server)


def test_each_tenant_has_its_result_and_what_ends_one_process_ends_no_other(tmp_path: Path) -> None:
    names = "ok-1 killed ok-2 exits lies differs elsewhere refused blocked broken bug full loud ok-3".split()
    assert by_tenant(run(tmp_path, *names)) == {
        "ok-1": (0, ""),
        "ok-2": (0, ""),
        "ok-3": (0, ""),
        "loud": (0, ""),
        "killed": (1, "its process was ended (SIGKILL)"),
        "exits": (1, "its process left no result"),
        "lies": (1, "its process left no result: a result has other fields"),
        "differs": (1, "its process left no result: it is of another run"),
        "elsewhere": (1, "its process left no result: it is of another run"),
        "refused": (1, "the service refuses (hidden)"),
        "blocked": (3, "a guard blocks"),
        "broken": (1, "no such key"),
        "bug": (1, "an unexpected error, which output.txt describes"),
        "full": (1, "No space left on device (ENOSPC)"),
    }
    for name in names:
        assert from_json((tmp_path / name / "result.json").read_bytes()).tenant == name
    assert "Traceback" in (tmp_path / "bug" / "output.txt").read_text()
    assert "Ada Lovelace" in (tmp_path / "refused" / "output.txt").read_text()


def test_a_process_that_cannot_be_started_is_the_failure_of_its_tenant(tmp_path: Path) -> None:
    assert by_tenant(run(tmp_path, "ok-1", "unforkable-1", "unforkable-2", "ok-2", at_once=1)) == {
        "ok-1": (0, ""),
        "unforkable-1": (1, "cannot start a process: Resource temporarily unavailable"),
        "unforkable-2": (1, "cannot start a process: Resource temporarily unavailable"),
        "ok-2": (0, ""),
    }
    assert from_json((tmp_path / "unforkable-2" / "result.json").read_bytes()).exit_code == 1


def test_a_tenant_that_takes_too_long_is_asked_to_end_and_killed_after_the_grace(tmp_path: Path) -> None:
    tasks = [make_task(tmp_path, name) for name in ("hangs", "waits", "finishes", "ok-1", "ok-2")]
    limits = TimeLimits({"plan": 1.0}, grace=2.0)
    began = time.monotonic()
    found = list(run_tenants(tasks, 4, program=PROGRAM, limits=limits))
    assert time.monotonic() - began >= 3.0
    assert by_tenant(found) == {
        "ok-1": (0, ""),
        "ok-2": (0, ""),
        "waits": (1, "it took too long and was asked to end: interrupted"),
        "finishes": (1, "it took too long and was asked to end: interrupted"),
        "hangs": (1, "it took too long and was asked to end: its process was ended (SIGKILL)"),
    }
    assert found[-1].tenant == "hangs"
    assert (tmp_path / "hangs" / "hangs").exists(), "it was killed, not ended by the first signal"
    assert (tmp_path / "finishes" / "finished").exists(), "what is in flight is finished"
    for result in found:
        assert from_json((tmp_path / result.tenant / "result.json").read_bytes()) == result


def test_one_at_a_time_keeps_the_order(tmp_path: Path) -> None:
    names = [f"ok-{number}" for number in range(5)]
    assert [each.tenant for each in run(tmp_path, *names, at_once=1)] == names


def test_a_tenant_that_prints_without_end_fills_no_disk(tmp_path: Path) -> None:
    run(tmp_path, "loud")
    content = (tmp_path / "loud" / "output.txt").read_text()
    assert 8 << 20 < len(content) < (8 << 20) + 100
    assert content.endswith("x\nThe rest of the output is left out.\n")


def test_what_an_earlier_run_left_is_no_result(tmp_path: Path) -> None:
    run(tmp_path, "killed-1", "exits-1")
    for name in ("killed-1", "exits-1"):
        ok = tmp_path / name / "result.json"
        ok.write_text(ok.read_text().replace('"exit_code": 1', '"exit_code": 3'))
        (tmp_path / name / "plan.json").write_text("{}")
    assert {code for code, _ in by_tenant(run(tmp_path, "killed-1", "exits-1")).values()} == {1}
    assert not list(tmp_path.glob("*/plan.json"))


def test_an_apply_keeps_the_plan_that_was_reviewed(tmp_path: Path) -> None:
    (tmp_path / "ok").mkdir()
    (tmp_path / "ok" / "plan.json").write_text("{}")
    list(run_tenants([make_task(tmp_path, "ok", "apply")], 1, program=PROGRAM))
    assert (tmp_path / "ok" / "plan.json").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_process_has_no_file_of_the_fork_server_and_no_input(tmp_path: Path) -> None:
    run(tmp_path, "files")
    output = str(tmp_path / "files" / "output.txt")
    *files, line = (tmp_path / "files" / "output.txt").read_text().split()
    assert files == [os.devnull, output, output]
    assert line.startswith("socket:")  # its own, on which it asks about its token


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.parametrize("own", ["RECONCILER_TOKEN_COMMAND", "RECONCILER_TOKEN_DIR"])
def test_the_token_of_one_tenant_is_in_no_process_if_each_has_its_own(tmp_path: Path, own: str) -> None:
    run(tmp_path, "environment", RECONCILER_TOKEN="canary", **{own: "x"})
    found = (tmp_path / "environment" / "output.txt").read_text()
    assert f"{own}=x" in found
    assert "canary" not in found


def test_nothing_is_imported_from_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planted = 'import pathlib; pathlib.Path("planted").touch()'
    for name in ("json", "signal", "socket", "reconciler", "sitecustomize"):
        (tmp_path / f"{name}.py").write_text(planted)
    monkeypatch.chdir(tmp_path)
    run(tmp_path / "out", "ok")
    assert not (tmp_path / "planted").exists()


def test_after_a_request_to_stop_nothing_is_begun_and_all_have_results(tmp_path: Path) -> None:
    stop = StopSwitch()
    threading.Thread(
        target=lambda: (process_of(tmp_path, "waits"), process_of(tmp_path, "finishes"), stop.request())
    ).start()
    found = by_tenant(run(tmp_path, "waits", "finishes", "ok-1", "ok-2", at_once=2, stop=stop))
    assert found == {
        "waits": (130, "interrupted"),
        "finishes": (130, ""),
        "ok-1": (130, "not begun: the run was interrupted"),
        "ok-2": (130, "not begun: the run was interrupted"),
    }
    assert (tmp_path / "finishes" / "finished").exists()
    assert from_json((tmp_path / "ok-2" / "result.json").read_bytes()).exit_code == 130
    stop.close()


def test_what_is_held_is_not_begun_and_what_is_in_flight_finishes(tmp_path: Path) -> None:
    ended: list[TenantResult] = []
    tasks = [make_task(tmp_path, name) for name in ("broken", "ok-1", "ok-2")]
    for each in run_tenants(tasks, 1, None, os.environ, PROGRAM, hold=lambda: "enough" if ended else ""):
        ended.extend([each])
    assert [(each.tenant, each.exit_code, each.error) for each in ended[1:]] == [
        ("ok-1", 3, "not begun: enough"),
        ("ok-2", 3, "not begun: enough"),
    ]
    assert from_json((tmp_path / "ok-2" / "result.json").read_bytes()) == ended[-1]


def test_a_second_request_ends_what_is_in_flight(tmp_path: Path) -> None:
    stop = StopSwitch()

    def ask_twice() -> None:
        process_of(tmp_path, "finishes")
        stop.request()
        time.sleep(0.1)
        stop.request()

    threading.Thread(target=ask_twice).start()
    assert by_tenant(run(tmp_path, "finishes", stop=stop))["finishes"][0] == 130
    assert not (tmp_path / "finishes" / "finished").exists()
    stop.close()


def test_when_the_fork_server_is_killed_its_tenants_fail_and_another_one_starts_the_others(tmp_path: Path) -> None:
    def kill() -> None:
        os.kill(process_of(tmp_path, "finishes")[1], signal.SIGKILL)

    threading.Thread(target=kill).start()
    found = by_tenant(run(tmp_path, "finishes", "ok-1", "ok-2", at_once=1))
    assert found == {
        "finishes": (1, "the process that starts those of the tenants ended (SIGKILL)"),
        "ok-1": (0, ""),
        "ok-2": (0, ""),
    }
    wait_until((tmp_path / "finishes" / "finished").exists)


def test_a_fork_server_that_cannot_start_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(MachineLimitError) as caught:
        list(run_tenants([make_task(tmp_path, "ok")], 1, program="support.no_such_program"))
    assert caught.value.summary == "the process that starts the tenants' processes cannot be started: exit code 1"


_PARENT = """
import sys
from pathlib import Path
from support.fleet_program import make_task
from reconciler.session.fleet.processes import run_tenants
tasks = [make_task(Path(sys.argv[1]), name) for name in ("finishes-1", "finishes-2", "ok")]
list(run_tenants(tasks, 2, program="support.fleet_program"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent is gone")
@pytest.mark.parametrize("stopped", [False, True], ids=["", "while the fork server is stopped"])
def test_no_process_survives_a_killed_parent_and_each_finishes_what_is_in_flight(
    tmp_path: Path, *, stopped: bool
) -> None:
    path = os.pathsep.join(filter(None, sys.path))
    parent = subprocess.Popen([sys.executable, "-c", _PARENT, str(tmp_path)], env={**os.environ, "PYTHONPATH": path})
    processes = {each for name in ("finishes-1", "finishes-2") for each in process_of(tmp_path, name)}
    assert len(processes) == 3
    if stopped:  # it sees nothing
        os.kill(process_of(tmp_path, "finishes-1")[1], signal.SIGSTOP)
    parent.kill()
    parent.wait()
    wait_until(lambda: not any(map(is_alive, processes)))
    assert len(list(tmp_path.glob("*/finished"))) == 2
    assert not (tmp_path / "ok").exists()
