"""`export entra-schema`: mappings and filters as a Microsoft Entra synchronization schema."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from reconciler.core.model import Flow, Severity
from reconciler.core.text import escape_control, pluralize
from reconciler.desired.directory import Directory
from reconciler.desired.mappings import build_active_row, compile_mappings, read_mapping_rows
from reconciler.desired.references import check_group_references
from reconciler.desired.scope import read_scope
from reconciler.entra.report import format_findings, warn_untranslated
from reconciler.entra.schema_export import ExportInput, export_schema
from reconciler.entra.translation import FindingKind
from reconciler.errors import ExitCode
from reconciler.profiles import PROFILES
from reconciler.record.files import write_text
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace

_OUTSIDE = (
    "The schema does not hold who is assigned (sync, assigned, excluded), users and groups, ownership, guards, "
    "lifecycle settings other than actions, nor Entra's secrets and thresholds."
)


def run_export_entra_schema(workspace: Workspace, out: Path | None, terminal: Terminal) -> ExitCode:
    """Write the schema to `out` or stdout, and list what has no equivalent; the exit code is 5 then."""
    given = _read_export(workspace, terminal)
    if given is None:
        return ExitCode.ERROR
    document, findings = export_schema(given)
    text = _format_schema(document)
    if out is None:
        terminal.result(text)
    else:
        write_text(out, text)
        terminal.note(f"Wrote {escape_control(str(out))}.")
    terminal.note("\n".join(map(escape_control, [*format_findings(findings), "", _OUTSIDE])))
    lost = sum(finding.kind is FindingKind.NO_EQUIVALENT for finding in findings)
    if not lost:
        return ExitCode.OK
    terminal.diagnostics([warn_untranslated(pluralize(lost, "part") + " of the desired state")])
    return ExitCode.PARTIAL


def _read_export(workspace: Workspace, terminal: Terminal) -> ExportInput | None:
    """Read what to export; None, with all errors shown, if the files are invalid."""
    directory = Directory(workspace.state)
    directory.check_layout()
    settings = directory.read_settings()
    scope = read_scope(directory, workspace.now.date())
    check_group_references(directory, scope)
    profile = PROFILES[settings.value.target.profile] if settings else None
    compiled = compile_mappings(directory, profile, workspace.now).rows if profile else ()
    if directory.diagnostics:
        terminal.diagnostics(directory.describe_problems())
    wrong = any(item.severity is Severity.ERROR for item in directory.diagnostics)
    if wrong or settings is None or profile is None:
        return None
    again = Directory(workspace.state)
    located = again.read_scope()
    rows = [row.value for row in read_mapping_rows(again, profile)]
    if len(compiled) > len(rows):
        rows.append(build_active_row(profile))
    inputs = {name for row in compiled for name in row.inputs} | {name for name, _, _ in scope.inputs}
    filters = located.value.filters if located else ()
    once = {row.target for row in compiled if row.flow is Flow.CREATE}
    return ExportInput(profile, rows, filters, settings.value.lifecycle.actions, inputs, once)


def _format_schema(document: dict[str, Any]) -> str:
    """Format JSON to read and compare; control characters and GitHub's log commands are escaped."""
    text = json.dumps(document, ensure_ascii=False, indent=2).replace("##[", "#\\u0023[")
    return re.sub(r"[^\n -~]", _escape_match, text) + "\n"


def _escape_match(match: re.Match[str]) -> str:
    character = match.group()
    harmless = character.isprintable() and escape_control(character) == character
    return character if harmless else json.dumps(character)[1:-1]
