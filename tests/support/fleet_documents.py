"""What `fleet gather` writes, to test with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.text import to_ascii_json
from reconciler.fleet.fleet_plan import FORMAT_VERSION, compute_fleet_plan_id

PLAN_ID = "sha256:" + "1" * 64


def build_document(
    results: Mapping[str, Mapping[str, int]], failed: Mapping[str, str] | None = None, /, **changes: Any
) -> dict[str, Any]:
    """Return the document of a plan: the counts of each tenant, and why others failed."""
    failed = failed or {}
    tenants = {name: PLAN_ID for name in results if name not in failed}
    return {
        "format_version": FORMAT_VERSION,
        "id": compute_fleet_plan_id(tenants, results, failed),
        "verb": "plan",
        "commit": "a" * 40,
        "run": "5/1",
        "base": None,
        "expected": len({*results, *failed}),
        "counts": {},
        "failed": dict(failed),
        "released": [],
        "new": [],
        "renamed": {},
        "changed_by_defaults": 0,
        "tenants": tenants,
        "results": {
            name: {"exit_code": 1 if name in failed else 0, "counts": dict(counts), "seconds": 0.1, "held": False}
            for name, counts in results.items()
        },
        **changes,
    }


def format_document(*given: Any, **changes: Any) -> str:
    """Return it as text."""
    return to_ascii_json(build_document(*given, **changes))
