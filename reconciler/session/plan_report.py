"""What `plan` and `drift` do with a plan: print it, save it, and name the next step."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.apply.quarantine import Health, select_probe
from reconciler.apply.selection import defer
from reconciler.core.plan import Plan
from reconciler.core.profile import TargetProfile
from reconciler.errors import ExitCode
from reconciler.record.files import write_private_pieces
from reconciler.record.plan_file import list_json
from reconciler.render.formats import OutputOptions, render_plan
from reconciler.session.health import report_health
from reconciler.session.run_metrics import RunMetrics
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, current_time


@dataclass(frozen=True, slots=True)
class PlanReport:
    """How a plan is reported. `out`: the file it is saved to; `narrowed`: it is limited to some users."""

    workspace: Workspace
    output: OutputOptions
    out: Path | None = None
    detailed_exitcode: bool = False
    narrowed: bool = False
    metrics: RunMetrics = field(default_factory=lambda: RunMetrics("plan"))


def report_plan(plan: Plan, profile: TargetProfile, health: Health, report: PlanReport, terminal: Terminal) -> ExitCode:
    """Print the plan, note its metrics and save it; return the exit code of `plan`."""
    report.metrics.planned(plan)
    terminal.result(render_plan(plan, profile, report.output, terminal.style))
    deferred = [] if report.narrowed else defer(plan, health, current_time())
    if plan.changes:
        probe = select_probe(plan.changes, health.failed_before)
        report_health(health, len(deferred), len(probe), terminal)
    if report.out is not None:
        write_private_pieces(report.out, map(str.encode, list_json(plan)))
        terminal.note(_describe_saved_plan(report.out, plan, report.workspace))
    elif plan.applyable and report.output.format == "text":
        terminal.note("Save the plan with -o FILE to be sure that `apply` takes exactly these actions.")
    return plan_exit_code(plan, detailed=report.detailed_exitcode)


def plan_exit_code(plan: Plan, *, detailed: bool) -> ExitCode:
    """Return the exit code of a plan: blocked before partial before changes, the most urgent first."""
    if plan.blocked:
        return ExitCode.BLOCKED
    if plan.tally.failed:
        return ExitCode.PARTIAL
    return ExitCode.CHANGES if detailed and plan.changes else ExitCode.OK


def _describe_saved_plan(file: Path, plan: Plan, workspace: Workspace) -> str:
    saved = f"Saved the plan to: {file} (it expires on {plan.expires_at:%Y-%m-%d})"
    if plan.blocked or not plan.changes:
        return saved
    if not plan.provisioning.enabled:
        return f"{saved}\nIt cannot be applied: provisioning is off."
    command = shlex.join(["reconciler", "apply", *workspace.flags(), str(file)])
    return f"{saved}\n\nTo perform exactly these actions, run the following command to apply:\n    {command}"
