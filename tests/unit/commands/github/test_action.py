from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.workflow_step import Step

from reconciler.commands.github.action import run_action
from reconciler.errors import PlanFileError, UsageError


def program(script: str) -> list[str]:
    """Stands in for the installed program; the arguments follow."""
    return [sys.executable, "-c", f"import os, sys, shutil, time\n{script}"]


def outputs(step: Step) -> dict[str, str]:
    return dict(line.split("=", 1) for line in step.outputs.read_text().splitlines())


def act(step: Step, script: str, **given: str) -> int:
    inputs = {f"INPUT_{name.upper()}": value for name, value in given.items()}
    return run_action({**os.environ, **inputs}, program(script), step.terminal)


def saving(step: Step) -> str:
    return f"shutil.copy({str(step.file)!r}, 'new.json')"


@pytest.fixture(autouse=True)
def elsewhere(step: Step, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_TOKEN")
    monkeypatch.chdir(tmp_path)


def test_facts_of_the_saved_plan_are_outputs(step: Step) -> None:
    assert act(step, saving(step), command="plan", out="new.json") == 0
    found = outputs(step)
    assert (found["exit-code"], found["plan-file"], found["changes"]) == ("0", "new.json", "1")
    assert (found["plan-id"], found["blocked"]) == (step.plan.plan_id, "false")


def test_a_plan_that_was_saved_before_is_not_taken_for_a_new_one(step: Step, tmp_path: Path) -> None:
    (tmp_path / "new.json").write_text("{}")
    with pytest.raises(UsageError, match="exists already"):
        act(step, "sys.exit(1)", command="plan", out="new.json")
    assert not step.outputs.exists()


def test_what_is_no_plan_is_an_error(step: Step) -> None:
    with pytest.raises(PlanFileError):
        act(step, "open('new.json', 'w').write('blocked=false')", command="plan", out="new.json")
    assert not step.outputs.exists()


@pytest.mark.parametrize(("accepted", "code"), [("", 3), ("5", 3), ("3 5", 0), ("any", 0)])
def test_an_accepted_exit_code_is_an_output_and_no_failure(step: Step, accepted: str, code: int) -> None:
    assert act(step, "sys.exit(3)", command="plan", accept_exit_codes=accepted) == code
    assert outputs(step) == {"exit-code": "3"}


def test_the_log_has_all_that_is_printed(step: Step, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    script = "os.write(1, b'out\\n'); os.write(2, b'error\\n'); sys.exit(1)"
    assert act(step, script, command="validate", log="log.txt") == 1
    assert (tmp_path / "log.txt").read_bytes() == capfdbinary.readouterr().out == b"out\nerror\n"


def test_the_command_sets_nothing_for_later_steps(step: Step, capfd: pytest.CaptureFixture[str]) -> None:
    assert act(step, "print(sorted(os.environ))", command="plan", state="x") == 0
    said = capfd.readouterr().out
    assert "GITHUB_REPOSITORY" in said
    assert "INPUT_" not in said
    assert "GITHUB_OUTPUT" not in said


def test_a_command_that_takes_too_long_is_asked_to_end(step: Step) -> None:
    assert act(step, "time.sleep(60)", command="plan", timeout_seconds="1") == 124
    assert outputs(step) == {"exit-code": "124"}


def test_the_program_is_not_taken_from_the_working_directory(tmp_path: Path) -> None:
    """It may be a checkout of a pull request."""
    for name in ("reconciler.py", "signal.py", "typing.py"):
        (tmp_path / name).write_text("raise SystemExit('hijacked')\n")
    script = Path(sys.executable).with_name("reconciler")
    environment = {"PATH": os.environ["PATH"], "INPUT_COMMAND": "validate"}
    done = subprocess.run(
        [str(script), "github", "action"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert "hijacked" not in done.stdout + done.stderr
    assert done.returncode == 0
    assert "The desired state is valid" in done.stdout


def test_a_signal_reaches_the_command(tmp_path: Path) -> None:
    script = (
        "import os, sys\n"
        "from reconciler.commands.github.action import run_action\n"
        "from support.recording_terminal import RecordingTerminal\n"
        "nested = 'import signal, sys; signal.alarm(30);'\n"
        "nested += 'signal.signal(signal.SIGINT, lambda *_: sys.exit(7)); print(1, flush=True);'\n"
        "nested += 'signal.pause()'\n"
        "sys.exit(run_action(os.environ, [sys.executable, '-c', nested], RecordingTerminal()))\n"
    )
    environment = {**os.environ, "INPUT_COMMAND": "apply", "INPUT_LOG": "log.txt"}
    environment["PYTHONPATH"] = str(Path(__file__).parents[3])
    line = [sys.executable, "-c", script]
    with subprocess.Popen(line, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "1\n"
        time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        try:
            assert process.wait(20) == 7
        finally:
            process.kill()
