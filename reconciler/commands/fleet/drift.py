"""`fleet drift`: what was edited in the target of each tenant since applies left it as desired."""

from __future__ import annotations

from reconciler.commands.fleet.plan import FleetPlanOptions, plan_tenants
from reconciler.errors import ExitCode
from reconciler.session.terminal import Terminal


def run_fleet_drift(options: FleetPlanOptions, terminal: Terminal) -> ExitCode:
    """Find the drift of each tenant."""
    return plan_tenants("drift", options, terminal)
