"""Tenants are checked with layers that are read once, and in several processes: the findings are the same."""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.broken_fleets import SEEDS, write_broken_fleet
from support.fleets import ADA, write_files, write_fleet

from reconciler.desired import loader
from reconciler.fleet.catalog import BrokenFleetError, read_fleet
from reconciler.fleet.model import Fleet
from reconciler.session.fleet.tenant_checks import TenantFindings, check_tenants
from reconciler.session.fleet.tenant_checks_pool import check_at_once

NOW = datetime(2026, 12, 1, tzinfo=UTC)


def read_any(root: Path) -> Fleet:
    try:
        return read_fleet(root)
    except BrokenFleetError as exc:
        fleet = exc.fleet
    assert fleet is not None
    return fleet


def compare(root: Path, seeds: list[int]) -> list[TenantFindings]:
    """Return what is found in a fleet with errors; the ways to find it must not differ."""
    fleet = read_any(write_broken_fleet(root, seeds))
    slowly = list(check_tenants(root, fleet.tenants, NOW, share=False))
    for found in (check_tenants(root, fleet.tenants, NOW), check_at_once(root, fleet.tenants, NOW, 3)):
        again = list(found)
        assert again == slowly
        assert [d.cause for each in again for d in each.diagnostics] == [
            d.cause for each in slowly for d in each.diagnostics
        ]
    return slowly


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_each_error(seed: int, tmp_path: Path) -> None:
    assert compare(tmp_path, [seed])


@given(st.lists(st.integers(0, len(SEEDS) - 1), min_size=2, max_size=8, unique=True))
@settings(max_examples=30, deadline=None)
def test_many_errors(seeds: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), seeds)


def test_all_names_are_relative_to_the_fleet(tmp_path: Path) -> None:
    write_fleet(tmp_path, groups__schools__settings="final: [ownership]\n")
    write_files(
        tmp_path,
        {
            "tenants/acme/settings.yaml": "ownership: externalId pr\n",
            "tenants/acme/users/b c.yaml": ADA,
            "tenants/acme/users/d.yaml": ADA.replace('"1"', '"2"'),
        },
    )
    (found,) = check_tenants(tmp_path, read_fleet(tmp_path).tenants, NOW)
    text = " ".join(f"{item.summary} {item.detail}" for item in found.diagnostics)
    assert "groups/schools/settings.yaml:1:9 declares it" in text
    assert "The other is at tenants/acme/users/all.yaml:1:3." in text
    assert "../" not in text


def test_git_is_not_asked_for_each_tenant_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_fleet(tmp_path, defaults__settings="target: no\n")
    monkeypatch.setattr(loader, "check_work_tree", lambda _directory: pytest.fail("git is asked once for the fleet"))
    found = list(check_tenants(tmp_path, read_fleet(tmp_path).tenants, NOW))
    assert found
    assert all(each.is_broken for each in found)
