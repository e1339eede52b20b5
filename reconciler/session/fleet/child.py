"""The process of one tenant: what it starts from, and how its task ends."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import NoReturn

from reconciler.core.system_limits import describe_os_error, explain_exhaustion
from reconciler.errors import ExitCode, MachineLimitError, ReconcilerError
from reconciler.fleet.exit_codes import GOOD
from reconciler.fleet.result import TenantResult
from reconciler.record.layout import OUTPUT
from reconciler.session.fleet.bounded_output import BoundedOutput, open_output
from reconciler.session.fleet.task import TenantTask, build_failure, save_result
from reconciler.session.fleet.tenant_terminal import TenantTerminal
from reconciler.session.fleet.tokens import find_token_check
from reconciler.session.rate_cap import hand_down_rate

RunTask = Callable[[TenantTask, TenantTerminal], TenantResult]
"""Carries out a task; raises as the commands do."""
_STDOUT, _STDERR = 1, 2
_UNEXPECTED = "an unexpected error, which output.txt describes"


def run_child(task: TenantTask, run: RunTask, unblock: Callable[[], object]) -> NoReturn:
    """Carry out the task, leave its result, end the process with its exit code. `unblock`: lets signals come."""
    code: int = ExitCode.ERROR
    try:
        _redirect_output(task)
        result = _run(task, run, unblock)
        code = result.exit_code
        save_result(task, result)
    except (ReconcilerError, OSError) as exc:  # no space for the result: the parent process says that there is none
        with suppress(OSError):
            sys.stderr.write(f"Error: {exc}\n")
        code = ExitCode.ERROR
    finally:
        os._exit(code)


def _redirect_output(task: TenantTask) -> None:
    handle = open_output(task.folder / OUTPUT)
    for stream in (_STDOUT, _STDERR):  # the words of an interrupted apply are written past Python's streams
        os.dup2(handle, stream)
    os.close(handle)
    output = BoundedOutput(_STDOUT)
    sys.stdout = sys.stderr = output


def _run(task: TenantTask, run: RunTask, unblock: Callable[[], object]) -> TenantResult:
    """Return the result, with every error reported."""
    began = time.monotonic()
    terminal = TenantTerminal(redact=task.redact)
    try:
        unblock()
        os.environ.update(hand_down_rate(task.requests_per_second))
        result = run(task, terminal)
    except KeyboardInterrupt:
        result = build_failure(task, ExitCode.INTERRUPTED, "interrupted")
    except Exception as exc:  # noqa: BLE001 - one tenant's bug is no other tenant's
        result = _report(task, exc, terminal)
    if result.exit_code not in GOOD and not result.error:
        result = replace(result, error=terminal.first_error)
    return replace(result, seconds=round(time.monotonic() - began, 3), token_check=find_token_check())


def _report(task: TenantTask, exc: Exception, terminal: TenantTerminal) -> TenantResult:
    error = _to_error(exc)
    if error is None:
        traceback.print_exc()
        return build_failure(task, ExitCode.ERROR, _UNEXPECTED)
    terminal.error(error)
    return build_failure(task, error.exit_code, terminal.first_error)


def _to_error(exc: Exception) -> ReconcilerError | None:
    """Return the error to report; None if it is one of the program."""
    if isinstance(exc, ReconcilerError):
        return exc
    if isinstance(exc, OSError):
        return ReconcilerError(describe_os_error(exc))
    explained = explain_exhaustion(exc)
    return MachineLimitError(*explained) if explained is not None else None
