"""An error in a group that no tenant is in is found."""

from pathlib import Path

from support.fleets import write_files, write_fleet

from reconciler.fleet.catalog import read_fleet
from reconciler.fleet.unused_groups import find_errors_of_unused


def find(root: Path, files: dict[str, str]) -> list[str]:
    fleet = read_fleet(write_files(write_fleet(root), {f"groups/unused/{name}": text for name, text in files.items()}))
    return [f"{item.origin}: {item.summary}" for item in find_errors_of_unused(fleet)]


def test_a_part_is_valid(tmp_path: Path) -> None:
    files = {
        "settings.yaml": "guards: {removals: {count: 5}}\nfinal: [ownership]\ntarget: {}\n",
        "scope.yaml": "excluded: {users: [x]}\n",
        "mappings.yaml": "- {target: userName, source: mail}\n",
    }
    assert find(tmp_path, files) == []


def test_groups_of_tenants_are_left_out(tmp_path: Path) -> None:
    assert find(write_files(tmp_path, {"groups/schools/scope.yaml": "sync: some\n"}), {}) == []


def test_what_is_not_yaml(tmp_path: Path) -> None:
    files = {"settings.yaml": "target: [\n", "scope.yaml": "", "mappings.yaml": "target: x\n"}
    assert find(tmp_path, files) == [
        "groups/unused/settings.yaml:2:1: not YAML: text that is not expected here",
        "groups/unused/scope.yaml:1:1: the file is empty",
        "groups/unused/mappings.yaml:1:1: the file must be a list",
    ]


def test_what_is_not_valid(tmp_path: Path) -> None:
    files = {
        "settings.yaml": "gards: {}\nfinal: [x]\n",
        "scope.yaml": "filters: [{clauses: [{operator: EQUALS, value: x}]}]\n",
        "mappings.yaml": "- {source: mail}\n",
    }
    assert find(tmp_path, files) == [
        'groups/unused/settings.yaml:2:9: final: "x" is not a key',
        'groups/unused/settings.yaml:1:1: unknown key "gards"',
        'groups/unused/scope.yaml:1:11: "name" is missing',
        'groups/unused/mappings.yaml:1:3: "target" is missing',
    ]
