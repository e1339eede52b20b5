"""`fleet apply` is run with real processes by tests/integration/test_fleet_runs.py."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.fleets import with_domains, write_files
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet.apply import FleetApplyOptions, run_fleet_apply
from reconciler.errors import BlockedError, RepositoryError, UsageError
from reconciler.session.fleet.fleet_run import FleetRunOptions
from reconciler.session.fleet.selected import FleetSelection


@pytest.mark.parametrize(
    ("plans", "auto_approve", "problem"),
    [
        (None, False, "there is no terminal to ask on"),
        (Path("out"), True, "--auto-approve cannot be combined with --plans"),
        (Path("none"), False, "--plans: none does not exist"),
    ],
)
def test_options_that_do_not_go_together_stop_before_anything(
    tmp_path: Path, plans: Path | None, problem: str, *, auto_approve: bool
) -> None:
    options = FleetApplyOptions(FleetRunOptions(FleetSelection(tmp_path)), plans, auto_approve)
    with pytest.raises(UsageError, match=problem):
        run_fleet_apply(options, RecordingTerminal())


def test_a_change_for_many_without_waves_stops_before_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECONCILER_TOKEN_DIR", str(tmp_path / "tokens"))
    monkeypatch.delenv("RECONCILER_TOKEN", raising=False)
    users = {f"tenants/t{number}/users/a.yaml": "[]\n" for number in range(3)}
    guards = "guards: {tenants_changed_by_defaults: 2}\n"
    root = write_files(tmp_path / "fleet", {"fleet.yaml": f"tenants: tenants/*\n{guards}", **with_domains(users)})
    out = tmp_path / "out"
    options = FleetApplyOptions(FleetRunOptions(FleetSelection(root), out), auto_approve=True)
    with pytest.raises(BlockedError, match="defaults, a group or the program change 3 tenants, the limit is 2"):
        run_fleet_apply(options, RecordingTerminal())
    assert not out.exists(), "no process was started"


@pytest.mark.parametrize("newest", ["", "main", "f" * 40, "-x"])
def test_nothing_is_applied_without_the_newest_commit(tmp_path: Path, newest: str) -> None:
    repository = GitRepository(tmp_path / "fleet", ".")
    repository.commit("first", {"fleet.yaml": "tenants: tenants/*\n", **with_domains({"tenants/a/users/a.yaml": ""})})
    out = tmp_path / "out"
    run = FleetRunOptions(FleetSelection(repository.root), out, sandbox=True)
    with pytest.raises(RepositoryError, match="is not in this repository") as caught:
        run_fleet_apply(FleetApplyOptions(run, auto_approve=True, newest=newest), RecordingTerminal())
    assert "Nothing is applied without the newest commit" in (caught.value.detail or "")
    assert not out.exists(), "no process was started"


def test_a_later_wave_stops_before_anything_without_the_results_of_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECONCILER_TOKEN_DIR", str(tmp_path / "tokens"))
    monkeypatch.delenv("RECONCILER_TOKEN", raising=False)
    repository = GitRepository(tmp_path / "fleet", ".")
    waves = "waves: [{name: canary, tenants: [a]}, {name: rest}]\n"
    users = with_domains({f"tenants/{name}/users/a.yaml": "[]\n" for name in "ab"})
    repository.commit("first", {"fleet.yaml": f"tenants: tenants/*\n{waves}", **users})
    out = tmp_path / "out"
    options = FleetApplyOptions(
        FleetRunOptions(FleetSelection(repository.root, wave="rest"), out), auto_approve=True, results=(tmp_path,)
    )
    with pytest.raises(BlockedError, match='no result of the wave canary, which goes before rest: "a"'):
        run_fleet_apply(options, RecordingTerminal())
    assert not out.exists(), "no process was started"
