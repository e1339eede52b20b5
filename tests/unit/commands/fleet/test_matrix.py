from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.fleets import with_domains, write_files
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet.matrix import MatrixOptions, run_matrix
from reconciler.errors import BlockedError, UsageError
from reconciler.session.fleet.selected import FleetSelection

USERS = "- userPrincipalName: ada@acme.example\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "fleet"
    repository = GitRepository(root, ".")
    users = {f"tenants/t{number}/users/a.yaml": USERS * number for number in range(1, 6)}
    repository.commit(
        "first", {"fleet.yaml": "tenants: tenants/*\nguards: {tenants_changed_by_defaults: 4}\n", **with_domains(users)}
    )
    repository.commit("second", {"tenants/t4/users/a.yaml": USERS * 7, "tenants/t5/users/a.yaml": USERS * 9})
    return root


def matrix(root: Path, terminal: RecordingTerminal | None = None, **options: object) -> list[dict[str, object]]:
    terminal = terminal or RecordingTerminal()
    names = ("base", "wave", "slice")
    selection = FleetSelection(root, **{name: options.pop(name) for name in names if name in options})  # type: ignore[arg-type]
    assert run_matrix(MatrixOptions(selection, **options), terminal) == 0  # type: ignore[arg-type]
    assert terminal.out.count("\n") == 1
    found: list[dict[str, object]] = json.loads(terminal.out)["include"]
    return found


def test_the_shards_are_balanced_by_users(root: Path) -> None:
    expected = [{"shard": "1/3", "users": 9}, {"shard": "2/3", "users": 7}, {"shard": "3/3", "users": 6}]
    assert matrix(root, shards=3) == expected


def test_there_are_no_more_shards_than_tenants_that_are_affected(root: Path) -> None:
    assert matrix(root, base="HEAD~1") == [{"shard": "1/2", "users": 9}, {"shard": "2/2", "users": 7}]
    assert matrix(root, base="HEAD") == []


def test_fleet_yaml_says_how_many_shards_by_default(root: Path) -> None:
    write_files(root, {"fleet.yaml": "tenants: tenants/*\ncaps: {shards: 1}\n"})
    assert matrix(root) == [{"shard": "1/1", "users": 22}]


def test_a_step_gets_the_matrix_and_whether_there_is_one(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / "outputs"))
    matrix(root, shards=1)
    matrix(root, base="HEAD")
    assert (tmp_path / "outputs").read_text() == (
        'matrix={"include":[{"shard":"1/1","users":22}]}\nany=true\nmatrix={"include":[]}\nany=false\n'
    )


def test_more_shards_than_github_starts_are_refused(root: Path) -> None:
    with pytest.raises(UsageError, match=r"--shards 257 is more than 256"):
        matrix(root, shards=257)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"verb": "destroy"}, '--verb "destroy" is not one of plan, apply, drift'),
        ({"wave": "x"}, '--wave "x" is not a wave of this fleet'),
        ({"slice": "25/24"}, '--slice "25/24" is not a part such as 3/32'),
    ],
)
def test_other_options_are_refused(root: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        matrix(root, **options)
    assert caught.value.summary == message


def test_what_the_defaults_change_for_many_is_applied_by_waves_only(root: Path) -> None:
    write_files(root, {"defaults/settings.yaml": "guards: {}\n"})
    with pytest.raises(BlockedError) as caught:
        matrix(root, base="HEAD", verb="apply")
    assert caught.value.summary == (
        "the guard tenants_changed_by_defaults blocks this: defaults, a group or the program change 5 tenants, "
        "the limit is 4"
    )
    assert caught.value.detail == (
        "Name `waves` in fleet.yaml, and apply it wave by wave: --wave.\n"
        "Or raise `guards: {tenants_changed_by_defaults: …}` in fleet.yaml, with a review."
    )
    assert len(matrix(root, base="HEAD", verb="plan")) == 5
    waves = "waves: [{name: one, tenants: [t1]}, {name: rest}]\n"
    guards = "guards: {tenants_changed_by_defaults: 4}\n"
    write_files(root, {"fleet.yaml": f"tenants: tenants/*\n{waves}{guards}"})
    with pytest.raises(BlockedError) as caught:
        matrix(root, base="HEAD", verb="apply")
    assert caught.value.detail.startswith("Apply it wave by wave: --wave, beginning with the first one.\n")
    assert len(matrix(root, base="HEAD", verb="apply", wave="rest")) == 4


def test_a_step_learns_which_wave_has_to_be_free_of_drift(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waves = "waves: [{name: one, tenants: [t1]}, {name: rest}]\nguards: {tenants_changed_by_defaults: 4}\n"
    write_files(root, {"fleet.yaml": f"tenants: tenants/*\n{waves}", "defaults/settings.yaml": "guards: {}\n"})
    for wave, proves in (("one", "true"), ("rest", "false")):
        monkeypatch.setenv("GITHUB_OUTPUT", str(tmp_path / wave))
        matrix(root, base="HEAD", verb="apply", wave=wave)
        assert (tmp_path / wave).read_text().endswith(f"any=true\nprove={proves}\n")
