from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings
from support.servers.fake_scim import FakeScimServer
from support.workspace import OpenWorkspace, Workspace

if TYPE_CHECKING:
    # Imports scim2-server: a second that most tests don't need.
    from support.servers.plain_scim import PlainScim
    from support.servers.postgres import PostgresServer

# `full` is the default; `make unit` takes `--hypothesis-profile=fast`. No deadline: how long an example takes depends
# on the machine.
settings.register_profile("full", deadline=None)
settings.register_profile("fast", deadline=None, max_examples=10)
# For a night on the parsers: pytest tests/integration/test_foreign_*.py --hypothesis-profile=deep
settings.register_profile("deep", deadline=None, max_examples=5_000)
settings.load_profile("full")


# A receipt names the run of GitHub Actions that wrote it: not that of the tests.
os.environ.pop("GITHUB_RUN_ID", None)


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Start no workers for tests of one file: they take longer to start than most files take to run."""
    files = {argument.partition("::")[0] for argument in config.args}
    return 0 if len(files) == 1 and Path(files.pop()).is_file() else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """How large `tests/chaos` is: the suite's size by default, a night's with `--chaos-users 1000 --chaos-kills 20`."""
    chaos = parser.getgroup("chaos")
    chaos.addoption("--chaos-users", type=int, default=50, help="users in a storm, 50 at least")
    chaos.addoption("--chaos-kills", type=int, default=3, help="kills in a storm")
    chaos.addoption("--chaos-rate", type=float, default=0.2, help="part of the requests that a fault happens to")
    chaos.addoption("--chaos-seed", type=int, action="append", help="seeds of storms, in place of the suite's")


@pytest.fixture
def open_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenWorkspace]:
    """Start a service and return a workspace that targets it."""
    running: list[FakeScimServer | PlainScim] = []

    def start(service: FakeScimServer | PlainScim) -> Workspace:
        service.start()
        running.append(service)
        return Workspace(tmp_path, service.base_url, service.token, monkeypatch)

    yield start
    for service in running:
        service.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Start a Postgres server; skip the test where there is none."""
    from support.servers.postgres import PostgresServer, find_postgres  # noqa: PLC0415 - most tests don't need it

    programs = find_postgres()
    if programs is None:
        pytest.skip("Postgres is not installed (apt-get install postgresql)")
    server = PostgresServer(programs)
    yield server
    server.close()
