from __future__ import annotations

from pathlib import Path

import pytest
from support.fleets import write_fleet
from support.recording_terminal import RecordingTerminal

from reconciler.commands.github.fleet_tokens import run_fleet_tokens
from reconciler.errors import ExitCode, FleetError, TargetError, UsageError
from reconciler.session.fleet.selected import FleetSelection

TOKENS = '{"acme": "t0k3n%-a", "stranger": "t0k3n-s"}'


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "temp").mkdir()
    monkeypatch.setenv("RUNNER_TEMP", str(tmp_path / "temp"))
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    monkeypatch.setenv("RECONCILER_FLEET_TOKENS", TOKENS)
    return write_fleet(tmp_path / "fleet")


def test_the_tokens_of_the_job_are_masked_and_written(fleet: Path, tmp_path: Path, terminal: RecordingTerminal) -> None:
    assert run_fleet_tokens(FleetSelection(fleet), terminal) is ExitCode.OK
    (made,) = (tmp_path / "temp").iterdir()
    assert {each.name: each.read_text() for each in made.iterdir()} == {"acme": "t0k3n%-a"}
    assert (tmp_path / "outputs").read_text() == f"dir={made}\n"
    assert terminal.out == "::add-mask::t0k3n%25-a\n::add-mask::t0k3n-s\n"
    assert terminal.notes == [
        'RECONCILER_FLEET_TOKENS has no token for "beta".',
        "This job has 1 token of 2.",
    ]


def test_a_shard_has_the_tokens_of_its_tenants_only(fleet: Path, tmp_path: Path, terminal: RecordingTerminal) -> None:
    shards = []
    for number in (1, 2):
        run_fleet_tokens(FleetSelection(fleet, shard=f"{number}/2"), terminal)
        made = Path((tmp_path / "outputs").read_text().splitlines()[-1].removeprefix("dir="))
        shards.append([each.name for each in made.iterdir()])
    assert sorted(shards) == [[], ["acme"]]


def test_tokens_are_masked_before_anything_can_fail(fleet: Path, tmp_path: Path, terminal: RecordingTerminal) -> None:
    (fleet / "fleet.yaml").write_text("tenants: 7\n")
    with pytest.raises(FleetError):
        run_fleet_tokens(FleetSelection(fleet), terminal)
    assert terminal.out.count("::add-mask::") == 2
    assert list((tmp_path / "temp").iterdir()) == []


@pytest.mark.parametrize("value", ["", "  "])
def test_without_the_secret_nothing_is_done(
    fleet: Path, tmp_path: Path, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("RECONCILER_FLEET_TOKENS", value)
    assert run_fleet_tokens(FleetSelection(fleet), terminal) is ExitCode.OK
    assert not (tmp_path / "outputs").exists()
    assert terminal.out == ""


@pytest.mark.parametrize(("name", "value"), [("GITHUB_OUTPUT", ""), ("RUNNER_TEMP", ""), ("RUNNER_TEMP", "relative")])
def test_outside_of_a_workflow_no_token_is_shown(
    fleet: Path, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match="not a workflow of GitHub Actions"):
        run_fleet_tokens(FleetSelection(fleet), terminal)
    assert terminal.out == ""


def test_another_form_is_an_error(fleet: Path, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_FLEET_TOKENS", "t0k3n")
    with pytest.raises(TargetError, match="is not JSON"):
        run_fleet_tokens(FleetSelection(fleet), terminal)
    assert terminal.out == ""
