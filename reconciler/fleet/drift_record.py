"""When each tenant of a fleet was last compared with its service: `fleet/drift.json` of the record.

The drift of a tenant leaves no record of its own where there is no difference, and one file for all is read at once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.core.tenant_names import is_tenant_name
from reconciler.core.text import to_ascii_json
from reconciler.core.untrusted_values import parse_count, parse_moment
from reconciler.errors import PlanFileError
from reconciler.fleet.applied import FOLDER
from reconciler.fleet.model import MAX_TENANTS
from reconciler.fleet.result import TenantResult
from reconciler.record.files import read_file, write_text

_FILE = "drift.json"
FORMAT_VERSION = 1
_MAX_BYTES = 8 * 1024 * 1024
_REPAIR = "Restore it from the record, or remove it: then it is not known when drift was looked for."


@dataclass(frozen=True, slots=True)
class DriftCheck:
    """When a run began that looked for drift, and how many users differed."""

    at: datetime
    differences: int


def read_drift(root: Path) -> dict[str, DriftCheck]:
    """Return the last check of each tenant; nothing without the file. Raises `PlanFileError` for another one."""
    path = root / FOLDER / _FILE
    if not os.path.lexists(path):
        return {}
    try:
        found: Any = json.loads(read_file(path, _MAX_BYTES))
    except (ValueError, RecursionError) as exc:
        raise PlanFileError(f"{FOLDER}/{_FILE} is not JSON", _REPAIR) from exc
    entries = (
        found.get("tenants") if isinstance(found, dict) and found.get("format_version") == FORMAT_VERSION else None
    )
    if not isinstance(entries, dict) or len(entries) > MAX_TENANTS:
        raise PlanFileError(f"{FOLDER}/{_FILE} is of another version, or has an invalid field", _REPAIR)
    checks = {name: _parse(entry) for name, entry in entries.items() if is_tenant_name(name)}
    return {name: check for name, check in checks.items() if check is not None}


def _parse(entry: Any) -> DriftCheck | None:
    at = parse_moment(entry.get("at")) if isinstance(entry, dict) else None
    differences = parse_count(entry.get("differences")) if isinstance(entry, dict) else None
    return DriftCheck(at, differences) if at is not None and differences is not None else None


def select_current(root: Path, results: Mapping[str, TenantResult]) -> dict[str, TenantResult]:
    """Return the results of runs that did not begin before the last check of their tenant: others are out of date.

    Raises `PlanFileError`.
    """
    known = read_drift(root)
    return {name: each for name, each in results.items() if name not in known or known[name].at <= find_began(each)}


def find_began(result: TenantResult) -> datetime:
    """Return when the command of a result began."""
    return datetime.fromtimestamp(result.began, UTC)


def write_drift(root: Path, checks: Mapping[str, DriftCheck]) -> None:
    """Write the file. Raises `PlanFileError`."""
    tenants = {name: {"at": each.at.isoformat(), "differences": each.differences} for name, each in checks.items()}
    content = {"format_version": FORMAT_VERSION, "tenants": dict(sorted(tenants.items()))}
    write_text(root / FOLDER / _FILE, to_ascii_json(content, indent=1) + "\n")
