from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.fleet_server import FleetServer, serve_fleet
from support.recording_terminal import RecordingTerminal
from support.servers.http_server import Reply

from reconciler.commands.github.fleet_newest import run_fleet_newest
from reconciler.errors import ExitCode, RepositoryError


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FleetServer]:
    with serve_fleet(tmp_path, monkeypatch) as made:
        monkeypatch.setenv("GITHUB_REF_NAME", made.origin.git("rev-parse", "--abbrev-ref", "HEAD").strip())
        yield made


def test_the_newest_commit_is_fetched_and_is_an_output(
    served: FleetServer, tmp_path: Path, terminal: RecordingTerminal
) -> None:
    root = served.clone("one")
    newest = served.origin.commit("Later", {"defaults/more": ""})
    assert run_fleet_newest(root, terminal) is ExitCode.OK
    assert (tmp_path / "outputs").read_text() == f"commit={newest}\n"
    assert served.origin.git("-C", str(root), "cat-file", "-t", newest).strip() == "commit"


def test_outside_of_a_workflow_it_is_printed(
    served: FleetServer, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_OUTPUT")
    run_fleet_newest(served.clone("one"), terminal)
    assert terminal.out == f"commit={served.origin.head()}\n"


def test_without_an_answer_there_is_no_output(served: FleetServer, tmp_path: Path, terminal: RecordingTerminal) -> None:
    root = served.clone("one")
    served.server.failing_users = [Reply(status=500)] * 5
    with pytest.raises(RepositoryError, match="the branch"):
        run_fleet_newest(root, terminal)
    assert not (tmp_path / "outputs").exists()
