from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.fleets import write_fleet
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet.status import run_fleet_status
from reconciler.errors import ExitCode, UsageError


def test_tenants_without_an_apply_need_attention(tmp_path: Path) -> None:
    terminal = RecordingTerminal()
    assert run_fleet_status(write_fleet(tmp_path), "text", terminal) == ExitCode.ERROR
    assert terminal.out == (
        "2 of 2 tenants need attention.\n"
        "No check for drift is on record for 2 tenants: `reconciler fleet drift`.\n"
        "\n"
        "2 tenants: no apply on record\n"
        "  acme, beta\n"
    )


def test_the_json_has_the_same(tmp_path: Path) -> None:
    terminal = RecordingTerminal()
    run_fleet_status(write_fleet(tmp_path), "json", terminal)
    assert list(json.loads(terminal.out)["tenants"]) == ["acme", "beta"]
    with pytest.raises(UsageError):
        run_fleet_status(tmp_path, "html", terminal)
