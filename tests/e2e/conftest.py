from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from support.command import TOKEN, CommandWorkspace
from support.servers.fake_scim import FakeScimServer, ServerFaults
from support.servers.patching import User

OpenWorkspace = Callable[..., CommandWorkspace]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenWorkspace]:
    """Starts an odd service with these users and gives a desk that targets it."""
    running: list[FakeScimServer] = []

    def open_workspace(users: Iterable[User] = (), faults: ServerFaults | None = None) -> CommandWorkspace:
        service = FakeScimServer(faults, users, TOKEN).start()
        running.append(service)
        return CommandWorkspace(tmp_path / f"desk-{len(running)}", service, monkeypatch)

    yield open_workspace
    for service in running:
        service.close()
