"""The files of a directory: those of a fleet are recognized, and its root is no desired state."""

from pathlib import Path

from support.fleets import write_files, write_fleet

from reconciler.desired.directory import Directory


def _layout(root: Path) -> list[str]:
    directory = Directory(root)
    directory.check_layout()
    directory.read_settings()
    return [f"{item.origin}: {item.summary}" for item in directory.diagnostics]


def test_the_root_of_a_fleet_is_one_error(tmp_path: Path) -> None:
    assert _layout(write_fleet(tmp_path)) == ["fleet.yaml:1:1: this is the root of a fleet, not a desired state"]


def test_what_a_tenant_may_hold_besides(tmp_path: Path) -> None:
    write_files(write_fleet(tmp_path), {"tenants/acme/plans/x.yaml": "", "tenants/acme/.reconciler/x.yaml": ""})
    assert _layout(tmp_path / "tenants/acme") == []


def test_an_error_of_fleet_yaml_is_one_error(tmp_path: Path) -> None:
    write_fleet(tmp_path, fleet="tenants: x\n")
    found = _layout(tmp_path / "tenants/acme")
    assert len(found) == 1
    assert found[0].startswith("../../fleet.yaml:1:10: tenants.0: expected FOLDER/*")


def test_everything_is_unread_if_the_place_is_not_known(tmp_path: Path) -> None:
    directory = Directory(write_fleet(tmp_path, fleet="tenants: x\n") / "tenants/acme")
    assert directory.read_settings() is None
    assert directory.layers_unknown
    assert directory.unread == {"settings.yaml", "scope.yaml", "mappings.yaml", "users", "groups"}


def test_a_source_line_of_a_layer_is_shown(tmp_path: Path) -> None:
    root = write_fleet(tmp_path, groups__schools__settings="guards: {removal: 5}\n")
    directory = Directory(root / "tenants/acme")
    directory.read_settings()
    assert [item.source_line for item in directory.describe_problems()] == ["guards: {removal: 5}"]
