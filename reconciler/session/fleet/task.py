"""What one process does for one tenant: sent to the process, or kept in a queue. No token and no user is in it."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from reconciler.core.system_limits import describe_os_error
from reconciler.core.text import escape_control, quote, shorten
from reconciler.errors import FleetError, PlanFileError
from reconciler.fleet.result import TenantResult, to_json
from reconciler.record.files import write_private
from reconciler.record.layout import PLAN, RESULT


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantTask:
    """One verb for one tenant.

    `state`: its folder; `out`: the directory that receives its files. `commit` and `run` are those of the results.
    `began`: when the command began, in seconds since 1970. `now`: as `--now`. `reviewed`: the saved plan that an apply
    takes, `plan_id`: the one it must have. `newest`: the commit of which provisioning counts, too, before an
    apply writes. `requests_per_second`: of this host at one address, all tenants together.
    """

    tenant: str
    verb: str
    state: str
    out: str
    commit: str
    run: str
    began: int = 0
    now: str | None = None
    sandbox: bool = False
    no_cache: bool = False
    redact: bool = False
    detailed_exitcode: bool = False
    reviewed: str | None = None
    plan_id: str | None = None
    strict: bool = False
    retry_failed: bool = False
    lock_timeout: float = 0.0
    newest: str | None = None
    requests_per_second: float | None = None

    @property
    def folder(self) -> Path:
        """The directory that receives the tenant's files."""
        return Path(self.out)


def build_failure(task: TenantTask, exit_code: int, error: str) -> TenantResult:
    """Return the result of a task that left none, or none that counts."""
    return TenantResult(
        task.tenant,
        task.verb,
        task.commit,
        task.run,
        exit_code,
        error=error,
        sandbox=task.sandbox,
        began=task.began,
    )


def clear_results(tasks: Iterable[TenantTask]) -> None:
    """Remove what an earlier run left of all these tenants, before the first of them begins.

    Outside of a CI system a result is tied to a run by its commit alone: if this run is killed, what it had not begun
    must be missing. Raises `FleetError`, also for a folder that is a link: files of another place are not written.
    """
    for task in tasks:
        if task.folder.is_symlink():
            raise FleetError(f"{quote(task.out)} is a link", "Remove it, or choose another directory with -o.")
        try:
            clear_result(task)
        except OSError as exc:
            summary = f"what an earlier run left of {quote(task.tenant)} cannot be removed: {describe_os_error(exc)}"
            raise FleetError(summary, f"Remove {quote(task.out)}, or choose another directory with -o.") from exc


def clear_result(task: TenantTask) -> None:
    """Remove what an earlier run left of a tenant; an apply leaves the plan, which can be the reviewed one."""
    for name in (RESULT, PLAN) if task.verb != "apply" else (RESULT,):
        with suppress(FileNotFoundError, NotADirectoryError):
            (task.folder / name).unlink()


def save_result(task: TenantTask, result: TenantResult) -> None:
    """Write result.json. Raises `PlanFileError`."""
    write_private(task.folder / RESULT, to_json(result))


def keep_result(task: TenantTask, result: TenantResult) -> TenantResult:
    """Write result.json if it can be; return the result, whose error says so if not."""
    try:
        save_result(task, result)
    except PlanFileError as exc:
        cause = exc.__cause__
        why = describe_os_error(cause) if isinstance(cause, OSError) else exc.summary
        problem = f"result.json cannot be written: {shorten(escape_control(why), 100)}"
        return replace(result, error=f"{result.error}; {problem}".removeprefix("; "))
    return result
