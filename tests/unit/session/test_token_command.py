from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path

import pytest

from reconciler.errors import TargetError
from reconciler.session.token_command import SECONDS, run_token_command

CANARY = "c4nary-Token-0f-acme"
PATH = {"PATH": "/usr/bin:/bin"}


def script(root: Path, text: str) -> str:
    path = root / "get token"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return f"'{path}' {{tenant}}"


def run(command: str, seconds: float = SECONDS, **variables: str) -> str:
    return run_token_command("acme", {**PATH, **variables, "RECONCILER_TOKEN_COMMAND": command}, seconds)


def refusal(command: str, seconds: float = SECONDS) -> str:
    with pytest.raises(TargetError) as raised:
        run(command, seconds)
    error = raised.value
    for text in (repr(error), error.detail, repr(error.__cause__), repr(error.__context__)):
        assert CANARY not in text
    return error.summary.replace("RECONCILER_TOKEN_COMMAND", "COMMAND")


@pytest.mark.parametrize("end", ["", r"\n", r"\r\n"])
def test_the_command_prints_the_token(tmp_path: Path, end: str) -> None:
    assert run(script(tmp_path, f"printf '{CANARY}-%s{end}' \"$1\"")) == f"{CANARY}-acme"


def test_the_name_of_the_tenant_is_put_into_words(tmp_path: Path) -> None:
    command = script(tmp_path, 'printf "%s|" "$#" "$@"')
    assert run(f"{command} 'a b={{tenant}} {{tenant}}' {{other}} $HOME ;") == "5|acme|a b=acme acme|{other}|$HOME|;|"


def test_the_command_gets_no_variable_of_reconciler(tmp_path: Path) -> None:
    found = script(tmp_path, "env | grep -c RECONCILER; exit 0")
    assert run(found, RECONCILER_TOKEN=CANARY, RECONCILER_SMTP_URL=CANARY) == "0"
    assert run(script(tmp_path, 'printf %s "$VAULT_TOKEN"'), VAULT_TOKEN="v") == "v"


def test_the_command_reads_nothing(tmp_path: Path) -> None:
    assert run(script(tmp_path, "cat; echo x")) == "x"


@pytest.mark.parametrize(
    ("text", "summary"),
    [
        (f"echo {CANARY}; echo {CANARY} >&2; exit 7", "COMMAND failed: exit status 7"),
        (f"echo {CANARY}; kill -9 $$", "COMMAND failed: signal 9"),
        ("", "COMMAND printed nothing"),
        ("echo", "COMMAND printed nothing"),
        (f"echo {CANARY}; echo {CANARY}", "COMMAND printed more than one line"),
        (f"printf '{CANARY}\\r{CANARY}'", "COMMAND printed more than one line"),
        (f"printf '{CANARY}\\n\\n'", "COMMAND printed more than one line"),
        (
            f"while :; do echo {CANARY}{CANARY}{CANARY}; done | head -c 100000000",
            "COMMAND was stopped: it printed more than 32 KiB",
        ),
    ],
)
def test_an_output_that_is_no_token_is_not_shown(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], text: str, summary: str
) -> None:
    assert refusal(script(tmp_path, text)) == summary
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    "command", ["", " ", "''", "'open", "/nowhere/get-token", f"/nowhere/{CANARY}", "/etc", "a\0b"]
)
def test_a_command_that_cannot_be_run(command: str) -> None:
    assert refusal(command).startswith(("COMMAND names no program", "COMMAND cannot be split", "cannot run COMMAND: "))


@pytest.mark.parametrize(
    "text",
    [
        "exec sleep 60",
        f"printf {CANARY}; sleep 60",
        f"exec >&-; printf {CANARY}; sleep 60",
        f"printf {CANARY}; sleep 60 & exit 0",
        f"trap '' TERM; printf {CANARY}; sleep 60; sleep 60",
    ],
)
def test_a_command_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, text: str) -> None:
    group = tmp_path / "group"
    began = time.monotonic()
    found = refusal(script(tmp_path, f"echo $$ > '{group}'\n{text}"), 0.5)
    assert found == "COMMAND was stopped: it took longer than 0.5 seconds"
    assert time.monotonic() - began < 30
    assert not is_alive(int(group.read_text()))


def is_alive(group: int) -> bool:
    """Whether a process of the group runs; those that were killed may not be reaped yet."""
    for _ in range(200):
        running = [stat_file for stat_file in Path("/proc").glob("[0-9]*/stat") if is_running(stat_file, group)]
        if not running:
            return False
        time.sleep(0.05)
    return True


def is_running(stat_file: Path, group: int) -> bool:
    with suppress(OSError):
        state, _, found = stat_file.read_text().rpartition(")")[2].split()[:3]
        return int(found) == group and state not in "ZX"
    return False


def test_the_command_is_given_ten_seconds_and_no_terminal() -> None:
    assert SECONDS == 10
    assert run("sh -c 'test -t 0 && echo terminal || echo none'") == "none"
    assert os.environ.get("RECONCILER_TOKEN_COMMAND") is None
