"""`show`: render a saved plan, a receipt or a record (a directory with both). No network, no token."""

from __future__ import annotations

import json
from pathlib import Path

from reconciler.core.text import escape_control
from reconciler.errors import ExitCode, UsageError
from reconciler.record.files import read_file
from reconciler.record.layout import PLAN, RECEIPT
from reconciler.record.plan_file import json_text
from reconciler.record.plan_record import from_record
from reconciler.record.reader import read_entries
from reconciler.render.formats import DATA, OutputOptions, render_plan
from reconciler.render.receipt_text import render_receipt
from reconciler.session.saved_plan import find_profile
from reconciler.session.terminal import Terminal


def run_show(file: Path, output: OutputOptions, terminal: Terminal) -> ExitCode:
    """Print it; `file` is a receipt if its name ends in .jsonl. As text, a record is plan and receipt."""
    output.check()
    if file.suffix == ".jsonl":
        terminal.result(_render_receipt_file(file, output.format, terminal))
        return ExitCode.OK
    content = read_file(file / PLAN if file.is_dir() else file)
    plan, digests = from_record(content)
    if digests:
        terminal.note(
            "This plan is on record with digests (hmac:…) in place of names and values, which cannot be reversed;\n"
            f"the desired state of commit {escape_control(plan.commit or 'unknown')} has the names."
        )
    if digests and output.format == "json":
        terminal.result(json_text(json.loads(content)) + "\n")
        return ExitCode.OK
    terminal.result(render_plan(plan, find_profile(plan), output, terminal.style))
    if file.is_dir() and output.format == "text":
        terminal.result("\n" + _render_receipt_file(file / RECEIPT, output.format, terminal))
    return ExitCode.OK


def _render_receipt_file(file: Path, form: str, terminal: Terminal) -> str:
    if form not in DATA:
        raise UsageError(f"a receipt has no --format {form}", f"There are {' and '.join(DATA)}.")
    entries = list(read_entries(file))
    if form == "text":
        return render_receipt(entries, terminal.style)
    if terminal.style.redact:
        raise UsageError("--redact cannot be combined with --format json", "JSON is for machines: use text.")
    return json_text(entries)
