"""Where a tenant is in its fleet, and which files it is made of."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.fleets import write_fleet
from support.git_repository import GitRepository

from reconciler.desired import layers
from reconciler.desired.directory import Directory
from reconciler.desired.fleet_files import parse_fleet
from reconciler.desired.fleet_schema import FleetEntry
from reconciler.desired.layers import is_layer, is_settings, list_top_files, list_tracked_names
from reconciler.desired.loader import BrokenState, check
from reconciler.desired.validation import LocatedModel
from reconciler.desired.work_tree import check_work_tree
from reconciler.desired.yaml_reader import Report

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def _commit(root: Path) -> Path:
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    return root


def _check(state: Path) -> tuple[list[str], str | None]:
    directory = Directory(state)
    directory.check_layout()
    directory.read_all()
    unseen = check_work_tree(directory)
    return [f"{item.origin}: {item.summary}" for item in directory.diagnostics], unseen


def test_the_place_in_a_fleet(tmp_path: Path) -> None:
    root = write_fleet(tmp_path)
    place, other = Directory(root / "tenants/acme").place, Directory(root / "tenants/beta").place
    assert place is not None
    assert (place.tenant, place.folders) == ("acme", ("../../defaults", "../../groups/schools"))
    assert other is not None
    assert (other.tenant, other.folders, other.group) == ("beta", ("../../defaults",), None)
    assert Directory(root).place is None
    assert Directory(root / "tenants").place is None


@pytest.mark.parametrize("where", [".", "tenants", "tenants/acme", "tenants/acme/users"])
def test_the_place_does_not_depend_on_where_the_command_runs(
    tmp_path: Path, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_fleet(tmp_path)
    monkeypatch.chdir(root / where)
    for state in (root / "tenants/acme", Path(*[".."] * len(Path(where).parts)) / "tenants/acme"):
        found = Directory(state).read_settings()
        assert found is not None
        assert found.value.target.tenant == "acme"


def test_a_folder_that_fleet_yaml_does_not_name_is_a_plain_desired_state(tmp_path: Path) -> None:
    root = write_fleet(tmp_path, fleet="tenants: [tenants/beta]\n", tenants__acme__settings="a: b\n")
    directory = Directory(root / "tenants/acme")
    directory.check_layout()
    assert directory.place is None
    assert [f"{item.origin}: {item.summary}" for item in directory.diagnostics] == [
        "tenant.yaml:1:1: this file is not read"
    ]
    assert _check(_commit(root) / "tenants/acme")[0] == ["tenant.yaml:1:1: this file is not read"]


def test_what_is_told_from_names() -> None:
    names = ["settings.yaml", "tenant.yaml", "../../fleet.yaml", "../../defaults/settings.yaml", "scope.yaml"]
    assert [is_settings(name) for name in names] == [True, True, True, True, False]
    assert not is_settings("users/settings.yaml")
    assert [is_layer(name) for name in names] == [False, False, True, True, False]
    assert list_top_files([*names, "users/scope.yaml"]) == [names[0], names[4], names[3]]


@pytest.mark.parametrize(
    "name", ["fleet.yaml", "defaults/settings.yaml", "groups/schools/settings.yaml", "tenants/acme/tenant.yaml"]
)
def test_a_tracked_file_of_a_layer_that_is_missing_is_an_error(tmp_path: Path, name: str) -> None:
    root = _commit(write_fleet(tmp_path))
    state = root / "tenants/acme"
    assert _check(state) == ([], None)
    (root / name).unlink()
    found, _ = _check(state)
    text = f"../../{name}:1:1: git tracks {name}, which is missing"
    own = "tenant.yaml:1:1: tenant.yaml is in git's index, but not in the work tree"
    assert (own if name.endswith("tenant.yaml") else text) in found


def test_a_file_of_a_layer_that_was_cut_off_is_an_error(tmp_path: Path) -> None:
    root = _commit(write_fleet(tmp_path))
    (root / "defaults/settings.yaml").write_text("target:\n  profile: scim\n  base_url: https://sci")
    found, _ = _check(root / "tenants/acme")
    assert found == ["../../defaults/settings.yaml:3:1: the file is cut off: git's index has more of its last line"]


def test_a_tenant_in_a_repository_of_its_own(tmp_path: Path) -> None:
    root = write_fleet(tmp_path)
    state = _commit(root / "tenants/acme")
    directory = Directory(state)
    assert "../../fleet.yaml" not in list_tracked_names(state, directory.place)
    assert "tenant.yaml" in list_tracked_names(state, directory.place)
    found = ["../../fleet.yaml:1:1: the tenant is in another git repository than its fleet.yaml"]
    assert _check(state) == (found, None)
    _commit(root)
    assert _check(state) == (found, None), "a submodule"


def test_a_plain_state_near_the_root_of_its_repository_asks_for_no_fleet(tmp_path: Path) -> None:
    _commit(write_fleet(tmp_path))
    assert "../../fleet.yaml" not in list_tracked_names(tmp_path / "tenants", None)
    assert "../../fleet.yaml" in list_tracked_names(tmp_path / "tenants/acme", None)


def test_fleet_yaml_is_parsed_once_for_all_tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_fleet(tmp_path, fleet="tenants: [tenants/acme, tenants/beta]\n")
    parsed: list[str] = []

    def parse(content: bytes, report: Report, name: str) -> LocatedModel[FleetEntry] | None:
        parsed.append(name)
        return parse_fleet(content, report, name)

    monkeypatch.setattr(layers, "parse_fleet", parse)
    layers._parse_valid.cache_clear()
    assert [Directory(root / "tenants" / name).place is not None for name in ("acme", "beta")] == [True, True]
    assert len(parsed) == 1
    (root / "fleet.yaml").write_text("tenants: [\n")
    for name in ("acme", "beta"):
        directory = Directory(root / "tenants" / name)
        assert directory.place is None
        assert directory.layers_unknown, "what is wrong is reported for each"


# --- files of layers that were lost ----------------------------------------------------


def _read_lost(root: Path, *lost: str, **changes: str | None) -> list[str]:
    """Commit a fleet, remove files of it, and return the errors of the tenant acme with their ways out."""
    repository = GitRepository(write_fleet(root, **changes), ".")
    repository.commit("base")
    for name in lost:
        (root / name).unlink()
    found = check(root / "tenants/acme", NOW)
    assert isinstance(found, BrokenState)
    return [f"{item.origin}: {item.summary}. {item.detail}" for item in found.diagnostics]


@pytest.mark.parametrize(
    "name", ["fleet.yaml", "defaults/settings.yaml", "groups/schools/settings.yaml", "defaults/scope.yaml"]
)
def test_a_lost_layer_is_restored_from_git(tmp_path: Path, name: str) -> None:
    root = tmp_path / "f"
    (found,) = _read_lost(root, name, defaults__scope="sync: all\n")
    assert found == (
        f"../../{name}:1:1: git tracks {name}, which is missing. `git -C {root} checkout -- {name}` restores it. "
        f"`git -C {root} rm -- {name}` removes it for good."
    )


def test_a_lost_layer_hides_no_other_error(tmp_path: Path) -> None:
    found = _read_lost(tmp_path / "f", "defaults/settings.yaml", tenants__acme__settings="gards: {}\n")
    assert [text.partition(". ")[0] for text in found] == [
        "../../defaults/settings.yaml:1:1: git tracks defaults/settings.yaml, which is missing",
        'settings.yaml:1:1: unknown key "gards"',
    ]


def test_without_git_a_layer_was_never_there(tmp_path: Path) -> None:
    found = check(write_fleet(tmp_path, defaults__settings=None) / "tenants/acme", NOW)
    assert [item.summary for item in found.diagnostics] == ['"profile" is missing', '"base_url" is missing']
