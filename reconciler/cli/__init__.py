"""The command line: parse, call a command, print, exit code. Nothing else.

A command's module is imported when the command runs, so that `--help` stays quick.
"""

from __future__ import annotations

import contextlib
import gc
import io
import os
import signal
import sys
import threading
from typing import Annotated, Any

import typer

from reconciler import __version__
from reconciler.cli import github, provisioning, tools  # noqa: F401 - their commands
from reconciler.cli.apps import app
from reconciler.cli.options import build_terminal
from reconciler.errors import ExitCode, ReconcilerError

# Typer carries its own Click and does not export UsageError, the base of BadParameter.
_MistypedError: Any = typer.BadParameter.__mro__[1]
_STDERR = 2


def main() -> None:
    """The entry point; ends the process with an exit code of `ExitCode`."""
    _open_standard_streams()
    if threading.current_thread() is threading.main_thread():
        # A CI system that cancels a job sends SIGTERM: as Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A hundred thousand users live as long as the process: looking through them again and again finds nothing.
    gc.set_threshold(100_000, 50, 100)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Not every terminal can write every name.
            stream.reconfigure(errors="backslashreplace")
    try:
        code = app(standalone_mode=False)
        if isinstance(code, int) and code == ExitCode.INTERRUPTED and not isinstance(code, ExitCode):
            # Typer made this of a KeyboardInterrupt; a command would have said what is left.
            sys.stderr.write("Interrupted.\n")
    except _MistypedError as fault:
        # Click's own exit code for a mistyped command is 2, which here means "there are changes".
        _show_mistyped(fault)
        code = ExitCode.USAGE
    except typer.Exit as ended:
        code = ended.exit_code
    except (typer.Abort, KeyboardInterrupt):
        sys.stderr.write("Interrupted.\n")
        code = ExitCode.INTERRUPTED
    except ReconcilerError as fault:
        # The command's own terminal is out of reach here, its flags are not.
        no_color, redact = "--no-color" in sys.argv, "--redact" in sys.argv
        build_terminal(no_color=no_color, redact=redact, quiet=False, verbose=False).error(fault)
        code = fault.exit_code
    except OSError as fault:
        # A reader that has gone, a full disk, a name that no file can have.
        code = ExitCode.ERROR
        _say_last(fault)
    _leave(int(code or 0))


def _leave(code: int) -> None:
    """Ends the process. Threads that still wait for a service's answer to a read would keep it alive."""
    if code == ExitCode.INTERRUPTED and any(thread.name.startswith("read") for thread in threading.enumerate()):
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _open_standard_streams() -> None:
    """Cron jobs may come without: the first file opened would then be taken for one of them."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(handle)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def _show_mistyped(fault: Any) -> None:
    """In Click's form, with what was typed on one line."""
    from reconciler.core.text import escape_control  # noqa: PLC0415

    fault.message = escape_control(str(fault.message or ""))
    fault.show()


def _say_last(fault: OSError) -> None:
    """Says what the system refused, if anybody can still hear it, and keeps Python from failing once more at exit."""
    with contextlib.suppress(OSError):
        if not isinstance(fault, BrokenPipeError):
            where = f": {fault.filename!r:.200}" if fault.filename is not None else ""
            sys.stderr.write(f"Error: {fault.strerror or fault}{where}\n")
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"reconciler {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
