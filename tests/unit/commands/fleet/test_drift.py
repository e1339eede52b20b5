"""`fleet drift` is run with real processes by tests/integration/test_fleet_runs.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet.drift import run_fleet_drift
from reconciler.commands.fleet.plan import FleetPlanOptions
from reconciler.errors import FleetError
from reconciler.session.fleet.fleet_run import FleetRunOptions
from reconciler.session.fleet.selected import FleetSelection


def test_a_directory_without_a_fleet_is_one_error(tmp_path: Path) -> None:
    options = FleetPlanOptions(FleetRunOptions(FleetSelection(tmp_path)))
    with pytest.raises(FleetError, match=r"there is no fleet\.yaml"):
        run_fleet_drift(options, RecordingTerminal())
