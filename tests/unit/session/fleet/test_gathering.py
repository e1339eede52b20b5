from __future__ import annotations

from pathlib import Path

import pytest
from support.fleet_results import write_result
from support.fleets import with_domains
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal

from reconciler.errors import RepositoryError
from reconciler.session.fleet.gathering import GatherOptions, gather_other, load_gathering
from reconciler.session.fleet.selected import FleetSelection


def test_results_of_this_commit_and_run_are_gathered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_RUN_ID", "17")
    monkeypatch.setenv("GITHUB_RUN_ATTEMPT", "2")
    repository = GitRepository(tmp_path / "fleet", ".")
    files = {f"tenants/{name}/users/a.yaml": "[]\n" for name in ("acme", "beta")}
    commit = repository.commit("first", {"fleet.yaml": "tenants: tenants/*\n", **with_domains(files)})
    write_result(tmp_path / "out", "acme", commit=commit, run="17/1")
    write_result(tmp_path / "drift", "beta", commit=commit, run="17/2", verb="drift")
    options = GatherOptions(FleetSelection(repository.root), (tmp_path / "out",))
    found = load_gathering(options, RecordingTerminal())
    assert (list(found.gathered.results), list(found.gathered.missing)) == (["acme"], ["beta"])
    assert list(gather_other(found, [tmp_path / "drift"], "drift").results) == ["beta"]


def test_without_a_commit_no_result_counts(tmp_path: Path) -> None:
    options = GatherOptions(FleetSelection(tmp_path), (tmp_path,))
    with pytest.raises(RepositoryError, match="the fleet is not in a git repository with a commit") as caught:
        load_gathering(options, RecordingTerminal())
    assert "git commit" in caught.value.detail
