"""What a child makes of its task; the ways in which one ends are in test_processes.py."""

from __future__ import annotations

import os
from pathlib import Path

from support.fleet_program import make_result, make_task

from reconciler.fleet.result import TenantResult, from_json
from reconciler.session.fleet.child import run_child
from reconciler.session.fleet.task import TenantTask
from reconciler.session.fleet.tenant_terminal import TenantTerminal


def end_of(task: TenantTask, code: int = 0, error: Exception | None = None) -> int:
    """The exit code of a process that runs the task."""

    def run(given: TenantTask, terminal: TenantTerminal) -> TenantResult:
        terminal.result(f"to stdout, {terminal.width} columns")
        terminal.note("to stderr")
        if error is not None:
            raise error
        return make_result(given, code)

    process = os.fork()
    if process == 0:
        run_child(task, run, lambda: None)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def test_the_exit_code_is_that_of_the_result_and_all_output_is_in_one_file(tmp_path: Path) -> None:
    task = make_task(tmp_path, "acme")
    assert end_of(task, 5) == 5
    result = from_json((tmp_path / "acme" / "result.json").read_bytes())
    assert (result.exit_code, result.error, result.seconds < 60) == (5, "", True)
    assert (tmp_path / "acme" / "output.txt").read_text() == "to stdout, 0 columns\nto stderr\n"


def test_too_little_memory_is_one_error(tmp_path: Path) -> None:
    assert end_of(make_task(tmp_path, "acme"), error=MemoryError()) == 1
    error = from_json((tmp_path / "acme" / "result.json").read_bytes()).error
    assert error == "this machine, or this process, has run out of memory"
    assert "Traceback" not in (tmp_path / "acme" / "output.txt").read_text()


def test_a_result_that_cannot_be_written_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "acme" / "result.json").mkdir(parents=True)
    assert end_of(make_task(tmp_path, "acme")) == 1
    assert "Error: " in (tmp_path / "acme" / "output.txt").read_text()
