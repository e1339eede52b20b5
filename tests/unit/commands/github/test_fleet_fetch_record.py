from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fleet_server import BRANCH, FleetServer, serve_fleet
from support.recording_terminal import RecordingTerminal
from support.servers.http_server import Reply

from reconciler.commands.github.fleet_fetch_record import run_fleet_fetch_record
from reconciler.commands.github.fleet_push_record import run_fleet_push_record
from reconciler.errors import ExitCode, RepositoryError
from reconciler.fleet.applied import AppliedFleet, read_applied, write_applied


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetServer]:
    with serve_fleet(tmp_path, monkeypatch) as made:
        yield made


def test_how_far_applies_have_come_is_fetched_too(
    served: FleetServer, tmp_path: Path, terminal: RecordingTerminal
) -> None:
    one, other = served.clone("one"), served.clone("other")
    write_applied(other, "c" * 40, [])
    assert run_fleet_fetch_record(other, terminal) is ExitCode.OK
    assert read_applied(other) is None, "what the server does not have is not believed"
    assert (tmp_path / "outputs").read_text() == f"branch={BRANCH}\n"
    write_applied(one, "b" * 40, ["acme"])
    run_fleet_push_record(one, [tmp_path / "none"], "Ada <ada@example.com>", terminal)
    run_fleet_fetch_record(other, terminal)
    assert read_applied(other) == AppliedFleet("b" * 40, ("acme",))


def test_a_server_that_does_not_answer_is_no_empty_record(served: FleetServer, terminal: RecordingTerminal) -> None:
    root = served.clone("one")
    served.server.failing_users = [Reply(status=500)] * 5
    with pytest.raises(RepositoryError, match="the record branch"):
        run_fleet_fetch_record(root, terminal)


def test_without_a_branch_nothing_is_fetched(served: FleetServer, terminal: RecordingTerminal) -> None:
    root = served.clone("one")
    (root / "defaults/settings.yaml").unlink()
    assert run_fleet_fetch_record(root, terminal) is ExitCode.OK
    assert terminal.notes == ["defaults/settings.yaml names no record.branch: this run does not know of earlier ones."]
