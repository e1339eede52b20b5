from __future__ import annotations

from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal

from reconciler.commands.login import LoginOptions, run_login
from reconciler.errors import ExitCode, UsageError
from reconciler.session.workspace import Workspace, current_time


def workspace(root: Path) -> Workspace:
    return Workspace(root / "desired-state", root / "plans", sandbox=False, now=current_time())


def test_the_options_are_judged_before_the_settings_are_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        run_login(workspace(tmp_path), LoginOptions(port=-1), RecordingTerminal())


def test_without_settings_there_is_no_login(tmp_path: Path) -> None:
    assert run_login(workspace(tmp_path), LoginOptions(), RecordingTerminal()) == ExitCode.ERROR
