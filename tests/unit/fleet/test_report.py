from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from support.fleet_results import COMMIT, RUN, plan_id, write_result

from reconciler.errors import PlanFileError
from reconciler.fleet.affected import Affected, AffectedBy
from reconciler.fleet.fleet_guards import FleetVerdict
from reconciler.fleet.fleet_plan import compute_fleet_plan_id, format_fleet_plan
from reconciler.fleet.gathered import Wanted, gather_results
from reconciler.fleet.report import FleetReport, ReportedGuard, ReportedTenant, TenantState, parse_report, read_report

CODES = {
    "fails": (1, TenantState.FAILED),
    "is-held": (2, TenantState.HELD),
    "is-blocked": (3, TenantState.BLOCKED),
    "is-partial": (5, TenantState.PARTIAL),
    "is-same": (0, TenantState.SAME),
    "is-stale": (4, TenantState.STALE),
    "stops": (130, TenantState.FAILED),
    "was-changed": (2, TenantState.CHANGED),
}


def document(tmp_path: Path) -> str:
    for name, (code, _) in CODES.items():
        counts = {"create": 2, "delete": 1} if name == "was-changed" else {}
        error = "" if code in (0, 2) else f"code {code}"
        counts |= {"unchanged": 3}
        write_result(tmp_path / "run", name, exit_code=code, counts=counts, error=error, held=name == "is-held")
    wanted = Wanted("plan", COMMIT, RUN)
    gathered = gather_results([tmp_path / "run"], [*CODES, "lost"], wanted)
    reasons = {"is-same": (AffectedBy.NEW,), "fails": (AffectedBy.DEFAULTS,)}
    verdicts = [FleetVerdict("failed", "6 tenants of 8 failed", "Retry.")]
    affected = Affected(reasons, "b" * 40, "", ("gone",), {"is-same": "gone"})
    return format_fleet_plan(gathered, wanted, affected, verdicts)


def test_a_report_is_read_from_the_document(tmp_path: Path) -> None:
    file = tmp_path / "fleet-plan.json"
    file.write_text(document(tmp_path))
    states = {**{name: state for name, (_, state) in CODES.items()}, "lost": TenantState.MISSING}
    found = read_report(file)
    assert {tenant.name: tenant.state for tenant in found.tenants} == states
    assert found.tenants[-1] == ReportedTenant("was-changed", TenantState.CHANGED, found.tenants[-1].counts)
    assert (found.count("create"), found.count("delete"), found.count("unchanged")) == (2, 1, 24)
    assert found.of_state(TenantState.MISSING) == (ReportedTenant("lost", TenantState.MISSING),)
    assert found.of_state(TenantState.BLOCKED)[0].problem == "code 3"
    plans = {name: plan_id(1) for name in ("is-held", "is-same", "was-changed")}
    counts = {name: {"unchanged": 3} for name in plans} | {"was-changed": {"delete": 1, "unchanged": 3}}
    failed = [name for name, (code, _) in CODES.items() if code not in (0, 2)]
    expected = FleetReport(
        "plan",
        compute_fleet_plan_id(plans, counts, [*failed, "lost"]),
        COMMIT,
        RUN,
        found.tenants,
        "b" * 40,
        (ReportedGuard("failed", "6 tenants of 8 failed", "Retry."),),
        ("gone",),
        ("is-same",),
        {"is-same": "gone"},
        1,
    )
    assert found == expected


def without(key: str) -> Callable[[dict[str, Any]], Any]:
    return lambda found: found.pop(key)


def setting(key: str, value: Any) -> Callable[[dict[str, Any]], Any]:
    return lambda found: found.update({key: value})


RESULT = {"exit_code": 0, "counts": {}, "seconds": 0, "held": False}


@pytest.mark.parametrize(
    "change",
    [
        *map(without, ("id", "verb", "commit", "run", "tenants", "results", "failed")),
        setting("format_version", 1),
        setting("verb", "destroy"),
        setting("id", f"sha256:{'0' * 64}"),
        setting("tenants", {"../x": plan_id(1)}),
        setting("tenants", {"acme": "sha256:0"}),
        setting("commit", "main"),
        setting("run", "1\n2"),
        setting("base", "@team"),
        setting("failed", {"../x": "y"}),
        setting("failed", {"\ud800": "y"}),
        setting("failed", {"acme": "y" * 1001}),
        setting("failed", {"acme": 1}),
        setting("results", []),
        setting("results", {"acme": []}),
        setting("results", {"acme": {**RESULT, "exit_code": True}}),
        setting("results", {"acme": {**RESULT, "counts": {"@team": 1}}}),
        setting("results", {"acme": {**RESULT, "counts": {"create": -1}}}),
        setting("results", {"acme": {**RESULT, "counts": {"create": 10**9}}}),
        setting("results", {"acme": {"exit_code": 0}}),
        setting("results", {"acme": {**RESULT, "held": 1}}),
        setting("released", ["@team"]),
        setting("released", "acme"),
        setting("new", [1]),
        setting("renamed", {"acme": "<b>"}),
        setting("renamed", {"<b>": "acme"}),
        setting("changed_by_defaults", 1.5),
        setting("guards", {}),
        setting("guards", [{"guard": "failed"}]),
        setting("guards", [{"guard": "failed", "found": 1, "way_on": ""}]),
        setting("guards", [{}] * 21),
    ],
)
def test_any_other_document_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    found = json.loads(document(tmp_path))
    identity = found["id"]
    change(found)
    if found.get("id") == identity:
        with suppress(AttributeError, KeyError, TypeError, UnicodeEncodeError):  # the id must not be all that is wrong
            counts = {name: each["counts"] for name, each in found["results"].items()}
            found["id"] = compute_fleet_plan_id(found["tenants"], counts, found["failed"])
    with pytest.raises(PlanFileError):
        parse_report(json.dumps(found))


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_document_is_refused(content: bytes) -> None:
    with pytest.raises(PlanFileError):
        parse_report(content)
