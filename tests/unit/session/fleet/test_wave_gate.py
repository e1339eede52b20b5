"""The judgement itself is tested through `fleet gate`: tests/unit/commands/fleet/test_gate.py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.fleet_results import write_result
from support.fleets import with_domains
from support.git_repository import GitRepository
from support.plans import every_action
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet.gather import GatherOutput, run_gather
from reconciler.errors import BlockedError, ExitCode, UsageError
from reconciler.fleet.applied import write_applied
from reconciler.record.plan_file import to_json
from reconciler.session.fleet.gathering import GatherOptions
from reconciler.session.fleet.selected import FleetSelection, load_selected
from reconciler.session.fleet.wave_gate import check_earlier_waves

NAMES = ("acme", "beta", "gamma")
FLEET = """
tenants: tenants/*
waves: [{name: canary, tenants: [acme]}, {name: early, tenants: [beta]}, {name: rest}]
guards: {tenants_changed_by_defaults: 2, failed: {count: 0}}
"""


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "fleet", ".")
    files = with_domains({f"tenants/{name}/users/a.yaml": "[]\n" for name in NAMES})
    repository.commit("first", {"fleet.yaml": FLEET, ".gitignore": "/fleet/\n", **files})
    write_applied(repository.root, repository.head(), [])
    return repository


def check(repository: GitRepository, wave: str | None, *results: Path, **more: Any) -> None:
    selection = FleetSelection(repository.root, wave=wave, **more)
    check_earlier_waves(load_selected(selection, RecordingTerminal()), selection, results)


def write(directory: Path, repository: GitRepository, *names: str, **fields: Any) -> Path:
    for name in names:
        write_result(directory, name, **{"commit": repository.head(), "run": "local", "verb": "apply", **fields})
    return directory


@pytest.mark.parametrize("wave", [None, "canary"])
def test_the_first_wave_and_an_apply_of_all_need_no_results(repository: GitRepository, wave: str | None) -> None:
    check(repository, wave)


def test_a_later_wave_needs_the_results_of_each_earlier_one(repository: GitRepository, tmp_path: Path) -> None:
    with pytest.raises(BlockedError) as caught:
        check(repository, "rest")
    assert caught.value.exit_code == ExitCode.BLOCKED
    assert str(caught.value.summary) == 'no result of the wave canary, which goes before rest: "acme"'
    assert caught.value.detail == (
        "Name the directories that the applies and drift runs of the waves before rest wrote to: --results DIR."
    )
    one = write(tmp_path / "1", repository, "acme")
    check(repository, "early", one)
    with pytest.raises(BlockedError, match="no result of the wave early, which goes before rest"):
        check(repository, "rest", one)
    check(repository, "rest", one, write(tmp_path / "2", repository, "beta"))


@pytest.mark.parametrize("fields", [{"exit_code": 5}, {"commit": "f" * 40}, {"run": "17/1"}, {"verb": "plan"}])
def test_what_closes_a_gate_stops_the_apply(repository: GitRepository, tmp_path: Path, fields: dict[str, Any]) -> None:
    with pytest.raises(BlockedError, match="canary") as caught:
        check(repository, "early", write(tmp_path / "1", repository, "acme", **fields))
    assert ("exit_code" in fields) or ": it does not count)" in caught.value.summary


def test_the_message_says_which_guard_closes_which_gate(repository: GitRepository, tmp_path: Path) -> None:
    with pytest.raises(BlockedError) as caught:
        check(repository, "rest", write(tmp_path / "1", repository, "acme", exit_code=5))
    assert caught.value.summary == (
        "the gate after canary is closed, so rest cannot begin: the guard failed blocks, "
        "1 tenant of 1 failed, the limit is 0"
    )
    assert "fleet retry DIR…" in (caught.value.detail or "")


def test_a_part_of_the_wave_needs_the_whole_of_the_earlier_ones(repository: GitRepository, tmp_path: Path) -> None:
    repository.commit("waves", {"fleet.yaml": FLEET.replace("[acme]", "[acme, gamma]")})
    write_applied(repository.root, repository.head(), [])
    one = write(tmp_path / "1", repository, "acme")
    slices = ({"slice": f"{number}/3"} for number in (1, 2, 3))
    for more in ({"shard": "1/2"}, {"shard": "2/2"}, *slices, {"only": frozenset({"beta"})}):
        with pytest.raises(BlockedError, match="the gate after canary is closed"):
            check(repository, "early", one, **more)
        check(repository, "early", write(tmp_path / "2", repository, *NAMES), **more)


def test_nothing_is_asked_of_waves_that_the_apply_is_not_about(repository: GitRepository, tmp_path: Path) -> None:
    plans = write(tmp_path / "plan", repository, "gamma", verb="plan")
    repository.commit("change", {"tenants/gamma/users/a.yaml": "# 2\n[]\n"})
    check(repository, "rest", base="HEAD~1")
    write(plans, repository, "gamma", verb="plan")
    selection = FleetSelection(repository.root, only=frozenset({"gamma"}))
    run_gather(GatherOptions(selection, (plans,)), GatherOutput(), RecordingTerminal())
    check(repository, "rest", plans=plans)


def test_plans_without_a_fleet_plan_are_judged_between_waves_too(repository: GitRepository, tmp_path: Path) -> None:
    plans = tmp_path / "plans"
    for name in NAMES:
        (plans / name).mkdir(parents=True)
        (plans / name / "plan.json").write_text(to_json(every_action()))
    one = write(tmp_path / "1", repository, "acme")
    check(repository, "early", one, plans=plans)
    with pytest.raises(BlockedError, match="the gate after canary is closed"):
        check(repository, "early", write(tmp_path / "1", repository, "acme", exit_code=5), plans=plans)


def test_a_change_by_defaults_needs_a_first_wave_that_is_free_of_drift(
    repository: GitRepository, tmp_path: Path
) -> None:
    repository.commit("defaults", {"defaults/scope.yaml": "sync: all\n"})
    one = write(tmp_path / "1", repository, "acme")
    with pytest.raises(BlockedError, match="the guard tenants_changed_by_defaults blocks"):
        check(repository, "early", one)
    drift = write(tmp_path / "2", repository, "acme", verb="drift", counts={"update": 1})
    with pytest.raises(BlockedError, match="the guard tenants_changed_by_defaults blocks"):
        check(repository, "early", one, drift)
    write(drift, repository, "acme", verb="drift")
    check(repository, "early", one, drift)


def test_results_of_the_sandbox_prove_nothing(repository: GitRepository, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="of the sandbox: they open no gate"):
        check(repository, "early", write(tmp_path / "1", repository, "acme", sandbox=True))
