from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal
from support.workflow_step import Step, workflow_step


@pytest.fixture
def step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, terminal: RecordingTerminal) -> Iterator[Step]:
    """Run the test as a step of a workflow."""
    with workflow_step(tmp_path, monkeypatch, terminal) as found:
        yield found
