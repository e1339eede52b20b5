from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.fleet_results import write_result
from support.fleets import with_domains
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet import retry as module
from reconciler.commands.fleet.apply import FleetApplyOptions
from reconciler.commands.fleet.retry import FleetRetryOptions, run_fleet_retry
from reconciler.errors import ExitCode, UsageError
from reconciler.session.fleet.fleet_run import FleetRunOptions
from reconciler.session.fleet.selected import FleetSelection


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "fleet", ".")
    files = {f"tenants/{name}/users/a.yaml": "[]\n" for name in ("acme", "beta", "gamma")}
    repository.commit("first", {"fleet.yaml": "tenants: tenants/*\n", **with_domains(files)})
    return repository


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Return the verbs that were run, with their options, in place of running them."""
    found: list[tuple[str, Any]] = []
    for verb in ("plan", "apply", "drift"):

        def note(options: Any, _terminal: Any, verb: str = verb) -> ExitCode:
            found.append((verb, options))
            return ExitCode.PARTIAL

        monkeypatch.setattr(module, f"run_fleet_{verb}", note)
    return found


def retry(
    repository: GitRepository,
    *directories: Path,
    verb: str = "plan",
    out: Path | None = None,
    sandbox: bool = False,
    wave: str | None = None,
) -> tuple[ExitCode, RecordingTerminal]:
    terminal = RecordingTerminal()
    run = FleetRunOptions(FleetSelection(repository.root, wave=wave, shard="1/2"), out, sandbox=sandbox)
    again = FleetApplyOptions(run, auto_approve=True)
    return run_fleet_retry(FleetRetryOptions(directories, verb, again), terminal), terminal


@pytest.mark.parametrize("verb", ["plan", "apply", "drift"])
def test_failed_and_missing_tenants_are_run_again(
    repository: GitRepository, tmp_path: Path, begun: list[tuple[str, Any]], verb: str
) -> None:
    out = tmp_path / "out"
    for name, code in (("acme", 0), ("beta", 5)):
        write_result(out, name, commit=repository.head(), run="local", verb=verb, exit_code=code, began=12 - code)
    code, terminal = retry(repository, out, verb=verb)
    ((name, options),) = begun
    assert (code, name) == (ExitCode.PARTIAL, verb)
    assert options.run.selection == FleetSelection(repository.root, shard="1/2", only=frozenset({"beta", "gamma"}))
    assert options.run.out == out
    assert terminal.notes == ['Running again: 2 tenants, "beta", "gamma".']
    assert options.run.after == 12
    if verb == "apply":
        assert options.auto_approve
        assert options.results == (out,), "it can have the results of earlier waves, too"


def test_an_apply_is_run_again_for_one_wave(
    repository: GitRepository, tmp_path: Path, begun: list[tuple[str, Any]]
) -> None:
    """Tenants of a later wave that never began are missing, too: a closed gate keeps them from it."""
    waves = "waves: [{name: canary, tenants: [beta]}, {name: early, tenants: [acme]}, {name: rest}]\n"
    repository.commit("waves", {"fleet.yaml": f"tenants: tenants/*\n{waves}"})
    out = tmp_path / "out"
    write_result(out, "beta", commit=repository.head(), run="local", verb="apply", exit_code=5)
    _, terminal = retry(repository, out, verb="apply")
    assert terminal.notes == [
        'Running again: 1 tenant of the wave canary, "beta".',
        'Not run, because of later waves: 2 tenants, "acme", "gamma". Name the next one: --wave.',
    ]
    write_result(out, "beta", commit=repository.head(), run="local", verb="apply")
    retry(repository, out, verb="apply")
    _, terminal = retry(repository, out, verb="apply", wave="rest")
    assert terminal.notes == ['Running again: 1 tenant of the wave rest, "gamma".']
    found = [(each.run.selection.wave, each.run.selection.only) for _, each in begun]
    assert found == [("canary", {"beta"}), ("early", {"acme"}), ("rest", {"gamma"})]
    (tmp_path / "plans").mkdir()
    retry(repository, tmp_path / "plans", verb="plan")
    assert begun[-1][1].run.selection.only == {"acme", "beta", "gamma"}, "what cannot write needs no waves"


def test_nothing_is_run_if_all_went_well(
    repository: GitRepository, tmp_path: Path, begun: list[tuple[str, Any]]
) -> None:
    for name in ("acme", "beta", "gamma"):
        write_result(tmp_path / "out", name, commit=repository.head(), run="local")
    code, terminal = retry(repository, tmp_path / "out")
    assert (code, terminal.out, begun) == (
        ExitCode.OK,
        "No tenant failed, and no result is missing.\n",
        [],
    )


def test_of_several_directories_none_is_chosen(
    repository: GitRepository, tmp_path: Path, begun: list[tuple[str, Any]]
) -> None:
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match="there are several directories"):
        retry(repository, tmp_path / "1", tmp_path / "2")
    retry(repository, tmp_path / "1", tmp_path / "2", out=tmp_path / "3")
    assert begun[0][1].run.out == tmp_path / "3"


@pytest.mark.parametrize(
    ("earlier", "error"), [(True, "the results are of the sandbox"), (False, "the results are not of the sandbox")]
)
def test_a_retry_has_the_target_of_the_results(
    repository: GitRepository, tmp_path: Path, begun: list[tuple[str, Any]], *, earlier: bool, error: str
) -> None:
    out = tmp_path / "out"
    write_result(out, "acme", commit=repository.head(), run="local", sandbox=earlier)
    with pytest.raises(UsageError, match=error):
        retry(repository, out, sandbox=not earlier)
    assert begun == []
    retry(repository, out, sandbox=earlier)
    assert len(begun) == 1


def test_results_of_another_commit_are_not_run_again(
    repository: GitRepository, tmp_path: Path, begun: list[tuple[str, Any]]
) -> None:
    old = repository.head()
    for name in ("acme", "beta"):
        write_result(tmp_path / "out", name, commit=old, run="local")
    new = repository.commit("second", {"tenants/acme/users/b.yaml": "[]\n"})
    write_result(tmp_path / "out", "acme", commit=new, run="local")
    with pytest.raises(UsageError) as caught:
        retry(repository, tmp_path / "out")
    assert caught.value.summary == (
        f"1 result of commit {old[:12]}, HEAD is {new[:12]}: these tenants would all run again"
    )
    assert not begun


def test_tenants_with_one_token_are_run_again_though_they_went_well(
    repository: GitRepository, tmp_path: Path, begun: list[tuple[str, Any]]
) -> None:
    """No gate opens, and nothing is gathered, until both have run with tokens of their own."""
    out = tmp_path / "out"
    for name, check in (("acme", "a" * 12), ("beta", "b" * 12), ("gamma", "a" * 12)):
        write_result(out, name, commit=repository.head(), run="local", token_check=check)
    code, terminal = retry(repository, out)
    assert (code, begun[0][1].run.selection.only) == (ExitCode.PARTIAL, {"acme", "gamma"})
    assert terminal.notes[-1].startswith("Running again: 2 tenants")
