"""`status`: how the last applies went, by their receipts. No network, no token."""

from __future__ import annotations

from reconciler.apply.quarantine import Health, Standing, assess
from reconciler.core.model import Target
from reconciler.errors import ExitCode
from reconciler.record.lock import holder
from reconciler.record.plan_file import json_text
from reconciler.record.refusal import last_refusal
from reconciler.record.runs import Quarantine, QuarantineReason, ReceiptRun
from reconciler.record.target_runs import runs_of
from reconciler.render.formats import DATA, check_format
from reconciler.render.status import Status, render_status, status_document
from reconciler.session.record import with_past
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Place, place_settings, place_target


def run_status(place: Place, form: str, terminal: Terminal) -> ExitCode:
    """Prints it; healthy is 0, unhealthy 1."""
    check_format(form, DATA)
    settings = place_settings(place, terminal)
    if settings is None:
        return ExitCode.ERROR
    with with_past(place, settings.record.branch, terminal) as whole:
        status = status_of(whole, place_target(place, settings))
    if form == "json":
        terminal.result(json_text(status_document(status, terminal.style)) + "\n")
    else:
        terminal.result(render_status(status, terminal.style))
    return ExitCode.OK if status.healthy else ExitCode.ERROR


def status_of(place: Place, target: Target) -> Status:
    """The status by what is on disk."""
    running = holder(place.lock(target))
    runs = runs_of(place.history, target)
    return Status(target, _health(runs, running=running is not None), running, _refused(place, target))


def _health(runs: list[ReceiptRun], *, running: bool) -> Health:
    """An apply that is running now has not failed: the one before it counts."""
    if running and runs and runs[-1].ended is None:
        runs = runs[:-1]
    return assess(runs)


def _refused(place: Place, target: Target) -> Standing | None:
    found = last_refusal(place.history, target)
    if found is None:
        return None
    return Standing(Quarantine(QuarantineReason.REFUSED, found.message), found.began, found.last, found.count)
