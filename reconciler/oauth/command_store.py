"""Keep the token document by a command, such as a script around a vault: `get` prints it, `put` reads it from stdin.

The command is run without a shell. No token is in its arguments or its environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from reconciler.core.system_limits import describe_os_error
from reconciler.core.text import escape_control, quote, shorten
from reconciler.oauth.command_errors import show_errors
from reconciler.oauth.file_store import MAX_STORED, TokenStoreError

DOCUMENT_VARIABLE = "RECONCILER_TOKEN_DOCUMENT"
"""The variable for commands that find the document in their environment, as a secret of a CI system."""
SECONDS = 60.0
_OWN_VARIABLES = "RECONCILER_"
_MAX_ERRORS = 16 * 1024
_SECONDS_TO_READ = 2.0
"""For both outputs together, after the command has ended: what it left running may hold them open."""
_STEP = 64 * 1024
_CHECK = "Run the command yourself to see why: its last argument is get or put."
_CHECK_HIDDEN = f"{_CHECK} Words that could\nbe tokens are hidden here."


class CommandStore:
    """A command with its arguments.

    `environment`: of this process. The command gets all of it but Reconciler's own variables, which have secrets.
    """

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], seconds: float = SECONDS) -> None:
        self._command = tuple(command)
        self._environment = {
            name: value
            for name, value in environment.items()
            if not name.startswith(_OWN_VARIABLES) or name == DOCUMENT_VARIABLE
        }
        self._seconds = seconds
        self.name = f"the token store (command {escape_control(shorten(self._command[0], 80))})"

    def read(self) -> bytes | None:
        """Return what the command prints for `get`; None if that is nothing. Raises `TokenStoreError`."""
        return self._run("get", b"").strip() or None

    def write(self, content: bytes) -> None:
        """Let the command store the content, by `put`. Raises `TokenStoreError`."""
        self._run("put", content)

    def find_lock(self) -> None:
        """Return that there is nothing to lock: where the document is, only the command knows."""

    def check_writable(self) -> None:
        """Do nothing: whether `put` works, only a document to put would show."""

    def _run(self, verb: str, content: bytes) -> bytes:
        process = self._start(verb)
        output, errors = (
            _OutputReader(process, process.stdout, MAX_STORED),
            _OutputReader(process, process.stderr, _MAX_ERRORS),
        )
        threading.Thread(target=_write, args=(process, content), daemon=True).start()
        problem = ""
        try:
            process.wait(self._seconds)
        except subprocess.TimeoutExpired:
            problem = f"it took longer than {self._seconds:g} seconds"
        finally:
            if process.returncode is None:
                _kill(process)
                process.wait()
        end = time.monotonic() + _SECONDS_TO_READ
        for reader in (output, errors):
            reader.join(max(0.0, end - time.monotonic()))
        if output.overflows:
            problem = f"it printed more than {MAX_STORED // 1024} KiB"
        elif errors.overflows:
            problem = f"it printed more than {_MAX_ERRORS // 1024} KiB of errors"
        if problem:
            raise TokenStoreError(f"{self.name} was stopped at {verb}: {problem}", _CHECK)
        if process.returncode:
            raise self._explain_failure(verb, process.returncode, bytes(errors.content))
        return bytes(output.content)

    def _explain_failure(self, verb: str, status: int, errors: bytes) -> TokenStoreError:
        ended = f"exit status {status}" if status > 0 else f"signal {-status}"
        # Names are no secrets. Of the command's words only files are: others may be what it signs in with.
        files = [word for word in self._command if Path(word).is_file()]
        known = {*self._environment, DOCUMENT_VARIABLE, *files, *(Path(file).name for file in files)}
        said = show_errors(errors.decode("utf-8", "replace"), known)
        if said:
            ended += f", {quote(shorten(said, 400))}"
        hint = _CHECK if errors.decode("utf-8", "replace").split() == said.split() else _CHECK_HIDDEN
        return TokenStoreError(f"{self.name} failed at {verb}: {ended}", hint)

    def _start(self, verb: str) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(  # noqa: S603 - no shell; the command is not from the desired state
                (*self._command, verb),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=self._environment,
                process_group=0,  # Ctrl-C must not stop it while it stores
            )
        except (OSError, ValueError) as exc:
            why = describe_os_error(exc) if isinstance(exc, OSError) else "it has characters that no command can have"
            raise TokenStoreError(f"cannot run {self.name}: {why}", "Check RECONCILER_TOKEN_STORE.") from exc


class _OutputReader(threading.Thread):
    """Reads what a process writes, at most `limit` bytes of its output; beyond that the process is killed."""

    def __init__(self, process: subprocess.Popen[bytes], pipe: IO[bytes] | None, limit: int) -> None:
        super().__init__(daemon=True)
        self._process = process
        self._pipe = pipe
        self._limit = limit
        self.content = bytearray()
        self.overflows = False
        self.start()

    def run(self) -> None:
        """Read to the end."""
        if self._pipe is None:
            return
        with self._pipe as pipe, suppress(OSError):
            while not self.overflows and (piece := os.read(pipe.fileno(), _STEP)):
                self.content += piece
                self.overflows = len(self.content) > self._limit
        if self.overflows:
            _kill(self._process)


def _write(process: subprocess.Popen[bytes], content: bytes) -> None:
    if process.stdin is not None:
        with suppress(OSError), process.stdin as pipe:  # a command may end without reading
            pipe.write(content)


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
