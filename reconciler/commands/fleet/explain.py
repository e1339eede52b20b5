"""`fleet explain`: where a value of a tenant comes from. Reads files only."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reconciler.core.text import escape_control, quote, shorten, to_ascii_json
from reconciler.errors import ExitCode, UsageError
from reconciler.fleet.catalog import BrokenFleetError, read_fleet
from reconciler.fleet.explanation import ExplainedKey, ExplanationError, explain_key
from reconciler.session.terminal import Terminal

_LONGEST = 400


@dataclass(frozen=True, slots=True)
class FleetExplainOptions:
    """The command line of `fleet explain`."""

    fleet: Path
    tenant: str
    key: str


def run_fleet_explain(options: FleetExplainOptions, terminal: Terminal) -> ExitCode:
    """Show the value, the file and line that decide, and the values that they override.

    Raises `UsageError` for a tenant or a key that there is not.
    """
    try:
        fleet = read_fleet(options.fleet)
        tenant = next((each for each in fleet.tenants if each.name == options.tenant), None)
        if tenant is None:
            shown = quote(shorten(options.tenant, 60))
            near = difflib.get_close_matches(options.tenant[:60], [each.name for each in fleet.tenants], 1)
            hint = f"Did you mean {near[0]}? " if near else ""
            raise UsageError(
                f"there is no tenant {shown}", f"{hint}A tenant is named by its folder: `tenants` of fleet.yaml."
            )
        found = explain_key(fleet.root, tenant.folder, options.key)
    except (BrokenFleetError, ExplanationError) as exc:
        terminal.diagnostics(exc.diagnostics)
        return ExitCode.ERROR
    terminal.result("\n".join(line for each in found for line in _render(each)))
    return ExitCode.OK


def _render(found: ExplainedKey) -> Iterator[str]:
    yield f"{escape_control(found.key)} = {_format(found.value)}"
    if found.layers:
        yield f"  set in {_escape(found.layers[0].origin)}"
    else:
        yield "  the default: no layer sets it"
    for each in found.layers[1:]:
        yield f"  overrides {_format(each.value)} in {_escape(each.origin)}"
    if found.final is not None:
        yield f"  final: {_escape(found.final)} declares it, so no later layer may set it"
    elif found.is_guard and found.layers:
        yield "  a guard: a later layer may only tighten it"


def _escape(origin: object) -> str:
    return escape_control(str(origin))


def _format(value: Any) -> str:
    text = "none" if value is None else value if isinstance(value, str) else to_ascii_json(value)
    return escape_control(shorten(text, _LONGEST))
