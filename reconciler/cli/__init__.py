"""The command line: parse, call a command, print, exit code. Nothing else.

A command's module is imported when the command runs (`lazy`), so that `--help` stays quick.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Annotated, Any

import typer

from reconciler import __version__
from reconciler.cli import (  # noqa: F401 - they register their commands
    editing,
    fleet,
    fleet_queue,
    github,
    github_fleet,
    imports,
    lazy,
    provisioning,
    tools,
)
from reconciler.cli.apps import app, find_command
from reconciler.cli.completion import InstallCompletion, ShowCompletion, prepare_completion
from reconciler.cli.options import CommonOptions
from reconciler.cli.standard_streams import secure_standard_streams
from reconciler.core.cut_byte_code import explain_cut_byte_code
from reconciler.core.system_limits import advise, describe_os_error, explain_exhaustion
from reconciler.core.text import escape_control
from reconciler.errors import ExitCode, MachineLimitError, ReconcilerError
from reconciler.tracing import Span, trace_phase

# Typer carries its own Click and does not export UsageError, the base of BadParameter.
_CommandLineError: Any = typer.BadParameter.__mro__[1]
_STDERR = 2


def main() -> None:
    """Run the command line and end the process with an exit code of `ExitCode`."""
    _open_standard_streams()
    secure_standard_streams()
    _configure_process()
    prepare_completion()
    with _trace() as span:
        code = _run()
        span.set({"process.exit.code": int(code)})
    _exit(code)


def _trace() -> AbstractContextManager[Span]:
    """Trace this command if the environment names where traces go."""
    if any(name.startswith("OTEL_EXPORTER_OTLP") for name in os.environ) and lazy.is_wanted():
        return lazy.trace_command(find_command(sys.argv[1:]), _warn)
    return trace_phase("")


def _warn(text: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"Warning: {text}\n")


def _run() -> int:
    """Run the command; return its exit code, with every error reported."""
    try:
        code = app(standalone_mode=False)
    except _CommandLineError as exc:
        # Click's own exit code is 2, which here means "there are changes".
        _show_usage_error(exc)
        return ExitCode.USAGE
    except typer.Exit as exc:
        return exc.exit_code
    except (typer.Abort, KeyboardInterrupt) as exc:
        return _report_abort(exc)
    except (ReconcilerError, MemoryError, RuntimeError) as exc:
        return _report(_to_error(exc))
    except OSError as exc:
        # A closed pipe, a full disk, a name that no file can have.
        _report_os_error(exc)
        return ExitCode.ERROR
    if isinstance(code, int) and code == ExitCode.INTERRUPTED and not isinstance(code, ExitCode):
        # Typer made this of a KeyboardInterrupt; a command would have reported what is left.
        sys.stderr.write("Interrupted.\n")
    return int(code or 0)


def _report_abort(exc: BaseException) -> int:
    """Report an interrupt, or an `EOFError` that Typer turned into one: prompts handle the end of input themselves."""
    if isinstance(exc.__cause__, EOFError):
        return _report(_to_error(exc.__cause__))
    sys.stderr.write("Interrupted.\n")
    return ExitCode.INTERRUPTED


def _to_error(exc: Exception) -> ReconcilerError:
    """Return the error to report; raise `exc` if it is one of the program."""
    if isinstance(exc, ReconcilerError):
        return exc
    explained = explain_cut_byte_code(exc) if isinstance(exc, EOFError) else explain_exhaustion(exc)
    if explained is None:
        raise exc
    return MachineLimitError(*explained)


def _report(exc: ReconcilerError) -> int:
    """Report an error; return its exit code. The command's own terminal is out of reach, its flags are not."""
    flags = CommonOptions(no_color="--no-color" in sys.argv, redact="--redact" in sys.argv)
    flags.terminal().error(exc)
    return exc.exit_code


def _configure_process() -> None:
    if threading.current_thread() is threading.main_thread():
        # A CI system that cancels a job sends SIGTERM: as Ctrl-C.
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A hundred thousand users live as long as the process: looking through them again and again finds nothing.
    gc.set_threshold(100_000, 50, 100)
    # httpx imports its own command line, with Click, Rich and Pygments, if it can: 30 ms for what is never called.
    sys.modules.setdefault("httpx._main", ModuleType("httpx._main"))


def _exit(code: int) -> None:
    """End the process. Threads that still wait for a service's answer to a read would keep it alive."""
    if code == ExitCode.INTERRUPTED and any(thread.name.startswith("read") for thread in threading.enumerate()):
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def _open_standard_streams() -> None:
    """Open missing standard streams: a cron job may have none, and the first file opened would become one."""
    while (handle := os.open(os.devnull, os.O_RDWR)) <= _STDERR:
        pass
    os.close(handle)
    sys.stdin = sys.stdin or open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - as long as the process
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123


def _show_usage_error(exc: Any) -> None:
    """Show the error as Click does, with the user's input on one line; for a missing command, show the help."""
    # Click's error for a missing command has the help as its message. Typer does not export it either.
    if type(exc).__name__ != "NoArgsIsHelpError":
        exc.message = escape_control(_hide_private(str(exc.message or "")))
    exc.show()


def _hide_private(text: str) -> str:
    """Hide the private arguments of the command line in a message if --redact is set."""
    if "--redact" not in sys.argv:
        return text
    words = [word.rpartition("=")[2] for word in sys.argv[2:] if not word.startswith("-") or "=" in word]
    return lazy.hide_words(text, [word for word in words if word])


def _report_os_error(exc: OSError) -> None:
    """Report what the system refused, and keep Python from failing again at exit if stdout is gone."""
    with contextlib.suppress(OSError):
        if not isinstance(exc, BrokenPipeError):
            where = f": {exc.filename!r:.200}" if exc.filename is not None else ""
            sys.stderr.write(f"Error: {_hide_private(f'{describe_os_error(exc)}{where}')}\n")
            sys.stderr.write(f"\n  {step}\n" if (step := advise(exc, "")) else "")
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        return
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"reconciler {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
    *,
    install_completion: InstallCompletion = False,
    show_completion: ShowCompletion = False,
) -> None:
    pass


@app.command()
def version(
    *,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Also print Python, the system and the installed extras.")
    ] = False,
) -> int:
    """Print the version, as `--version` does. With `--verbose`: what a bug report needs."""
    sys.stdout.write(lazy.render_version(verbose=verbose))
    return ExitCode.OK
