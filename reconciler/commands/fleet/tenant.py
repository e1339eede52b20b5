"""One verb for one tenant, in the process of the tenant: `plan`, `apply` or `drift` as they are, and a result."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from reconciler.commands.apply import ApplyOptions, run_apply
from reconciler.commands.drift import DriftOptions, run_drift
from reconciler.commands.plan import PlanOptions, run_plan
from reconciler.core.plan import Plan
from reconciler.core.provisioning import SWITCH_ON, Provisioning
from reconciler.errors import ExitCode
from reconciler.fleet.exit_codes import GOOD
from reconciler.fleet.result import TenantResult
from reconciler.record.files import read_file
from reconciler.record.layout import PLAN, RECEIPT
from reconciler.record.receipt import directory_for
from reconciler.render.formats import OutputOptions
from reconciler.session.apply_findings import ApplyFindings
from reconciler.session.fleet.task import TenantTask
from reconciler.session.fleet.tenant_metrics import TenantMetrics
from reconciler.session.fleet.tenant_terminal import TenantTerminal
from reconciler.session.provisioning_switch import read_provisioning_of_newest
from reconciler.session.saved_plan import read_live_plan
from reconciler.session.workspace import Workspace, parse_now

_TEXT = OutputOptions()
_Run = Callable[[Workspace, TenantTask, TenantMetrics, TenantTerminal], ExitCode]


def run_task(task: TenantTask, terminal: TenantTerminal) -> TenantResult:
    """Carry out the task. Raises as the command of its verb does."""
    folder = Path(task.state)
    workspace = Workspace(folder, folder / "plans", task.sandbox, parse_now(task.now), no_cache=task.no_cache)
    metrics = TenantMetrics(task.verb)
    code = _VERBS[task.verb](workspace, task, metrics, terminal)
    plan = metrics.plan
    return TenantResult(
        tenant=task.tenant,
        verb=task.verb,
        commit=task.commit,
        run=task.run,
        exit_code=code,
        plan_id=plan.plan_id if plan is not None else None,
        receipt=_find_receipt(workspace, task, metrics),
        counts=metrics.counts,
        error=_name_guards(plan) if code == ExitCode.BLOCKED and plan is not None else "",
        sandbox=task.sandbox,
        began=task.began,
        held=code in GOOD and metrics.is_held,
    )


def _name_guards(plan: Plan) -> str:
    """Return which guards block the plan, without their messages: those can name users."""
    names = list(dict.fromkeys(guard.name for guard in plan.guards if guard.blocks))
    if len(names) == 1:
        return f"the guard {names[0]} blocks it"
    return f"the guards {', '.join(names)} block it" if names else ""


def _plan(workspace: Workspace, task: TenantTask, metrics: TenantMetrics, terminal: TenantTerminal) -> ExitCode:
    options = PlanOptions(out=task.folder / PLAN, output=_TEXT, users=(), detailed_exitcode=task.detailed_exitcode)
    return run_plan(workspace, options, terminal, metrics)


def _drift(workspace: Workspace, task: TenantTask, metrics: TenantMetrics, terminal: TenantTerminal) -> ExitCode:
    options = DriftOptions(task.folder / PLAN, _TEXT, task.detailed_exitcode)
    return run_drift(workspace, options, terminal, metrics)


def _apply(workspace: Workspace, task: TenantTask, metrics: TenantMetrics, terminal: TenantTerminal) -> ExitCode:
    if task.newest is not None and task.newest != task.commit:
        unreadable = (
            f"the settings of this tenant cannot be read in commit {task.newest[:12]}, the newest one of the branch"
        )
        newest = read_provisioning_of_newest(workspace.state, task.newest, unreadable)
        if not newest.enabled:
            return _show_without_applying(workspace, newest, metrics, terminal)
    options = ApplyOptions(
        file=Path(task.reviewed) if task.reviewed is not None else None,
        # The user who started the run was asked, or gave the plans that were reviewed.
        auto_approve=task.reviewed is None,
        approve=None,
        users=(),
        summary=False,
        strict=task.strict,
        retry_failed=task.retry_failed,
        lock_timeout=task.lock_timeout,
        reviewed=task.plan_id,
    )
    return run_apply(workspace, options, terminal, ApplyFindings(metrics))


def _show_without_applying(
    workspace: Workspace, newest: Provisioning, metrics: TenantMetrics, terminal: TenantTerminal
) -> ExitCode:
    """Plan by a client that cannot write, and say why nothing is applied; OK even if the plan is blocked."""
    options = PlanOptions(out=None, output=_TEXT, users=(), detailed_exitcode=False)
    code = run_plan(workspace, options, terminal, metrics)
    why = terminal.style.message(f"Provisioning is {newest}, by the newest commit of the branch")
    terminal.result(f"\nApply sent nothing. {why}.\n{SWITCH_ON}")
    return ExitCode.OK if code == ExitCode.BLOCKED else code


_VERBS: dict[str, _Run] = {"plan": _plan, "apply": _apply, "drift": _drift}


def _find_receipt(workspace: Workspace, task: TenantTask, metrics: TenantMetrics) -> str | None:
    """Return the digest of the receipt of this apply; None if it wrote none."""
    if task.verb != "apply" or metrics.plan is None:
        return None
    plan = read_live_plan(Path(task.reviewed)) if task.reviewed is not None else metrics.plan
    file = directory_for(workspace.record, plan) / RECEIPT
    if not file.is_file():
        return None
    return f"sha256:{hashlib.sha256(read_file(file)).hexdigest()}"
