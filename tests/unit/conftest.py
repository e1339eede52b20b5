from __future__ import annotations

import pytest
from support.recording_terminal import RecordingTerminal
from support.servers.fake_scim import FakeScimServer
from support.target_workspace import TargetWorkspace, build_target_workspace
from support.workspace import OpenWorkspace


@pytest.fixture
def terminal() -> RecordingTerminal:
    """A terminal that keeps what a command writes."""
    return RecordingTerminal()


@pytest.fixture
def target(open_workspace: OpenWorkspace) -> TargetWorkspace:
    """A workspace on a fake service, with one user that is desired and live."""
    service = FakeScimServer()
    return build_target_workspace(open_workspace(service), service)
