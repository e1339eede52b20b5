from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.fleet_results import COMMIT, RUN, plan_id

from reconciler.fleet.affected import Affected, AffectedBy
from reconciler.fleet.fleet_guards import judge_blast_radius, judge_fleet
from reconciler.fleet.gathered import Gathered
from reconciler.fleet.model import Fleet, FleetGuards, FleetLimit, Wave
from reconciler.fleet.result import TenantResult

NONE = FleetGuards(FleetLimit(), FleetLimit(), None, None)


def fleet(**guards: Any) -> Fleet:
    values = {
        "failed": FleetLimit(),
        "removals": FleetLimit(),
        "tenants_changed_by_defaults": None,
        "new_tenants": None,
    }
    return Fleet(Path(), (), (Wave("canary", ("t0",)), Wave("rest")), guards=FleetGuards(**{**values, **guards}))


def results(number: int, bad: int = 0, verb: str = "apply", **counts: int) -> Gathered:
    found = {
        f"t{each}": TenantResult(f"t{each}", verb, COMMIT, RUN, 1 if each < bad else 0, plan_id(1), None, counts)
        for each in range(number)
    }
    return Gathered(found)


def judge(where: Fleet, gathered: Gathered, affected: Affected | None = None) -> list[tuple[str, str]]:
    return [(each.guard, each.found) for each in judge_fleet(where, gathered, affected)]


@pytest.mark.parametrize(
    ("limit", "bad", "found"),
    [
        (FleetLimit(3, 5), 3, None),
        (FleetLimit(3, 5), 4, "4 tenants of 100 failed, the limit is 3"),
        (FleetLimit(None, 5), 5, None),
        (FleetLimit(None, 5), 6, "6 tenants of 100 failed, the limit is 5 %"),
        (FleetLimit(0), 1, "1 tenant of 100 failed, the limit is 0"),
        (FleetLimit(), 100, None),
    ],
)
def test_how_many_tenants_may_fail(limit: FleetLimit, bad: int, found: str | None) -> None:
    assert judge(fleet(failed=limit), results(100, bad)) == ([("failed", found)] if found else [])


@pytest.mark.parametrize(
    ("limit", "total", "bad", "open_"),
    [
        (FleetLimit(3, 5), 1, 1, True),
        (FleetLimit(3, 5), 19, 1, True),
        (FleetLimit(3, 5), 39, 2, False),
        (FleetLimit(3, 5), 40, 2, True),
        (FleetLimit(3, 0), 19, 1, False),
        (FleetLimit(0, 5), 19, 1, False),
    ],
)
def test_one_failure_is_within_a_percentage_also_of_few_tenants(
    limit: FleetLimit, total: int, bad: int, open_: bool
) -> None:
    assert (judge(fleet(failed=limit), results(total, bad)) == []) == open_


def test_one_removal_is_within_a_percentage_also_of_few_users() -> None:
    where = fleet(removals=FleetLimit(20, 2))
    assert judge(where, results(1, delete=1, unchanged=5)) == []
    assert judge(where, results(1, delete=2, unchanged=5)) != []


@pytest.mark.parametrize(
    ("wave", "total", "bad", "found"),
    [
        ("canary", 100, 1, "1 tenant of 100 failed, the first wave allows none"),
        ("canary", 1, 1, "1 tenant of 1 failed, the first wave allows none"),
        ("canary", 100, 0, None),
        ("rest", 100, 1, None),
        ("rest", 1, 1, "1 tenant of 1 failed, and none went well"),
        (None, 1, 1, None),
    ],
)
def test_no_tenant_of_the_first_wave_may_fail(wave: str | None, total: int, bad: int, found: str | None) -> None:
    verdicts = judge_fleet(fleet(failed=FleetLimit(3, 5)), results(total, bad), None, wave)
    assert [each.found for each in verdicts] == ([found] if found else [])


def test_the_only_wave_is_as_any_other() -> None:
    where = Fleet(Path(), (), (Wave("all"),), guards=fleet().guards)
    assert list(judge_fleet(where, results(9, 1), None, "all")) == []


def test_a_missing_result_is_a_failed_tenant() -> None:
    gathered = Gathered({}, {"acme": "no result"})
    assert judge(fleet(failed=FleetLimit(0)), gathered) == [("failed", "1 tenant of 1 failed, the limit is 0")]


@pytest.mark.parametrize(("good", "bad", "open_"), [(1, 0, True), (0, 0, False), (0, 1, False)])
def test_a_wave_that_only_holds_its_tenants_proves_nothing(good: int, bad: int, open_: bool) -> None:
    held = TenantResult("held", "apply", COMMIT, RUN, 0, plan_id(1), held=True)
    gathered = Gathered({**results(good + bad, bad).results, "held": held})
    found = [each.found for each in judge_fleet(fleet(), gathered, None, "rest")]
    assert found == ([] if open_ else [f"1 tenant of {1 + bad} sent nothing, and none went well"])
    assert judge(fleet(), gathered) == []


def test_a_plan_that_is_held_keeps_no_gate_closed() -> None:
    held = TenantResult("held", "plan", COMMIT, RUN, 2, plan_id(1), held=True)
    assert list(judge_fleet(fleet(), Gathered({"held": held}), None, "rest")) == []


def test_removals_of_all_tenants_together() -> None:
    where = fleet(removals=FleetLimit(20, 2))
    assert judge(where, results(10, deactivate=1, delete=1, unchanged=98)) == []
    many = "30 users of 1,000 would be removed in all tenants, the limit is 20"
    assert judge(where, results(10, deactivate=1, delete=2, unchanged=97)) == [("removals", many)]
    share = "3 users of 100 would be removed in all tenants, the limit is 2 %"
    # New accounts are not managed yet: they must not make room for removals.
    found = judge(where, results(1, delete=3, unchanged=40, update=40, relink=10, reactivate=7, create=900, adopt=900))
    assert found == [("removals", share)]


def test_a_plan_that_drift_made_removes_what_waits_for_an_apply_too() -> None:
    where, share = (
        fleet(removals=FleetLimit(None, 2)),
        "3 users of 100 would be removed in all tenants, the limit is 2 %",
    )
    found = results(1, verb="drift", delete=1, not_applied=9, removals_not_applied=2, unchanged=97)
    assert judge(where, found) == [("removals", share)]
    assert judge(where, results(1, verb="drift", not_applied=9, removals_not_applied=2, unchanged=98)) == []


def test_new_tenants() -> None:
    affected = Affected({f"t{each}": (AffectedBy.NEW,) for each in range(6)}, "a" * 40)
    assert judge(fleet(new_tenants=6), results(1), affected) == []
    found = [("new_tenants", "6 new tenants, the limit is 5")]
    assert judge(fleet(new_tenants=5), results(1), affected) == found
    assert judge(fleet(new_tenants=0), results(1)) == []


# --- changes by defaults --------------------------------------------------------

CHANGED = Affected({f"t{each}": (AffectedBy.DEFAULTS,) for each in range(3)}, "a" * 40)


def test_few_tenants_may_change_by_defaults() -> None:
    assert judge_blast_radius(fleet(tenants_changed_by_defaults=3), CHANGED, {"t0"}, None) is None
    assert judge_blast_radius(fleet(), CHANGED, {"t0"}, None) is None
    own = Affected({f"t{each}": (AffectedBy.OWN_FILES,) for each in range(9)}, "a" * 40)
    assert judge_blast_radius(fleet(tenants_changed_by_defaults=0), own, {"t0"}, None) is None


def test_many_need_waves() -> None:
    where = Fleet(Path(), (), guards=fleet(tenants_changed_by_defaults=2).guards)
    found = judge_blast_radius(where, CHANGED, None, None)
    assert found is not None
    assert found.found == "defaults, a group or the program change 3 tenants, the limit is 2"
    assert judge_blast_radius(fleet(tenants_changed_by_defaults=2), CHANGED, None, None) is None


@pytest.mark.parametrize(
    ("drift", "free"),
    [
        (None, False),
        (results(0), False),
        (results(1, verb="drift"), True),
        (results(1, verb="drift", unchanged=5, unmanaged=2), True),
        (results(1, bad=1, verb="drift"), False),
        *((results(1, verb="drift", **{name: 1}), False) for name in ("create", "update", "adopt", "deactivate")),
        *((results(1, verb="drift", **{name: 1}), False) for name in ("delete", "relink", "reactivate", "failed")),
    ],
)
def test_the_first_wave_has_to_be_free_of_drift(drift: Gathered | None, free: bool) -> None:
    found = judge_blast_radius(fleet(tenants_changed_by_defaults=2), CHANGED, {"t0"}, drift)
    assert (found is None) == free
    if found is not None:
        assert found.found == (
            "defaults, a group or the program change 3 tenants, the limit is 2; "
            "1 tenant of the first wave without a drift that shows no differences"
        )
