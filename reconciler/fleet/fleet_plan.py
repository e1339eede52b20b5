"""The plan of a fleet: fleet-plan.json names the plan of each tenant, and has one id for all of them.

Who approves the id approves exactly these plans: an apply takes the plan of a tenant only if it is named there. The id
covers what guards across tenants count, too: which tenants have no plan, and the users that each plan removes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reconciler.core.tenant_names import is_tenant_name
from reconciler.core.text import to_ascii_json
from reconciler.errors import PlanFileError
from reconciler.fleet.affected import Affected
from reconciler.fleet.exit_codes import GOOD
from reconciler.fleet.fleet_guards import FleetVerdict, Totals, count_managed, count_removals
from reconciler.fleet.gathered import Gathered, Wanted
from reconciler.fleet.model import MAX_TENANTS
from reconciler.fleet.result import are_counts
from reconciler.record.files import read_file

FORMAT_VERSION = 2
_MAX_BYTES = 16 * 1024 * 1024
_PLAN_ID = re.compile(r"sha256:[0-9a-f]{64}")
_AGAIN = "Make it again: `reconciler fleet gather DIR…`."


@dataclass(frozen=True, slots=True)
class FleetPlan:
    """What was reviewed: the id, and the plan of each tenant. `failed`: tenants without a plan that can be applied.

    `removals`: users that all plans together remove, of `managed` accounts. `counts`: of the users of each plan.
    """

    plan_id: str
    tenants: Mapping[str, str]
    failed: frozenset[str] = frozenset()
    removals: int = 0
    managed: int = 0
    counts: Mapping[str, Mapping[str, int]] = field(default_factory=dict, compare=False)

    @property
    def totals(self) -> Totals:
        """What the guards across tenants count."""
        return Totals(len(self.tenants) + len(self.failed), len(self.failed), self.removals, self.managed)


def compute_fleet_plan_id(
    tenants: Mapping[str, str],
    counts: Mapping[str, Mapping[str, int]] | None = None,
    failed: Collection[str] = (),
) -> str:
    """Return the id of the plans of many tenants: sha256 over the sorted lines `tenant plan_id removals managed`.

    `counts`: of each plan. `failed`: tenants without a plan, of which the line is `tenant failed`.
    """
    lines = [f"{name} failed\n" for name in failed if name not in tenants]
    for name, plan_id in tenants.items():
        found = (counts or {}).get(name, {})
        lines.append(f"{name} {plan_id} {count_removals(found)} {count_managed(found)}\n")
    return f"sha256:{hashlib.sha256(''.join(sorted(lines)).encode()).hexdigest()}"


def identify_plans(gathered: Gathered) -> str:
    """Return the id of the plans that were made, or that were carried out."""
    counts = {name: each.counts for name, each in gathered.results.items()}
    return compute_fleet_plan_id(list_plans(gathered), counts, gathered.failed)


def list_plans(gathered: Gathered) -> dict[str, str]:
    """Return the plan of each tenant whose plan can be applied."""
    return {
        name: each.plan_id
        for name, each in gathered.results.items()
        if each.exit_code in GOOD and each.plan_id is not None
    }


def format_fleet_plan(
    gathered: Gathered, wanted: Wanted, affected: Affected | None, verdicts: Sequence[FleetVerdict] = ()
) -> str:
    """Return the document: the plans, and for summaries the counts of each tenant and why one failed.

    `verdicts`: the guards across tenants that are exceeded.
    """
    tenants = list_plans(gathered)
    document: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "id": identify_plans(gathered),
        "verb": wanted.verb,
        "commit": wanted.commit,
        "run": wanted.run,
        "sandbox": gathered.sandbox,
        "base": affected.base if affected is not None else None,
        "expected": gathered.total,
        "counts": gathered.counts,
        "failed": gathered.failed,
        "guards": [asdict(each) for each in verdicts],
        "released": list(affected.released) if affected is not None else [],
        "new": list(affected.added) if affected is not None else [],
        "renamed": dict(affected.moved) if affected is not None else {},
        "changed_by_defaults": len(affected.by_defaults) if affected is not None else 0,
        "tenants": tenants,
        "results": {
            name: {
                "exit_code": each.exit_code,
                "counts": dict(each.counts),
                "seconds": each.seconds,
                "receipt": each.receipt,
                "held": each.held,
            }
            for name, each in gathered.results.items()
        },
    }
    return to_ascii_json(document, indent=1) + "\n"


def read_fleet_plan(path: Path) -> FleetPlan:
    """Read the plans of a document, and verify its id. Raises `PlanFileError` for any other file."""
    try:
        found: Any = json.loads(read_file(path, _MAX_BYTES))
    except (ValueError, RecursionError) as exc:
        raise PlanFileError(f"{path} is not JSON", _AGAIN) from exc
    if not isinstance(found, dict) or found.get("format_version") != FORMAT_VERSION:
        raise PlanFileError(f"{path} is no plan of a fleet, or of another version", _AGAIN)
    return _parse(found, path)


def _parse(found: dict[str, Any], path: Path) -> FleetPlan:
    tenants = found.get("tenants")
    if not isinstance(tenants, dict) or len(tenants) > MAX_TENANTS or not all(map(_is_entry, tenants.items())):
        raise PlanFileError(f"{path} has an invalid entry of a tenant", _AGAIN)
    failed = found.get("failed")
    if not isinstance(failed, dict) or len(failed) > MAX_TENANTS or not all(map(is_tenant_name, failed)):
        raise PlanFileError(f"{path} does not say which tenants failed", _AGAIN)
    counts = _find_counts(found.get("results"), tenants)
    if counts is None:
        raise PlanFileError(f"{path} has invalid counts of users", _AGAIN)
    if found.get("id") != compute_fleet_plan_id(tenants, counts, failed):
        raise PlanFileError(f"{path} was changed: its id is not that of its plans", _AGAIN)
    removals = sum(map(count_removals, counts.values()))
    managed = sum(map(count_managed, counts.values()))
    return FleetPlan(found["id"], tenants, frozenset(failed), removals, managed, counts)


def _find_counts(results: Any, tenants: Mapping[str, str]) -> dict[str, Mapping[str, int]] | None:
    """Return the counts of each plan; None if they are invalid."""
    if not isinstance(results, dict) or not all(isinstance(results.get(name), dict) for name in tenants):
        return None
    counts = {name: results[name].get("counts") for name in tenants}
    return counts if all(map(are_counts, counts.values())) else None


def _is_entry(entry: tuple[str, Any]) -> bool:
    name, plan_id = entry
    return is_tenant_name(name) and isinstance(plan_id, str) and _PLAN_ID.fullmatch(plan_id) is not None
