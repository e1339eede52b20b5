"""A tenant with its layers: at a commit, in a copy, and compared with what is committed."""

import subprocess
from pathlib import Path

import pytest
from support.fleets import write_files, write_fleet

from reconciler.desired.directory import Directory
from reconciler.errors import LostFileError, SourceError
from reconciler.session.layered_files import copy_state, list_edited, read_resolved, refuse_layered, write_state_at
from reconciler.session.lost_files import LastApply, find_lost_files
from reconciler.session.provisioning_switch import find_time_of_switch, read_provisioning_at


def _git(root: Path, *words: str) -> str:
    identity = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main")
    return subprocess.run(
        ["git", *identity, *words], cwd=root, check=True, capture_output=True, text=True
    ).stdout.strip()


def _commit(root: Path) -> str:
    if not (root / ".git").exists():
        _git(root, "init", "-q")
    _git(root, "add", "-A")
    _git(root, "commit", "-qm", "x")
    return _git(root, "rev-parse", "HEAD")


def _read(state: Path) -> tuple[object, ...]:
    directory = Directory(state)
    found = directory.read_settings()
    assert found is not None, [str(item) for item in directory.diagnostics]
    value = found.value
    return value.target.tenant, value.target.domains, value.guards.removals.count, len(list(directory.read_users()))


def test_a_commit_is_read_with_the_layers_that_it_had(tmp_path: Path) -> None:
    root = write_files(
        write_fleet(tmp_path / "fleet"), {"groups/other/settings.yaml": "guards: {removals: {count: 1}}\n"}
    )
    before = _commit(root)
    write_fleet(
        root, groups__schools__settings="guards: {removals: {count: 3}}\n", tenants__acme__tenant="group: other\n"
    )
    after = _commit(root)
    (root / "defaults/settings.yaml").unlink()
    state = root / "tenants/acme"
    for commit, expected in ((before, ("acme", ["acme.example"], 5, 1)), (after, ("acme", [], 1, 1))):
        there = write_state_at(state, commit, tmp_path / commit)
        assert there is not None
        assert _read(there) == expected
        assert not (there.parent / "beta").exists()


def test_a_commit_from_before_the_fleet(tmp_path: Path) -> None:
    flat = {"tenants/acme/settings.yaml": "target: {profile: scim, base_url: a}\n"}
    root = write_files(tmp_path / "fleet", flat)
    before = _commit(root)
    write_fleet(root)
    _commit(root)
    there = write_state_at(root / "tenants/acme", before, tmp_path / "there")
    assert there is not None
    assert _read(there) == (None, [], 10, 0)
    assert write_state_at(root / "tenants/beta", before, tmp_path / "beta") is None


def test_a_link_in_place_of_a_layer_is_refused(tmp_path: Path) -> None:
    root = write_fleet(tmp_path / "fleet")
    (root / "defaults/settings.yaml").unlink()
    (root / "defaults/settings.yaml").symlink_to("/etc/passwd")
    there = write_state_at(root / "tenants/acme", _commit(root), tmp_path / "there")
    assert there is not None
    directory = Directory(there)
    assert directory.read_settings() is None
    assert [item.summary for item in directory.diagnostics] == ["a link"]


def test_a_copy_has_the_layers_and_nothing_else(tmp_path: Path) -> None:
    root = write_fleet(tmp_path / "fleet")
    write_files(root, {"tenants/acme/plans/1.json": "{}", "tenants/acme/.reconciler/x": ""})
    copy = copy_state(root / "tenants/acme", tmp_path / "scratch")
    assert _read(copy) == _read(root / "tenants/acme") == ("acme", ["acme.example"], 5, 1)
    files = sorted(str(each.relative_to(tmp_path / "scratch/fleet")) for each in (tmp_path / "scratch").rglob("*.*"))
    assert files == [
        "defaults/settings.yaml",
        "fleet.yaml",
        "groups/schools/settings.yaml",
        "tenants/acme/tenant.yaml",
        "tenants/acme/users/all.yaml",
    ]


def test_a_copy_of_a_broken_fleet_is_as_broken(tmp_path: Path) -> None:
    root = write_fleet(tmp_path / "fleet", fleet="tenants: x\n")
    directory = Directory(copy_state(root / "tenants/acme", tmp_path / "scratch"))
    assert directory.read_settings() is None
    assert [item.origin.file for item in directory.diagnostics if item.origin] == ["../../fleet.yaml"]


@pytest.mark.parametrize(
    "name",
    ["fleet.yaml", "defaults/settings.yaml", "groups/schools/settings.yaml", "tenants/acme/tenant.yaml"],
)
def test_an_edit_of_any_layer_is_an_edit(tmp_path: Path, name: str) -> None:
    root = write_fleet(tmp_path)
    _commit(root)
    state = root / "tenants/acme"
    shown = "tenant.yaml" if name.endswith("tenant.yaml") else f"../../{name}"
    assert _list_edited(state) == []
    with (root / name).open("a") as file:
        file.write("# edited\n")
    assert _list_edited(state) == [shown]
    _git(root, "add", "-A")
    assert _list_edited(state) == [shown]


def test_a_layer_that_is_new_or_deleted_is_an_edit(tmp_path: Path) -> None:
    root = write_files(write_fleet(tmp_path), {"groups/schools/scope.yaml": "sync: all\n"})
    _commit(root)
    write_files(root, {"defaults/scope.yaml": "sync: all\n", "tenants/beta/users/new.yaml": "[]\n"})
    _git(root, "rm", "-q", "groups/schools/scope.yaml")
    assert _list_edited(root / "tenants/acme") == ["../../defaults/scope.yaml", "../../groups/schools/scope.yaml"]


def _list_edited(state: Path) -> list[str]:
    directory = Directory(state)
    directory.read_all()
    return list_edited(state, directory.digests)


def test_an_import_does_not_write_a_file_that_layers_complete(tmp_path: Path) -> None:
    root = write_files(write_fleet(tmp_path), {"defaults/scope.yaml": "sync: all\n"})
    refuse_layered(root / "tenants/acme", ["users/all.yaml", "mappings.yaml"])
    with pytest.raises(SourceError, match=r"the import would change scope\.yaml"):
        refuse_layered(root / "tenants/acme", ["scope.yaml"])


def test_a_scope_that_a_layer_had_at_the_last_apply(tmp_path: Path) -> None:
    root = write_files(write_fleet(tmp_path), {"defaults/scope.yaml": "sync: all\n"})
    commit = _commit(root)
    state = root / "tenants/acme"
    last = LastApply(commit, ("../../defaults/scope.yaml",))
    assert list(find_lost_files(state, ("../../defaults/scope.yaml",), last)) == []
    with pytest.raises(LostFileError, match=r"\.\./\.\./defaults/scope\.yaml is missing.*every user is in scope"):
        list(find_lost_files(state, (), last))
    _git(root, "rm", "-q", "defaults/scope.yaml")
    assert len(list(find_lost_files(state, (), last))) == 1


def test_a_scope_of_its_own_that_is_lost_although_a_layer_has_one(tmp_path: Path) -> None:
    root = write_files(write_fleet(tmp_path), {"defaults/scope.yaml": "sync: all\n"})
    last = LastApply(_commit(root), ("scope.yaml", "../../defaults/scope.yaml"))
    with pytest.raises(LostFileError, match=r"^scope\.yaml is missing.*the other layers of the fleet decide"):
        list(find_lost_files(root / "tenants/acme", ("../../defaults/scope.yaml",), last))


def test_a_tenant_that_left_its_group_has_lost_nothing(tmp_path: Path) -> None:
    root = write_files(write_fleet(tmp_path), {"groups/schools/scope.yaml": "sync: all\n"})
    commit = _commit(root)
    (root / "tenants/acme/tenant.yaml").unlink()
    _commit(root)
    last = LastApply(commit, ("../../groups/schools/scope.yaml",))
    found = list(find_lost_files(root / "tenants/acme", (), last))
    assert [item.summary.partition(",")[0] for item in found] == ["../../groups/schools/scope.yaml is missing"]


def test_provisioning_that_a_layer_switched_off(tmp_path: Path) -> None:
    root = write_fleet(tmp_path)
    state = root / "tenants/acme"
    on = _commit(root)
    assert find_time_of_switch(state) is None
    write_files(root, {"groups/schools/settings.yaml": "provisioning: {enabled: false}\n"})
    off = _commit(root)
    found = [read_provisioning_at(state, commit) for commit in (on, off)]
    assert [each.enabled if each is not None else None for each in found] == [True, False]
    assert find_time_of_switch(state) is not None


def test_a_tenant_that_left_its_group_outside_of_git_has_lost_nothing(tmp_path: Path) -> None:
    root = write_fleet(tmp_path, tenants__acme__tenant=None)
    found = list(find_lost_files(root / "tenants/acme", (), LastApply(None, ("../../groups/schools/scope.yaml",))))
    assert len(found) == 1


def test_what_an_export_takes_along_needs_no_layer(tmp_path: Path) -> None:
    root = write_files(write_fleet(tmp_path / "fleet"), {"defaults/mappings.yaml": "- {target: userName, source: a}\n"})
    found = read_resolved(root / "tenants/acme", ("settings.yaml", "mappings.yaml"))
    assert found["mappings.yaml"] == b"- {target: userName, source: a}\n"
    alone = write_files(tmp_path / "alone", {"settings.yaml": found["settings.yaml"].decode()})
    one, other = Directory(alone).read_settings(), Directory(root / "tenants/acme").read_settings()
    assert one is not None
    assert other is not None
    assert one.value == other.value
    plain = write_files(tmp_path / "plain", {"settings.yaml": "# as it is\na: b\n"})
    assert read_resolved(plain, ("settings.yaml", "mappings.yaml")) == {"settings.yaml": b"# as it is\na: b\n"}
