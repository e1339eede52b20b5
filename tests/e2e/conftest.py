from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from support.command import TOKEN, CommandWorkspace, OpenCommandWorkspace
from support.servers.fake_scim import FakeScimServer, ServerFaults
from support.servers.patching import User


@pytest.fixture
def open_command_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenCommandWorkspace]:
    """Start a fake server with these users and faults, and return a workspace that targets it."""
    running: list[FakeScimServer] = []

    def start(users: Iterable[User] = (), faults: ServerFaults | None = None) -> CommandWorkspace:
        service = FakeScimServer(faults, users, TOKEN).start()
        running.append(service)
        return CommandWorkspace(tmp_path / f"workspace-{len(running)}", service, monkeypatch)

    yield start
    for service in running:
        service.close()
