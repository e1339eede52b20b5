from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from support.fleet_results import COMMIT, RUN, plan_id, write_result

from reconciler.errors import PlanFileError
from reconciler.fleet.affected import Affected, AffectedBy
from reconciler.fleet.fleet_guards import FleetVerdict, Totals
from reconciler.fleet.fleet_plan import FleetPlan, compute_fleet_plan_id, format_fleet_plan, read_fleet_plan
from reconciler.fleet.gathered import Wanted, gather_results

_CHANGED = "was changed: its id is not that of its plans"


def document(tmp_path: Path) -> str:
    write_result(tmp_path / "run", "beta", counts={"create": 2}, plan_id=plan_id(7))
    write_result(tmp_path / "run", "acme", exit_code=2, counts={"create": 1, "delete": 1}, seconds=1.5)
    write_result(tmp_path / "run", "gamma", exit_code=3, error="the guard removals blocks it")
    wanted = Wanted("plan", COMMIT, RUN)
    gathered = gather_results([tmp_path / "run"], ["acme", "beta", "gamma", "lost"], wanted)
    reasons = {"acme": (AffectedBy.NEW,), "beta": (AffectedBy.DEFAULTS,)}
    verdicts = [FleetVerdict("failed", "2 tenants of 4 failed", "Retry.")]
    return format_fleet_plan(gathered, wanted, Affected(reasons, "b" * 40, "", ("gone",), {"acme": "gone"}), verdicts)


def test_the_id_is_over_sorted_lines() -> None:
    lines = f"acme {plan_id(1)} 3 9\nbeta {plan_id(7)} 0 0\ngamma failed\n"
    expected = f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    counts = {"acme": {"delete": 1, "deactivate": 2, "unchanged": 5, "update": 1, "create": 7, "unmanaged": 4}}
    assert compute_fleet_plan_id({"beta": plan_id(7), "acme": plan_id(1)}, counts, ["gamma"]) == expected


def test_the_document_says_everything_that_a_summary_needs(tmp_path: Path) -> None:
    tenants = {"acme": plan_id(1), "beta": plan_id(7)}
    kept = {"receipt": None, "held": False}
    assert json.loads(document(tmp_path)) == {
        "format_version": 2,
        "id": compute_fleet_plan_id(tenants, {"acme": {"delete": 1}}, ["gamma", "lost"]),
        "verb": "plan",
        "commit": COMMIT,
        "run": RUN,
        "sandbox": False,
        "base": "b" * 40,
        "expected": 4,
        "counts": {"create": 3, "delete": 1},
        "failed": {"gamma": "the guard removals blocks it", "lost": "no result"},
        "guards": [{"guard": "failed", "found": "2 tenants of 4 failed", "way_on": "Retry."}],
        "released": ["gone"],
        "new": ["acme"],
        "renamed": {"acme": "gone"},
        "changed_by_defaults": 1,
        "tenants": tenants,
        "results": {
            "acme": {"exit_code": 2, "counts": {"create": 1, "delete": 1}, "seconds": 1.5, **kept},
            "beta": {"exit_code": 0, "counts": {"create": 2}, "seconds": 0.0, **kept},
            "gamma": {"exit_code": 3, "counts": {}, "seconds": 0.0, **kept},
        },
    }


def test_the_plans_are_read_back(tmp_path: Path) -> None:
    file = tmp_path / "fleet-plan.json"
    file.write_text(document(tmp_path))
    tenants = {"acme": plan_id(1), "beta": plan_id(7)}
    failed = frozenset({"gamma", "lost"})
    identity = compute_fleet_plan_id(tenants, {"acme": {"delete": 1}}, failed)
    found = read_fleet_plan(file)
    assert found == FleetPlan(identity, tenants, failed, 1, 1)
    assert found.totals == Totals(4, 2, 1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_version": 1}, "is no plan of a fleet, or of another version"),
        ({"tenants": []}, "has an invalid entry of a tenant"),
        ({"tenants": {"../acme": plan_id(1)}}, "has an invalid entry of a tenant"),
        ({"tenants": {"acme": "sha256:1"}}, "has an invalid entry of a tenant"),
        ({"tenants": {"acme": plan_id(2)}}, "was changed: its id is not that of its plans"),
        ({"results": None}, "has invalid counts of users"),
        ({"results": {"acme": {"counts": {}}}}, "has invalid counts of users"),
        ({"results": {"acme": {"counts": {"users": 1}}, "beta": {"counts": {}}}}, "has invalid counts of users"),
        ({"results": {"acme": {"counts": {"delete": -1}}, "beta": {"counts": {}}}}, "has invalid counts of users"),
        ({"results": {"acme": {"counts": {}}, "beta": {"counts": {}}}}, _CHANGED),
        ({"results": {"acme": {"counts": {"delete": 1, "unchanged": 900}}, "beta": {"counts": {}}}}, _CHANGED),
        ({"failed": {"gamma": "", "lost": "", "more": ""}}, _CHANGED),
        ({"failed": {}}, _CHANGED),
        ({"failed": None}, "does not say which tenants failed"),
        ({"failed": {"../acme": ""}}, "does not say which tenants failed"),
        ({"id": plan_id(1)}, "was changed: its id is not that of its plans"),
    ],
)
def test_another_document_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    file = tmp_path / "fleet-plan.json"
    file.write_text(json.dumps({**json.loads(document(tmp_path)), **change}))
    with pytest.raises(PlanFileError) as caught:
        read_fleet_plan(file)
    assert caught.value.summary == f"{file} {message}"


def test_what_is_not_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("[" * 100_000)
    with pytest.raises(PlanFileError, match="is not JSON"):
        read_fleet_plan(tmp_path / "x")
