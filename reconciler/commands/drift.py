"""`drift`: what in the target is not as the desired state says, by a client that cannot write."""

from __future__ import annotations

from reconciler.commands.place import Place
from reconciler.commands.plan import PlanOptions, run_plan
from reconciler.errors import ExitCode
from reconciler.terminal import Terminal


def run_drift(place: Place, options: PlanOptions, terminal: Terminal) -> ExitCode:
    """A plan. Once everything merged has been applied, whatever is left to do has happened in the target."""
    return run_plan(place, options, terminal)
