"""`fleet status`: which tenants need attention, from the records that are here. No network, no token."""

from __future__ import annotations

from pathlib import Path

from reconciler.errors import ExitCode
from reconciler.fleet.catalog import read_fleet
from reconciler.record.plan_file import json_text
from reconciler.render.fleet_status import build_status_document, is_healthy, render_fleet_status
from reconciler.render.formats import DATA, check_format
from reconciler.session.fleet.fleet_status import read_fleet_status
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import current_time


def run_fleet_status(root: Path, form: str, terminal: Terminal) -> ExitCode:
    """Print the status; 0 if no tenant needs attention, else 1."""
    check_format(form, DATA)
    now = current_time()
    statuses = list(read_fleet_status(read_fleet(root), now))
    if form == "json":
        terminal.result(json_text(build_status_document(statuses, now)) + "\n")
    else:
        terminal.result(render_fleet_status(statuses, now))
    return ExitCode.OK if all(is_healthy(each, now) for each in statuses) else ExitCode.ERROR
