"""All tenants of a fleet are checked, and each error is reported once."""

import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.broken_fleets import SEEDS, write_broken_fleet
from support.fleets import write_files, write_fleet

from reconciler.fleet.catalog import read_fleet
from reconciler.session.fleet.validation import FleetFindings, validate_fleet

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
    assert _validate(root) == ['None: 1 file of the fleet is not as in git\'s index: "defaults/scope.yaml"']


def _compare(root: Path, seeds: list[int]) -> FleetFindings:
    """Return what is found in a fleet with errors; the ways to find it must not differ."""
    fleet = read_fleet(write_broken_fleet(root, seeds))
    found, slowly = (validate_fleet(fleet, NOW, share=share) for share in (True, False))
    assert list(found.counts.items()) == list(slowly.counts.items())
    assert [item.cause for item in found.counts] == [item.cause for item in slowly.counts]
    assert found.invalid == slowly.invalid
    return found


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_shared_layers_give_the_same_findings(seed: int, tmp_path: Path) -> None:
    assert _compare(tmp_path, [seed]).counts


@given(st.lists(st.integers(0, len(SEEDS) - 1), min_size=2, max_size=8, unique=True))
@settings(max_examples=40, deadline=None)
def test_shared_layers_give_the_same_findings_of_many_errors(seeds: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        _compare(Path(folder), seeds)


def test_an_empty_layer_is_one_error_for_all_tenants(tmp_path: Path) -> None:
    write_fleet(tmp_path, defaults__scope="")
    for words in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", *words], cwd=tmp_path, check=True)
    for share in (True, False):
        found = validate_fleet(read_fleet(tmp_path), NOW, share=share)
        assert [(item.summary, count) for item, count in found.counts.items()] == [("the file is empty", 2)]
        assert f"`git -C {tmp_path} log -p -- defaults/scope.yaml`" in found.diagnostics[0].detail
