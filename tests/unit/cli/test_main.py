"""What `main` makes of a command's end: an exit code, and an error on stderr."""

from __future__ import annotations

import ast
import errno
from pathlib import Path
from typing import Any

import pytest
from support.workspace import run

from reconciler import __version__, cli
from reconciler.errors import ReconcilerError, StalePlanError

FREE_SPACE = "Free some space there, then run the same command again: nothing is done twice."

MORE_MEMORY = (
    "Close other programs, or raise the limit of memory (`ulimit -v`), then run the same command again: nothing is\n"
    "  done twice."
)
MORE_THREADS = (
    "Close other programs, or raise the limits of processes (`ulimit -u`) and memory (`ulimit -v`), then run the same\n"
    "  command again: nothing is done twice."
)


def failing(exception: BaseException) -> Any:
    def app(*, standalone_mode: bool) -> int:
        assert not standalone_mode
        raise exception

    return app


@pytest.mark.parametrize(
    ("exception", "code", "shown"),
    [
        (ReconcilerError("it broke", "Fix it."), 1, "Error: it broke\n\n  Fix it.\n"),
        (StalePlanError("the plan is stale"), 4, "Error: the plan is stale\n"),
        (KeyboardInterrupt(), 130, "Interrupted.\n"),
        (
            OSError(errno.ENOSPC, "No space left on device", "plan.json"),
            1,
            f"Error: No space left on device (ENOSPC): 'plan.json'\n\n  {FREE_SPACE}\n",
        ),
        (MemoryError(), 1, f"Error: this machine, or this process, has run out of memory\n\n  {MORE_MEMORY}\n"),
        (
            RuntimeError("can't start new thread"),
            1,
            f"Error: this machine, or this process, cannot start a thread\n\n  {MORE_THREADS}\n",
        ),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 1, ""),
    ],
)
def test_an_exception_becomes_an_exit_code_and_a_message(
    exception: BaseException, code: int, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "app", failing(exception))
    outcome = run(["reconciler", "plan"])
    assert (outcome.code, outcome.out, outcome.err) == (code, "", shown)


def test_an_error_of_the_program_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "app", failing(RuntimeError("a bug")))
    with pytest.raises(RuntimeError, match="a bug"):
        run(["reconciler", "plan"])


def test_the_error_is_redacted_if_the_command_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "app", failing(ReconcilerError('no user "ada"')))
    assert run(["reconciler", "plan", "--redact"]).err == "Error: no user (hidden)\n"


def test_a_usage_error_is_64_on_one_line() -> None:
    outcome = run(["reconciler", "plan", "--no-such\noption"])
    assert outcome.code == 64
    assert outcome.err.splitlines()[-1].startswith("Error: No such option: --no-such")


def test_the_version() -> None:
    assert run(["reconciler", "--version"]).out == f"reconciler {__version__}\n"


def test_imports_stand_at_the_top() -> None:
    """The one exception is the loader of `lazy`, which imports by name."""
    for file in Path(cli.__file__).parent.glob("*.py"):
        functions = [node for node in ast.walk(ast.parse(file.read_text("utf-8"))) if isinstance(node, ast.FunctionDef)]
        inside = [node for function in functions for node in ast.walk(function)]
        assert not [node for node in inside if isinstance(node, ast.Import | ast.ImportFrom)], file.name
