"""`github action`: the step of the action (action.yml), which runs one command and sets the outputs."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

from reconciler.commands.github.outputs import list_facts
from reconciler.core.text import escape_control
from reconciler.errors import UsageError
from reconciler.github.action_inputs import PLANNING, VARIABLES, ActionRun, read_action_inputs
from reconciler.session.github_step import Facts, print_outputs
from reconciler.session.saved_plan import read_saved_plan
from reconciler.session.terminal import Terminal

_OURS = frozenset({*VARIABLES.values(), "GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH"})
"""Variables that the command does not get: it sets nothing for later steps."""
_TIMED_OUT = 124
"""As `timeout` of coreutils."""


def run_action(environment: Mapping[str, str], program: Sequence[str], terminal: Terminal) -> int:
    """Run the command that the inputs name, set the outputs, and return the exit code of the step.

    `program`: how this program is started. Raises `UsageError` for inputs that are not as documented.
    """
    run = read_action_inputs(environment)
    out = Path(run.out) if run.out else None
    if out is not None and (out.exists() or out.is_symlink()):
        raise UsageError(
            f"the file {escape_control(run.out)} exists already",
            "Save to another file: its plan could pass for a new one.",
        )
    given = {name: value for name, value in environment.items() if name not in _OURS}
    code = _run_command([*program, *run.arguments], given, run)
    facts: Facts = {"exit-code": code}
    if run.command in PLANNING and out is not None and out.exists():
        facts = {**facts, "plan-file": run.out, **list_facts(read_saved_plan(out))}
    print_outputs(facts, terminal)
    return 0 if code in run.accepted else code


def _run_command(line: Sequence[str], environment: Mapping[str, str], run: ActionRun) -> int:
    """Return the exit code of the command; 128 and the signal's number, if one has ended it."""
    kept = subprocess.PIPE if run.log else None
    joined = subprocess.STDOUT if run.log else None
    with (
        # In a group of its own: it gets each signal once, from here.
        subprocess.Popen(line, env=environment, stdout=kept, stderr=joined, process_group=0) as process,  # noqa: S603 - no shell, and a command of this program
        _forward_signals(process),
        _end_after(process, run.timeout) as ended,
    ):
        if process.stdout is not None:
            with Path(run.log).open("wb") as log:
                for part in process.stdout:
                    log.write(part)
                    sys.stdout.buffer.write(part)
                    sys.stdout.buffer.flush()
        code = process.wait()
    if ended:
        return _TIMED_OUT
    return code if code >= 0 else 128 - code


@contextmanager
def _forward_signals(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Pass on what asks this process to end: the command ends in order, and this process after it."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, lambda got, _: process.send_signal(got)) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _end_after(process: subprocess.Popen[bytes], seconds: int | None) -> Iterator[list[bool]]:
    """Ask the process to end after a time. The list is not empty if that has happened."""
    ended: list[bool] = []

    def end() -> None:
        ended.append(True)
        process.terminate()

    timer = Timer(seconds, end) if seconds is not None else None
    if timer is not None:
        timer.start()
    try:
        yield ended
    finally:
        if timer is not None:
            timer.cancel()
