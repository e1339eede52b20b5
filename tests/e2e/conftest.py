from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest
from e2e.harness import TOKEN, Desk
from servers.odd_scim import Oddities, OddScim
from servers.patching import User

OpenDesk = Callable[..., Desk]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenDesk]:
    """Starts an odd service with these users and gives a desk that targets it."""
    running: list[OddScim] = []

    def open_desk(users: Iterable[User] = (), oddities: Oddities | None = None) -> Desk:
        service = OddScim(oddities, users, TOKEN).start()
        running.append(service)
        return Desk(tmp_path / f"desk-{len(running)}", service, monkeypatch)

    yield open_desk
    for service in running:
        service.close()
