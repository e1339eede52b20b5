"""A file of a layer that is not read is an error: by the catalog of the fleet, and in each tenant by itself."""

from pathlib import Path

import pytest
from support.fleets import write_files, write_fleet

from reconciler.desired.directory import Directory
from reconciler.fleet.catalog import BrokenFleetError, read_fleet


def _list_errors(root: Path) -> list[str]:
    try:
        read_fleet(root)
    except BrokenFleetError as exc:
        return [f"{item.origin}: {item.summary}" for item in exc.diagnostics]
    return []


def _list_in_tenant(root: Path, tenant: str = "acme") -> list[str]:
    directory = Directory(root / "tenants" / tenant)
    directory.check_layout()
    return [f"{item.origin}: {item.summary}" for item in directory.diagnostics]


@pytest.mark.parametrize(
    "name",
    [
        *("defaults/scope.yml", "defaults/setings.yaml", "defaults/users.yaml", "defaults/.scope.yaml"),
        *("groups/schools/settings.yml", "groups/schools/tenant.yaml", "groups/schools/scope.json"),
    ],
)
def test_a_file_of_a_layer_that_is_not_read(tmp_path: Path, name: str) -> None:
    root = write_files(write_fleet(tmp_path), {name: "a: b\n"})
    what = "this hidden file is not read" if "/." in name else "this file is not read"
    assert _list_errors(root) == [f"{name}:1:1: {what}"]
    assert _list_in_tenant(root) == [f"../../{name}:1:1: {what}"]


@pytest.mark.parametrize("name", ["defaults/users/all.yaml", "groups/schools/groups/all.yaml"])
def test_a_folder_of_a_layer_that_is_not_read(tmp_path: Path, name: str) -> None:
    root = write_files(write_fleet(tmp_path), {name: "[]\n"})
    folder = name.rpartition("/")[0]
    assert _list_errors(root) == [f"{folder}:1:1: this directory is not read"]
    assert _list_in_tenant(root) == [f"../../{folder}:1:1: this directory is not read"]


def test_a_file_of_a_group_without_tenants_is_found_by_the_catalog(tmp_path: Path) -> None:
    files = {
        "groups/unused/scope.yml": "a: b\n",
        "groups/settings.yaml": "a: b\n",
        "groups/Banks/settings.yaml": "{}\n",
    }
    root = write_files(write_fleet(tmp_path), files)
    assert _list_errors(root) == [
        'groups/Banks:1:1: the folder "Banks" cannot be a group',
        "groups/settings.yaml:1:1: this file is not read",
        "groups/unused/scope.yml:1:1: this file is not read",
    ]
    assert _list_in_tenant(root) == []


@pytest.mark.parametrize("name", ["default", "Defaults", "group", "DEFAULTS ", "defautls"])
def test_a_layer_with_a_misspelt_name(tmp_path: Path, name: str) -> None:
    root = write_fleet(tmp_path)
    (root / "defaults").rename(root / name)
    assert _list_errors(root) == [f"{name}:1:1: this directory is not read"]
    assert _list_in_tenant(root, "beta") == [f"../../{name}:1:1: this directory is not read"]


def test_a_folder_of_tenants_may_be_named_like_a_layer(tmp_path: Path) -> None:
    root = write_files(
        write_fleet(tmp_path, fleet="tenants: [tenants/*, group/*]\n"),
        {"group/zoo/tenant.yaml": "domains: [zoo.example]\n"},
    )
    assert _list_errors(root) == []
    assert _list_in_tenant(root) == []


def test_a_group_that_is_lost(tmp_path: Path) -> None:
    root = write_fleet(tmp_path)
    (root / "groups/schools").rename(root / "groups/school")
    assert _list_in_tenant(root) == ["../../groups/schools:1:1: there is no group schools"]


@pytest.mark.parametrize("name", ["defaults", "groups", "groups/schools"])
def test_a_link_in_place_of_a_layer_even_to_nowhere(tmp_path: Path, name: str) -> None:
    root = write_fleet(tmp_path)
    (root / name).rename(root / "elsewhere")
    (root / name).symlink_to("nowhere")
    place = f"{name}:1:1: a link"
    assert any(item.startswith(place) for item in _list_errors(root))
    assert any(item.startswith(f"../../{place}") for item in _list_in_tenant(root))


def test_a_layer_that_is_a_file_or_a_repository_of_its_own(tmp_path: Path) -> None:
    root = write_files(write_fleet(tmp_path), {"groups/schools/.git/config": "", "groups/banks/.git": "gitdir: x\n"})
    found = "a git repository inside of the desired state"
    assert _list_errors(root) == [f"groups/{name}/.git:1:1: {found}" for name in ("banks", "schools")]
    assert _list_in_tenant(root) == [f"../../groups/schools/.git:1:1: {found}"]
    (root / "groups/.git").write_text("gitdir: x")
    assert _list_errors(root)[0] == f"groups/.git:1:1: {found}"
    (root / "defaults").rename(root / "moved")
    (root / "defaults").write_text("")
    assert "../../defaults:1:1: cannot be read: Not a directory" in _list_in_tenant(root)


def test_what_a_layer_may_hold_besides(tmp_path: Path) -> None:
    names = ("defaults/README.md", "defaults/.gitkeep", "groups/README.md", "groups/schools/mappings.yaml")
    root = write_files(write_fleet(tmp_path), dict.fromkeys(names, "x\n"))
    assert _list_errors(root) == []
    assert _list_in_tenant(root) == []
