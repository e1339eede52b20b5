"""`fleet plan` is run with real processes by tests/integration/test_fleet_runs.py."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from support.fleets import with_domains, write_files
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet import plan
from reconciler.commands.fleet.plan import FleetPlanOptions, run_fleet_plan
from reconciler.errors import FleetError, UsageError
from reconciler.fleet.result import TenantResult
from reconciler.session.fleet.fleet_run import FleetRunOptions
from reconciler.session.fleet.selected import FleetSelection


def test_a_directory_without_a_fleet_is_one_error(tmp_path: Path) -> None:
    options = FleetPlanOptions(FleetRunOptions(FleetSelection(tmp_path)))
    with pytest.raises(FleetError, match=r"there is no fleet\.yaml"):
        run_fleet_plan(options, RecordingTerminal())


def test_a_date_is_checked_before_anything_is_started(tmp_path: Path) -> None:
    options = FleetPlanOptions(FleetRunOptions(FleetSelection(tmp_path), now="soon"))
    with pytest.raises(UsageError, match='--now "soon" is not a date'):
        run_fleet_plan(options, RecordingTerminal())


def test_the_apply_of_the_plans_is_named_with_the_same_selection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"fleet.yaml": "tenants: tenants/*\n", "tenants/acme/users/a.yaml": "[]\n"}
    fleet = write_files(tmp_path / "a fleet", with_domains(files))
    result = TenantResult("acme", "plan", "c" * 40, "7/1", 0, counts={"create": 1})
    for only, code, named in ((None, 0, True), (frozenset({"acme"}), 0, False), (None, 1, False)):
        monkeypatch.setattr(plan, "run_tasks", lambda *_, code=code: [replace(result, exit_code=code)])
        terminal = RecordingTerminal()
        chosen = FleetSelection(fleet, slice="1/1", only=only)
        run_fleet_plan(FleetPlanOptions(FleetRunOptions(chosen, tmp_path / "out", sandbox=True)), terminal)
        command = f"reconciler fleet apply --fleet '{fleet}' --slice 1/1 --sandbox --plans {tmp_path / 'out'}"
        assert (f"To apply these plans: {command}" in terminal.notes) is named
