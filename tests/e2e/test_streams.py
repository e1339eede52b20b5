"""stdout is the result alone; colours, bars and questions are for people who watch a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import re
import resource
import subprocess
import time
from pathlib import Path

import pytest
from support.command import (
    NOW,
    CommandWorkspace,
    OpenCommandWorkspace,
    Screen,
    assert_harmless,
    interrupt,
    messages,
    sample_users,
    screen,
    wait_for,
    wait_for_exit,
)
from support.servers.fake_scim import ServerFaults
from support.workspace import ENTERPRISE, CommandResult

SGR = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def work(open_command_workspace: OpenCommandWorkspace) -> CommandWorkspace:
    """Three people, one of whom moves."""
    live, people = sample_users(3)
    people[0]["department"] = "Moved"
    opened = open_command_workspace(live)
    opened.users(people)
    return opened


def on_screen(
    work: CommandWorkspace, terminal: Screen, *arguments: str, out: int | None = None, **env: str
) -> tuple[int, str]:
    """Runs a command on a terminal of 100 columns (stdout elsewhere with `out`); its exit code and what was shown."""
    variables = {"TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **env}
    streams = {"stdin": terminal.slave, "stdout": terminal.slave if out is None else out, "stderr": terminal.slave}
    process = work.start(*arguments, env=variables, **streams)
    terminal.close_slave()
    shown = terminal.read()
    return process.wait(30), shown


# --- who gets what ----------------------------------------------------------------


def test_json_is_all_there_is_on_stdout(work: CommandWorkspace) -> None:
    planned = work.command("plan", "--format", "json", "-v", "-o", "plan.json")
    assert (planned.code, planned.plan["summary"]["update"]) == (0, 1)
    assert "Saved the plan to: plan.json" in planned.err
    assert "Saved" not in planned.out
    assert planned.out == (work.root / "plan.json").read_text()


def test_an_apply_reports_on_stdout_and_shows_progress_on_stderr(work: CommandWorkspace) -> None:
    applied = work.command("apply", str(work.saved()))
    assert messages(applied.out) == ["Apply complete! Users: 0 created, 1 updated, 0 deleted."]
    told = messages(applied.err)
    assert told[0] == 'user["ada.0@example.com"]: Update complete [id=id-0]'
    assert re.fullmatch(r"Receipt: plans/\S+/receipt\.jsonl", told[1])
    assert_harmless(applied.out + applied.err)


def test_quiet_leaves_the_result_and_errors(work: CommandWorkspace) -> None:
    quiet = work.run("plan", "-q")
    assert (quiet.err, quiet.out) == ("", work.run("plan").out)
    file = str(work.saved())
    assert work.run("apply", "-q", file).err == ""
    failed = work.run("apply", "-q", file, "--now", "2099-01-01")
    assert (failed.code, failed.out) == (4, "")
    assert failed.err.startswith("Error: the plan expired")


def test_errors_in_files_go_to_stderr(work: CommandWorkspace) -> None:
    work.write("scope.yaml", "sync: everybody\n")
    for answer in (work.run("plan"), work.run("apply", "--auto-approve")):
        assert (answer.code, answer.out) == (1, "")
        assert "scope.yaml:1:7" in answer.err
    checked = work.run("validate")
    assert (checked.code, messages(checked.out)) == (1, [f"1 error in {work.state}."])
    assert "scope.yaml:1:7" in checked.err


# --- colours ----------------------------------------------------------------------


def test_colours_on_a_terminal(work: CommandWorkspace) -> None:
    with screen() as terminal:
        code, shown = on_screen(work, terminal, "plan", *NOW)
    assert code == 0
    assert '\x1b[33m~\x1b[0m user "ada.0@example.com" {' in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).replace("\r", "")
    assert work.run("plan", *NOW).out in plain


@pytest.mark.parametrize(
    ("arguments", "env"),
    [(["--no-color"], {}), ([], {"NO_COLOR": "1"})],
    ids=["--no-color", "NO_COLOR"],
)
def test_no_colours_when_they_are_not_wanted(arguments: list[str], env: dict[str, str], work: CommandWorkspace) -> None:
    with screen() as terminal:
        code, shown = on_screen(work, terminal, "plan", *arguments, **env)
    assert code == 0
    assert 'user "ada.0@example.com" {' in shown
    assert [found for found in SGR.findall(shown) if found not in ("\x1b[0m", "\x1b[m")] == []


def test_no_colours_into_a_file_though_stderr_is_a_terminal(work: CommandWorkspace) -> None:
    file = work.root / "out"
    with screen() as terminal, file.open("wb") as out:
        code, _ = on_screen(work, terminal, "plan", *NOW, out=out.fileno())
    assert code == 0
    assert file.read_text() == work.run("plan", *NOW).out
    assert_harmless(file.read_text())


# --- progress ---------------------------------------------------------------------


def test_a_bar_on_a_terminal_for_a_long_read_and_nothing_of_it_elsewhere(
    open_command_workspace: OpenCommandWorkspace,
) -> None:
    live, people = sample_users(60)
    work = open_command_workspace(live, ServerFaults(page_cap=5, latency=0.03))
    work.users(people)
    with screen() as terminal:
        code, shown = on_screen(work, terminal, "plan")
    assert code == 0
    assert "Reading live users" in shown
    assert re.search(r"\d+/60", shown)
    assert "No changes." in shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h"), "the cursor comes back"
    piped = work.run("plan")
    assert "Reading" not in piped.out + piped.err
    assert_harmless(piped.out + piped.err)


# --- the question -----------------------------------------------------------------


def answered(work: CommandWorkspace, typed: str) -> tuple[int, str]:
    with screen() as terminal:
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.slave)
        process = work.start("apply", env={"TERM": "xterm"}, **streams)
        terminal.close_slave()
        terminal.read(until=b"Enter a value: ")
        assert work.service.writes == []
        terminal.type(typed)
        shown = terminal.read()
        return process.wait(30), shown


def test_yes_applies(work: CommandWorkspace) -> None:
    code, shown = answered(work, "yes\n")
    assert code == 0
    assert "Only 'yes' will be accepted to approve." in shown
    assert "Update complete [id=id-0]" in SGR.sub("", shown)
    assert "Apply complete!" in shown
    assert work.service.users["id-0"][ENTERPRISE]["department"] == "Moved"


@pytest.mark.parametrize("typed", ["y\n", "\x04"], ids=["y", "Ctrl-D"])
def test_anything_else_cancels(typed: str, work: CommandWorkspace) -> None:
    code, shown = answered(work, typed)
    assert code == 1
    assert "Apply cancelled." in shown
    assert "Traceback" not in shown
    assert work.service.writes == []


def test_ctrl_c_at_the_question_writes_nothing(work: CommandWorkspace) -> None:
    with screen() as terminal:
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), terminal.slave)
        process = work.start("apply", env={"TERM": "xterm"}, **streams)
        terminal.close_slave()
        terminal.read(until=b"Enter a value: ")
        time.sleep(0.5)  # Python sees a signal between the prompt and its read only at the next one
        interrupt(process)
        shown = terminal.read()
        assert process.wait(30) == 130
    assert "Interrupted." in shown
    assert "Traceback" not in shown
    assert work.service.writes == []


# --- a reader who has gone ----------------------------------------------------------


def unheard(work: CommandWorkspace, *arguments: str, stderr: int | None = None) -> CommandResult:
    """Run a command whose stdout is not read (nor stderr, with `subprocess.STDOUT`)."""
    reading, writing = os.pipe()
    os.close(reading)
    process = work.start(*arguments, stdout=writing, stderr=stderr or subprocess.PIPE)
    os.close(writing)
    return wait_for_exit(process)


def test_a_closed_stdout_is_no_traceback(work: CommandWorkspace) -> None:
    answer = unheard(work, "plan")
    assert answer.code == 1
    assert messages(answer.err) in (
        [],
        ["Save the plan with -o FILE to be sure that `apply` takes exactly these actions."],
    )


def test_an_apply_whose_reader_has_gone_is_recorded_to_its_end(work: CommandWorkspace) -> None:
    unheard(work, "apply", str(work.saved()), stderr=subprocess.STDOUT)
    lines = work.receipt()
    assert [line["event"] for line in lines] == ["apply_started", "started", "finished", "apply_finished"]
    assert lines[-1]["done"] == 1


CUT = "Error: the output cannot be written to its end: "


@pytest.mark.parametrize("unbuffered", ["1", ""], ids=["unbuffered", "buffered"])
@pytest.mark.parametrize(
    "arguments", [["plan"], ["plan", "--format", "json"], ["schema", "users"], ["--show-completion", "bash"]]
)
def test_an_output_that_reaches_the_limit_of_files_is_an_error(
    arguments: list[str], unbuffered: str, work: CommandWorkspace
) -> None:
    """Of what comes before the limit, a `write` of the system reports success."""
    # Measuring coverage writes files of its own, and Python would leave byte code that is cut at the limit.
    work.environment = {name: value for name, value in work.environment.items() if "COVERAGE" not in name}
    environment = {"PYTHONUNBUFFERED": unbuffered, "PYTHONDONTWRITEBYTECODE": "1"}

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))

    file = work.root / "out"
    with file.open("wb") as out:
        answer = work.command(*arguments, env=environment, stdout=out, preexec_fn=limit)
    assert answer.code == 1, answer.err
    assert f"{CUT}File too large (EFBIG)\n\n  Raise the limit of the size of files (`ulimit -f`)" in answer.err
    assert "Traceback" not in answer.err
    assert file.stat().st_size == 100


@pytest.mark.parametrize("unbuffered", ["1", ""], ids=["unbuffered", "buffered"])
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_pipe_that_does_not_block_gets_everything(form: str, unbuffered: str, work: CommandWorkspace) -> None:
    arguments = ("plan", "--format", form, *NOW)
    whole = work.command(*arguments)
    read_before = len(work.service.log)
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writing, b"." * 4000)
    os.set_blocking(writing, False)
    process = work.start(*arguments, env={"PYTHONUNBUFFERED": unbuffered}, stdout=writing)
    os.close(writing)
    wait_for(lambda: len(work.service.log) > read_before)
    time.sleep(0.5)  # the pipe is full when the plan is written
    with os.fdopen(reading, "rb") as pipe:
        shown = pipe.read()
    answer = wait_for_exit(process)
    assert (answer.code, shown.removeprefix(b"." * 4000).decode()) == (whole.code, whole.out)


@pytest.mark.parametrize("unbuffered", ["1", ""], ids=["unbuffered", "buffered"])
def test_notes_that_cannot_be_written_change_no_result(unbuffered: str, work: CommandWorkspace) -> None:
    arguments = ("plan", "-v", *NOW)
    with Path("/dev/full").open("wb") as full:
        answer = work.command(*arguments, env={"PYTHONUNBUFFERED": unbuffered}, stderr=full)
    assert (answer.code, answer.out) == (0, work.command(*arguments).out)


def test_ctrl_c_while_stderr_is_stuck_stops_what_has_not_begun(open_command_workspace: OpenCommandWorkspace) -> None:
    """stderr is not read: the process hangs in a write when Ctrl-C comes, not where it waits for requests."""
    live, people = sample_users(200, department="Moved")
    work = open_command_workspace(live, ServerFaults(latency=0.02))
    work.users(people)
    file = str(work.saved())
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    process = work.start("apply", file, stderr=writing)
    os.close(writing)
    wait_for(lambda: len(work.service.writes) > 80)
    interrupt(process)
    with os.fdopen(reading, "rb") as stuck:
        told = stuck.read().decode()
    answer = wait_for_exit(process)
    assert answer.code == 130, told[-2000:]
    assert len(work.service.writes) < 200
    assert work.receipt()[-1]["event"] == "apply_finished"


def test_every_document_is_one_json_value(work: CommandWorkspace) -> None:
    work.saved()
    work.run("apply", str(work.root / "plan.json"))
    for file in (work.root / "plan.json", *work.receipts()):
        shown = work.run("show", str(file), "--format", "json")
        assert (shown.code, shown.err) == (0, "")
        json.loads(shown.out)
