"""`show`: a saved plan or a receipt, rendered. No network, no token."""

from __future__ import annotations

from pathlib import Path

from reconciler.commands.face import DATA, Face, rendered
from reconciler.core.model import Plan
from reconciler.core.profile import TargetProfile
from reconciler.errors import ExitCode, PlanFileError, UsageError
from reconciler.plan_document import from_json, json_text
from reconciler.profiles import PROFILES
from reconciler.render.receipt import render_receipt
from reconciler.store.files import read_file
from reconciler.store.receipts import read_receipt
from reconciler.terminal import Terminal


def run_show(file: Path, face: Face, terminal: Terminal) -> ExitCode:
    """Prints it; a name that ends in .jsonl is a receipt's."""
    face.check()
    if file.suffix == ".jsonl":
        terminal.result(_receipt(file, face.format, terminal))
        return ExitCode.OK
    plan = from_json(read_file(file))
    terminal.result(rendered(plan, profile_of(plan), face, terminal.style))
    return ExitCode.OK


def profile_of(plan: Plan) -> TargetProfile:
    """The profile of a saved plan."""
    profile = PROFILES.get(plan.target.profile)
    if profile is None:
        raise PlanFileError(f"the plan is for the profile {plan.target.profile}, which does not exist", "Plan again.")
    return profile


def _receipt(file: Path, form: str, terminal: Terminal) -> str:
    if form not in DATA:
        raise UsageError(f"a receipt has no --format {form}", f"There are {' and '.join(DATA)}.")
    entries = list(read_receipt(file))
    if form == "text":
        return render_receipt(entries, terminal.style)
    if terminal.style.redact:
        raise UsageError("--redact cannot be combined with --format json", "JSON is for machines: use text.")
    return json_text(entries)
