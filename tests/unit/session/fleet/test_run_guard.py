from __future__ import annotations

from pathlib import Path

import pytest
from support.fleet_results import COMMIT

from reconciler.fleet.model import Fleet, FleetGuards, FleetLimit
from reconciler.fleet.result import TenantResult
from reconciler.session.fleet.run_guard import RunGuard

FAILED = "the limit of failed tenants was reached"


def result(code: int = 0, error: str = "", **counts: int) -> TenantResult:
    return TenantResult("acme", "apply", COMMIT, "local", code, counts=counts, error=error)


def make(failed: FleetLimit, total: int = 100, lifted: tuple[str, ...] = ()) -> RunGuard:
    return RunGuard(Fleet(Path(), (), guards=FleetGuards(failed, FleetLimit(2))), total, lifted)


@pytest.mark.parametrize(
    ("limit", "total", "allowed"),
    [(FleetLimit(1), 100, 1), (FleetLimit(0), 100, 0), (FleetLimit(), 100, 9), (FleetLimit(9, 2), 100, 2)],
)
def test_beyond_the_limit_of_failed_tenants_none_is_begun(limit: FleetLimit, total: int, allowed: int) -> None:
    guard = make(limit, total)
    for _ in range(allowed):
        guard.add(result(5))
        assert guard.hold() == ""
    guard.add(result(2))
    assert guard.hold() == ""
    guard.add(result(1))
    assert guard.hold() == ("" if limit == FleetLimit() else FAILED)


def test_removals_count_together_unless_an_approval_lifts_their_limit() -> None:
    for lifted, why in (((), "the limit of removed users was reached"), (("removals",), "")):
        guard = make(FleetLimit(), lifted=lifted)
        guard.add(result(deactivate=1, update=7))
        guard.add(result(delete=1))
        assert guard.hold() == ""
        guard.add(result(deactivate=1))
        assert guard.hold() == why


def test_it_knows_whether_tenants_were_not_begun() -> None:
    guard = make(FleetLimit(0))
    guard.add(result(3, "the guard removals blocks it"))
    guard.hold()
    guard.add(result(3, "the guard removals blocks it"))
    assert not guard.stopped, "these were in flight"
    guard.add(result(3, f"not begun: {FAILED}"))
    assert guard.stopped
