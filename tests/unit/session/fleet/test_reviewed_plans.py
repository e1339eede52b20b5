from __future__ import annotations

from pathlib import Path

import pytest
from support.fleet_workspace import make_fleet_plan

from reconciler.errors import PlanFileError, UsageError
from reconciler.session.fleet.reviewed_plans import read_reviewed_plans

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
