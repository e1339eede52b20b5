"""`fleet apply` is run with real processes by tests/integration/test_fleet_runs.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet.apply import FleetApplyOptions, run_fleet_apply
from reconciler.errors import UsageError
from reconciler.session.fleet.fleet_run import FleetRunOptions
from reconciler.session.fleet.selected import FleetSelection


@pytest.mark.parametrize(
    ("plans", "auto_approve", "problem"),
    [
        (None, False, "there is no terminal to ask on"),
        (Path("out"), True, "--auto-approve cannot be combined with --plans"),
        (Path("none"), False, "--plans: none does not exist"),
    ],
)
def test_options_that_do_not_go_together_stop_before_anything(
    tmp_path: Path, plans: Path | None, problem: str, *, auto_approve: bool
) -> None:
    options = FleetApplyOptions(FleetRunOptions(FleetSelection(tmp_path)), plans, auto_approve)
    with pytest.raises(UsageError, match=problem):
        run_fleet_apply(options, RecordingTerminal())
