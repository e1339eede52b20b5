"""`fleet plan` is run with real processes by tests/integration/test_fleet_runs.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet.plan import FleetPlanOptions, run_fleet_plan
from reconciler.errors import FleetError, UsageError
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
