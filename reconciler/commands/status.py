"""`status`: how the last applies went, from their receipts. No network, no token."""

from __future__ import annotations

import shlex

from reconciler.apply.quarantine import Health, QuarantineState, assess
from reconciler.core.model import Target
from reconciler.core.text import escape_control
from reconciler.errors import ExitCode
from reconciler.record.lock import describe_holder
from reconciler.record.plan_file import json_text
from reconciler.record.reader import read_runs
from reconciler.record.refusal import read_refusal
from reconciler.record.runs import ApplyRun, Quarantine, QuarantineReason
from reconciler.render.formats import DATA, check_format
from reconciler.render.status import Status, render_status, status_document
from reconciler.session.audit_record import open_full_record
from reconciler.session.terminal import Terminal
from reconciler.session.unapplied import find_unapplied_merges
from reconciler.session.workspace import Workspace, current_time, read_settings, resolve_target


def run_status(workspace: Workspace, form: str, terminal: Terminal) -> ExitCode:
    """Print the status; 0 if the target is healthy, 1 if not, or if no apply is on record."""
    check_format(form, DATA)
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    with open_full_record(workspace, settings.record.branch, terminal) as whole:
        status = read_status(whole, resolve_target(workspace, settings))
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


def read_status(workspace: Workspace, target: Target) -> Status:
    """Read the status of a target from the record and its lock."""
    address = workspace.address_lock(target)
    running = describe_holder(workspace.lock(target)) or (describe_holder(address) if address is not None else None)
    runs = read_runs(workspace.history, target, current_time())
    return Status(
        target,
        _assess(runs, running=running is not None),
        running,
        _find_refusal(workspace, target),
        find_unapplied_merges(workspace, runs),
    )


def _assess(runs: list[ApplyRun], *, running: bool) -> Health:
    """Assess the health; an apply that is running has not failed, so the one before it counts."""
    if running and runs and runs[-1].ended is None:
        runs = runs[:-1]
    return assess(runs)


def _find_refusal(workspace: Workspace, target: Target) -> QuarantineState | None:
    found = read_refusal(workspace.history, target)
    if found is None:
        return None
    return QuarantineState(Quarantine(QuarantineReason.REFUSED, found.message), found.began, found.last, found.count)
