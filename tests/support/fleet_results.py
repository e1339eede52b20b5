"""Results of tenants, written as the processes of a run write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reconciler.fleet.result import TenantResult, to_json

COMMIT = "0123456789" * 4
RUN = "17/1"


def plan_id(number: int) -> str:
    """Return the id of a plan."""
    return f"sha256:{number:064x}"


def write_result(directory: Path, tenant: str, **fields: Any) -> TenantResult:
    """Write the result of a tenant, and its plan; by default of a plan without failure."""
    values: dict[str, Any] = {"verb": "plan", "commit": COMMIT, "run": RUN, "exit_code": 0, "plan_id": plan_id(1)}
    result = TenantResult(tenant, **{**values, **fields})
    folder = directory / tenant
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "result.json").write_text(to_json(result))
    (folder / "plan.json").write_text(format_plan(result))
    return result


def format_plan(result: TenantResult) -> str:
    """What is read of the plan of a result: a document with the same id and counts."""
    counts = dict(result.counts)
    kept = {name: counts.pop(name, 0) for name in ("unchanged", "unmanaged", "failed")}
    removals = counts.pop("removals_not_applied", 0)
    waiting = ["delete"] * removals + ["update"] * (counts.pop("not_applied", 0) - removals)
    may_wait = counts.pop("may_wait", 0)
    changes: list[dict[str, str]] = [{"action": action} for action, count in counts.items() for _ in range(count)]
    for change in changes[may_wait:]:
        change["attribution"] = "edited_in_target"
    document = {
        "plan_id": result.plan_id,
        "drift": {} if result.verb == "drift" else None,
        "summary": kept,
        "resource_changes": [*changes, *({"action": each, "attribution": "not_applied"} for each in waiting)],
    }
    return json.dumps(document)
