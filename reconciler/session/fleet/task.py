"""What one process does for one tenant: sent to the process, or kept in a queue. No token and no user is in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.fleet.result import TenantResult, to_json
from reconciler.record.files import write_private

PLAN, RESULT, OUTPUT = "plan.json", "result.json", "output.txt"
"""The files of a tenant in the directory of a run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantTask:
    """One verb for one tenant.

    `state`: its folder; `out`: the directory that receives its files. `commit` and `run` are those of the results.
    `now`: as `--now`. `reviewed`: the saved plan that an apply takes, `plan_id`: the one it must have.
    `requests_per_second`: of this host at one address, all tenants together.
    """

    tenant: str
    verb: str
    state: str
    out: str
    commit: str
    run: str
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
    requests_per_second: float | None = None

    @property
    def folder(self) -> Path:
        """The directory that receives the tenant's files."""
        return Path(self.out)


def build_failure(task: TenantTask, exit_code: int, error: str) -> TenantResult:
    """Return the result of a task that left none, or none that counts."""
    return TenantResult(task.tenant, task.verb, task.commit, task.run, exit_code, error=error)


def save_result(task: TenantTask, result: TenantResult) -> None:
    """Write result.json. Raises `PlanFileError`."""
    write_private(task.folder / RESULT, to_json(result))
