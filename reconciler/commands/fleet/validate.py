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
from reconciler.fleet.affected import find_affected
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
    """The command line of `fleet validate`. `now`: the day that the scope of users is checked for.

    `base`: only tenants that changes since this commit affect are checked; what is about all tenants always is.
    """

    fleet: Path
    now: datetime
    format: str = "text"
    base: str | None = None


def run_fleet_validate(options: FleetValidateOptions, terminal: Terminal) -> ExitCode:
    """Show each error once, with the number of tenants that it concerns. OK only without any."""
    check_format(options.format, FORMATS)
    checked = _check(options, terminal)
    findings = checked.findings
    if options.format == "json":
        terminal.result(json_text(_build_document(checked)))
        return ExitCode.ERROR if findings.errors else ExitCode.OK
    found = findings.diagnostics
    if found:
        terminal.diagnostics(add_source_lines(found[:_MAX_SHOWN], options.fleet))
    if len(found) > _MAX_SHOWN:
        terminal.note(f"{len(found) - _MAX_SHOWN:,} more are not shown: --format json lists all.")
    terminal.result(_summarize(checked))
    return ExitCode.ERROR if findings.errors else ExitCode.OK


@dataclass(frozen=True, slots=True)
class _Checked:
    """What was found. `tenants`: of the fleet; None if its catalog has errors. `chosen`: how many were checked."""

    findings: FleetFindings
    tenants: int | None = None
    chosen: int = 0


def _check(options: FleetValidateOptions, terminal: Terminal) -> _Checked:
    """Check the fleet; what a broken catalog says of its tenants is good enough to check them."""
    try:
        fleet = read_fleet(options.fleet)
        problems: tuple[Diagnostic, ...] = ()
    except BrokenFleetError as exc:
        if exc.fleet is None:
            findings = FleetFindings()
            findings.add(add_source_lines(exc.problems, options.fleet))
            return _Checked(findings)
        fleet, problems = exc.fleet, exc.problems
    chosen = fleet.tenants
    if options.base is not None:
        affected = find_affected(fleet, options.base)
        if affected.base is None:
            terminal.note(f"All tenants are checked: {affected.why_all}.")
        chosen = tuple(tenant for tenant in fleet.tenants if tenant.name in affected.reasons)
    findings = validate_fleet(fleet, options.now, chosen, problems)
    return _Checked(findings, None if problems else len(fleet.tenants), len(chosen))


def _summarize(checked: _Checked) -> str:
    findings, tenants = checked.findings, checked.tenants
    if not findings.errors:
        every = pluralize(tenants or 0, "tenant")
        some = f"{checked.chosen:,} of {every} checked, the others are not affected"
        return f"The fleet is valid: {every if checked.chosen == tenants else some}."
    if tenants is None or not findings.invalid:
        return f"{pluralize(findings.errors, 'error')} in the fleet."
    names = format_names(findings.invalid)
    return f"{pluralize(findings.errors, 'error')} in the fleet; these tenants cannot be planned: {names}."


def _build_document(checked: _Checked) -> dict[str, Any]:
    findings = checked.findings
    return {
        "format_version": _FORMAT_VERSION,
        "valid": not findings.errors,
        "tenants": checked.tenants,
        "checked": checked.chosen,
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
