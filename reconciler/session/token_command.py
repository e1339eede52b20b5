"""Run the command that prints the token of a tenant (RECONCILER_TOKEN_COMMAND), such as the client of a vault.

The command is run without a shell. What it prints is the token, so neither its output nor its errors are ever shown.
"""

from __future__ import annotations

import os
import select
import shlex
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress

from reconciler.core.system_limits import advise, describe_os_error
from reconciler.errors import TargetError
from reconciler.scim.bearer_token import LONGEST_TOKEN

COMMAND_VARIABLE = "RECONCILER_TOKEN_COMMAND"
SECONDS = 10.0
"""For the command and all that it starts, until its output is closed."""
_TENANT = "{tenant}"
_OWN_VARIABLES = "RECONCILER_"
_CHECK = "Run the command yourself to see why: its output and its errors are not shown here."
_ONE_LINE = "It has to print the token of the tenant on one line, and nothing else, to stdout."


def run_token_command(tenant: str, environment: Mapping[str, str], seconds: float = SECONDS) -> str:
    """Return the line that the command prints for a tenant, whose name was checked. Raises `TargetError`.

    `environment`: of this process. The command gets all of it but Reconciler's own variables, which have secrets.
    """
    command = _split_command(environment.get(COMMAND_VARIABLE, ""), tenant)
    own = {name: value for name, value in environment.items() if not name.startswith(_OWN_VARIABLES)}
    process = _start(command, own)
    try:
        output = _read_output(process, seconds)
    finally:
        _end(process)
    if isinstance(output, str):
        raise TargetError(f"{COMMAND_VARIABLE} was stopped: {output}", _CHECK)
    if process.returncode:
        status = process.returncode
        ended = f"exit status {status}" if status > 0 else f"signal {-status}"
        raise TargetError(f"{COMMAND_VARIABLE} failed: {ended}", _CHECK)
    return _decode_line(output)


def _split_command(text: str, tenant: str) -> list[str]:
    """Split into words, then name the tenant in them: a name never becomes several words."""
    try:
        words = shlex.split(text)
    except ValueError as exc:
        raise TargetError(f"{COMMAND_VARIABLE} cannot be split into words: {exc}", "Check its quotes.") from None
    if not words or not words[0]:
        raise TargetError(f"{COMMAND_VARIABLE} names no program", f"Set it to a command such as get-token {_TENANT}.")
    return [word.replace(_TENANT, tenant) for word in words]


def _start(command: Sequence[str], environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(  # noqa: S603 - no shell; the command is not from the desired state
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # it can hold the token
            bufsize=0,
            env=environment,
            process_group=0,  # so that all that it starts can be ended with it
        )
    except (OSError, ValueError) as exc:
        why = describe_os_error(exc) if isinstance(exc, OSError) else "it has characters that no command can have"
        advice = advise(exc, "Check the path of the program.") if isinstance(exc, OSError) else "Set it again."
        raise TargetError(f"cannot run {COMMAND_VARIABLE}: {why}", advice) from None


def _read_output(process: subprocess.Popen[bytes], seconds: float) -> bytes | str:
    """Return all that the command printed, once it has ended; or why it must be stopped."""
    deadline = time.monotonic() + seconds
    if process.stdout is None:  # pragma: no cover - it is a pipe
        return b""
    content = bytearray()
    handle = process.stdout.fileno()
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if not poll.poll(left * 1000):
            break
        piece = os.read(handle, LONGEST_TOKEN)
        content += piece
        if len(content) > LONGEST_TOKEN + len(b"\r\n"):
            return f"it printed more than {LONGEST_TOKEN // 1024} KiB"
        if not piece:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
                return bytes(content)
            break
    return f"it took longer than {seconds:g} seconds"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the command and what it started, unless it has ended by itself, and close its output."""
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _decode_line(output: bytes) -> str:
    """Return the one line of the output without its end."""
    line = output.removesuffix(b"\n").removesuffix(b"\r")
    if not line:
        raise TargetError(f"{COMMAND_VARIABLE} printed nothing", _ONE_LINE)
    if b"\n" in line or b"\r" in line:
        raise TargetError(f"{COMMAND_VARIABLE} printed more than one line", _ONE_LINE)
    return line.decode("utf-8", "replace")
