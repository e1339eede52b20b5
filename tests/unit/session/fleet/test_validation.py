"""All tenants of a fleet are checked, and each error is reported once."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.fleets import write_files, write_fleet

from reconciler.fleet.catalog import BrokenFleetError, read_fleet
from reconciler.session.fleet.validation import validate_fleet

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def _validate(root: Path) -> list[str]:
    return [f"{item.origin}: {item.summary}" for item in validate_fleet(read_fleet(root), NOW).diagnostics]


def test_a_valid_fleet(tmp_path: Path) -> None:
    assert _validate(write_fleet(tmp_path)) == []


def test_an_error_of_a_layer_is_one_and_counts_its_tenants(tmp_path: Path) -> None:
    write_fleet(
        tmp_path, defaults__settings="target: {profile: scim, base_url: 'https://scim.example.com'}\ngards: {}\n"
    )
    write_files(tmp_path, {"tenants/beta/users/x.yaml": "- {userPrincipalName: a@b.example, givenName: [}\n"})
    found = validate_fleet(read_fleet(tmp_path), NOW)
    assert next(f"{item.origin}: {item.summary}" for item in found.diagnostics) == (
        'defaults/settings.yaml:2:1: unknown key "gards" (2 tenants)'
    )
    assert any(str(item.origin).startswith("tenants/beta/users/x.yaml:1:") for item in found.diagnostics)
    assert found.invalid == ["acme", "beta"]


def test_settings_that_speak_of_another_tenant(tmp_path: Path) -> None:
    settings = "target: {tenant: acme, domains: [ACME.example]}\n"
    assert _validate(write_fleet(tmp_path, tenants__beta__settings=settings)) == [
        'tenants/beta/settings.yaml:1:18: target.tenant is "acme", but the folder of this tenant is "beta"',
        "tenants/beta/settings.yaml:1:24: target.domains in the settings of a fleet",
    ]


def test_files_that_git_has_and_the_work_tree_has_not(tmp_path: Path) -> None:
    root = write_files(write_fleet(tmp_path), {"defaults/scope.yaml": "sync: all\n", "tenants/README.md": "x"})
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", *words], cwd=root, check=True)
    assert _validate(root) == []
    (root / "defaults/scope.yaml").unlink()
    (root / "tenants/README.md").unlink()
    assert _validate(root) == ['None: git tracks "defaults/scope.yaml", which is missing']


def test_an_empty_layer_is_one_error_for_all_tenants(tmp_path: Path) -> None:
    write_fleet(tmp_path, defaults__scope="")
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    found = validate_fleet(read_fleet(tmp_path), NOW)
    assert [(item.summary, count) for item, count in found.counts.items()] == [("the file is empty", 2)]
    assert f"`git -C {tmp_path} log -p -- defaults/scope.yaml`" in found.diagnostics[0].detail


def test_an_error_of_the_catalog_hides_no_error_of_a_tenant(tmp_path: Path) -> None:
    write_fleet(
        tmp_path, tenants__acme__tenant="group: firms\ndomains: [acme.example]\n", tenants__beta__settings="gards: {}\n"
    )
    write_files(tmp_path, {"tenants/gamma/tenant.yaml": "wave: x\n", "defaults/x.yaml": ""})
    with pytest.raises(BrokenFleetError) as broken:
        read_fleet(tmp_path)
    assert broken.value.fleet is not None
    found = validate_fleet(broken.value.fleet, NOW, None, broken.value.problems)
    assert [f"{item.origin}: {item.summary}" for item in found.counts] == [
        "tenants/acme/tenant.yaml:1:8: there is no group firms",
        "defaults/x.yaml:1:1: this file is not read",
        "tenants/gamma/tenant.yaml:1:7: there is no wave x",
        "tenants/gamma/tenant.yaml:1:1: the tenant has no `domains`",
        'tenants/beta/settings.yaml:1:1: unknown key "gards"',
    ]
    assert set(found.counts.values()) == {1}
