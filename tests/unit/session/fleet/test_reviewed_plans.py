from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from support.fleet_workspace import make_fleet_plan
from support.plans import every_action

from reconciler.errors import PlanFileError, UsageError
from reconciler.fleet.plan_counts import count_plan
from reconciler.record.plan_file import to_json
from reconciler.session.fleet.reviewed_plans import (
    check_counts,
    collect_plans,
    read_reviewed_fleet_plan,
    read_reviewed_plans,
)

PLAN_ID = f"sha256:{'a' * 64}"


def test_a_directory_of_plans_has_those_that_were_reviewed(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme" / "plan.json").touch()
    found = read_reviewed_plans(tmp_path)
    assert found.find("acme") == (tmp_path / "acme" / "plan.json", None)
    assert found.find("globex") is None


@pytest.mark.parametrize("named", ["", "fleet-plan.json"])
def test_a_fleet_plan_says_which_plans_were_reviewed(tmp_path: Path, named: str) -> None:
    (tmp_path / "fleet-plan.json").write_text(make_fleet_plan({"acme": PLAN_ID}))
    (tmp_path / "globex").mkdir()
    (tmp_path / "globex" / "plan.json").touch()
    found = read_reviewed_plans(tmp_path / named)
    assert found.find("acme") == (tmp_path / "acme" / "plan.json", PLAN_ID)
    assert found.find("globex") is None, "its plan is there, and was not reviewed"


def test_another_file_is_no_fleet_plan(tmp_path: Path) -> None:
    file = tmp_path / "fleet-plan.json"
    file.write_text("{}")
    with pytest.raises(PlanFileError, match="is no plan of a fleet, or of another version"):
        read_reviewed_plans(file)


def test_a_missing_directory_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--plans: .* does not exist"):
        read_reviewed_plans(tmp_path / "none")


def test_plans_without_a_fleet_plan_are_counted_as_one_would_be(tmp_path: Path) -> None:
    plan = every_action()
    for name in ("acme", "beta", "broken", "gone"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plan.json").write_text(to_json(plan) if name != "broken" else "{}")
    found = collect_plans(tmp_path, ["acme", "beta", "broken", "none"])
    counts = Counter(each.action.value for each in plan.changes)
    removals = 2 * (counts["deactivate"] + counts["delete"])
    assert removals
    assert (found.tenants, found.failed) == (dict.fromkeys(("acme", "beta"), plan.plan_id), {"broken"})
    assert (found.removals, found.totals.tenants, found.totals.failed) == (removals, 3, 1)
    assert found.managed == 2 * (
        plan.tally.unchanged + sum(counts[each] for each in ("update", "relink", "reactivate", "deactivate", "delete"))
    )


@pytest.mark.parametrize("named", ["", "fleet-plan.json"])
def test_a_plan_that_removes_more_than_was_reviewed_is_refused(tmp_path: Path, named: str) -> None:
    plan = every_action()
    (tmp_path / "acme").mkdir()
    (tmp_path / "acme/plan.json").write_text(to_json(plan))
    counted = count_plan(to_json(plan).encode())
    assert counted is not None
    for counts in (counted.counts, {"unchanged": 5}):
        (tmp_path / "fleet-plan.json").write_text(make_fleet_plan({"acme": plan.plan_id, "gone": PLAN_ID}, **counts))
        reviewed = read_reviewed_fleet_plan(tmp_path)
        assert reviewed is not None
        if counts == counted.counts:
            check_counts(reviewed, tmp_path / named)
            continue
        with pytest.raises(PlanFileError, match="acme removes 2 of 7 users, and the fleet plan says 0 of 5"):
            check_counts(reviewed, tmp_path / named)
