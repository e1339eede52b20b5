"""`status`: how the last applies went, from their receipts. No network, no token."""

from __future__ import annotations

import shlex
from pathlib import Path

from reconciler.core.text import escape_control
from reconciler.errors import ExitCode
from reconciler.record.plan_file import json_text
from reconciler.render.formats import DATA, check_format
from reconciler.render.status import render_status
from reconciler.render.status_document import status_document
from reconciler.session.audit_record import open_full_record
from reconciler.session.run_metrics import RunMetrics, measure
from reconciler.session.target_status import add_provisioning, read_status
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings, resolve_target


def run_status(workspace: Workspace, form: str, terminal: Terminal, metrics: Path | None = None) -> ExitCode:
    """Print the status; 0 if the target is healthy, 1 if not, or if no apply is on record."""
    check_format(form, DATA)
    return measure(metrics, RunMetrics("status"), workspace, terminal, lambda: _show_status(workspace, form, terminal))


def _show_status(workspace: Workspace, form: str, terminal: Terminal) -> ExitCode:
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    with open_full_record(workspace, settings.record.branch, terminal, plans=False) as whole:
        status = add_provisioning(read_status(whole, resolve_target(workspace, settings)), workspace, settings)
    if form == "json":
        terminal.result(json_text(status_document(status, terminal.style)) + "\n")
    else:
        terminal.result(render_status(status, terminal.style))
    if not status.known:
        _note_next_step(workspace, terminal)
    return ExitCode.OK if status.healthy else ExitCode.ERROR


def _note_next_step(workspace: Workspace, terminal: Terminal) -> None:
    steps = [escape_control(shlex.join(["reconciler", verb, *workspace.flags()])) for verb in ("plan", "apply")]
    where = escape_control(str(workspace.record))
    listed = "\n".join(f"    {step}" for step in steps)
    terminal.note(f"No apply to this target is on record in {where}. See what would change, and apply it:\n{listed}")
