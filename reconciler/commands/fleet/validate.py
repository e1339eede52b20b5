"""`fleet validate`: check fleet.yaml, all layers and all tenants. Reads files only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.core.model import Diagnostic
from reconciler.core.text import format_names, pluralize
from reconciler.desired.diagnostic_list import add_source_lines
from reconciler.errors import ExitCode
from reconciler.fleet.catalog import BrokenFleetError, read_fleet
from reconciler.record.plan_file import json_text
from reconciler.render.formats import check_format
from reconciler.session.fleet.validation import FleetFindings, validate_fleet
from reconciler.session.terminal import Terminal

FORMATS = ("text", "json")
_FORMAT_VERSION = 1
_MAX_SHOWN = 50


@dataclass(frozen=True, slots=True)
class FleetValidateOptions:
    """The command line of `fleet validate`. `now`: the day that the scope of users is checked for."""

    fleet: Path
    now: datetime
    format: str = "text"


def run_fleet_validate(options: FleetValidateOptions, terminal: Terminal) -> ExitCode:
    """Show each error once, with the number of tenants that it concerns. OK only without any."""
    check_format(options.format, FORMATS)
    try:
        fleet = read_fleet(options.fleet)
    except BrokenFleetError as exc:
        findings, tenants = FleetFindings(), None
        findings.add(None, exc.diagnostics)
    else:
        findings, tenants = validate_fleet(fleet, options.now), len(fleet.tenants)
    if options.format == "json":
        terminal.result(json_text(_build_document(findings, tenants)))
        return ExitCode.ERROR if findings.errors else ExitCode.OK
    found = findings.diagnostics
    if found:
        terminal.diagnostics(add_source_lines(found[:_MAX_SHOWN], options.fleet))
    if len(found) > _MAX_SHOWN:
        terminal.note(f"{len(found) - _MAX_SHOWN:,} more are not shown: --format json lists all.")
    terminal.result(_summarize(findings, tenants))
    return ExitCode.ERROR if findings.errors else ExitCode.OK


def _summarize(findings: FleetFindings, tenants: int | None) -> str:
    if not findings.errors:
        return f"The fleet is valid: {pluralize(tenants or 0, 'tenant')}."
    if not findings.invalid:
        return f"{pluralize(findings.errors, 'error')} in the fleet."
    names = format_names(findings.invalid)
    return f"{pluralize(findings.errors, 'error')} in the fleet; these tenants cannot be planned: {names}."


def _build_document(findings: FleetFindings, tenants: int | None) -> dict[str, Any]:
    return {
        "format_version": _FORMAT_VERSION,
        "valid": not findings.errors,
        "tenants": tenants,
        "invalid": findings.invalid,
        "diagnostics": [_build_entry(item, count) for item, count in findings.counts.items()],
    }


def _build_entry(item: Diagnostic, tenants: int) -> dict[str, Any]:
    """Return a diagnostic as data. `tenants`: how many it concerns; 1 too if it is about the fleet as a whole."""
    origin = item.origin
    return {
        "severity": item.severity.value,
        "summary": item.summary,
        "detail": item.detail,
        "origin": None if origin is None else {"file": origin.file, "line": origin.line, "column": origin.column},
        "user": item.address,
        "tenants": tenants,
    }
