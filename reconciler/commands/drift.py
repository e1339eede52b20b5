"""`drift`: what was edited in the target since applies left it as desired, apart from what is not applied yet.

A plan of all users by a client that cannot write, compared with what the applies on record were made from.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reconciler.desired.loader import DesiredState
from reconciler.errors import ExitCode
from reconciler.render.formats import OutputOptions
from reconciler.session.drift_baseline import load_drift_baseline
from reconciler.session.health import assess_health
from reconciler.session.live_plan import make_plan
from reconciler.session.notifications import notify
from reconciler.session.plan_report import PlanReport, report_plan
from reconciler.session.run_events import RunEvents
from reconciler.session.run_metrics import RunMetrics, measure
from reconciler.session.session import open_session
from reconciler.session.state_run import run_with_state
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace


@dataclass(frozen=True, slots=True)
class DriftOptions:
    """The command line of `drift`."""

    out: Path | None
    output: OutputOptions
    detailed_exitcode: bool
    metrics: Path | None = None


def run_drift(
    workspace: Workspace, options: DriftOptions, terminal: Terminal, metrics: RunMetrics | None = None
) -> ExitCode:
    """Plan, attribute every change, print, save; `metrics` get what is found."""
    options.output.check()
    found, events = metrics or RunMetrics("drift"), RunEvents("drift")

    def find_drift() -> ExitCode:
        return _find_drift(workspace, options, found, events, terminal)

    return measure(options.metrics, found, workspace, terminal, lambda: notify(events, workspace, terminal, find_drift))


def _find_drift(
    workspace: Workspace, options: DriftOptions, metrics: RunMetrics, events: RunEvents, terminal: Terminal
) -> ExitCode:
    def find(state: DesiredState) -> ExitCode:
        with open_session(workspace, state, terminal) as session:
            plan = make_plan(session, (), terminal, load_drift_baseline(session))
            events.planned(plan)
            health = assess_health(session, plan)
        report = PlanReport(workspace, options.output, options.out, options.detailed_exitcode, metrics=metrics)
        return report_plan(plan, state.profile, health, report, terminal)

    return run_with_state(workspace, terminal, find)
