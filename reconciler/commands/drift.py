"""`drift`: what changed in the target since applies left it as desired, told from what is not applied yet.

By a client that cannot write. It is a plan of everybody, compared with what applies on record were made of.
"""

from __future__ import annotations

from reconciler.commands.plan import PlanOptions, plan_and_tell
from reconciler.errors import ExitCode
from reconciler.session.drift_baseline import load_drift_baseline
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, load_state


def run_drift(workspace: Workspace, options: PlanOptions, terminal: Terminal) -> ExitCode:
    """Plans, tells apart, prints, saves."""
    options.output.check()
    state = load_state(workspace, terminal)
    if state is None:
        return ExitCode.ERROR
    return plan_and_tell(workspace, state, options, terminal, load_drift_baseline)
