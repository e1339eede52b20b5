from __future__ import annotations

from pathlib import Path

import pytest
from support.cluster import make_fleet, run_git

from reconciler.errors import FleetError
from reconciler.session.fleet.cluster_checkout import describe_changed_files, find_changed_files, find_commit


def test_the_commit_is_the_one_that_is_checked_out(tmp_path: Path) -> None:
    root = make_fleet(tmp_path, "acme")
    assert find_commit(root) == run_git(root, "rev-parse", "HEAD")


def test_a_fleet_outside_of_git_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match=r"^git shows no commit of the fleet$"):
        find_commit(tmp_path)


@pytest.mark.parametrize("below", ["", "some/folder"])
@pytest.mark.parametrize(
    "name", ["fleet.yaml", "defaults/settings.yaml", "groups/schools/x.yaml", "tenants/acme/users/new.yaml"]
)
def test_files_that_the_tenant_is_resolved_from_count(name: str, below: str, tmp_path: Path) -> None:
    root = make_fleet(tmp_path, "acme", "beta", below=below)
    assert find_changed_files(root, ["tenants/acme"]) == []
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("changed: 1\n", "utf-8")
    assert find_changed_files(root, ["tenants/acme"]) == [name]
    assert describe_changed_files([name]) == f'1 file of the checkout differs from its commit: "{name}"'


def test_a_deleted_file_counts(tmp_path: Path) -> None:
    root = make_fleet(tmp_path, "acme")
    (root / "tenants/acme/settings.yaml").unlink()
    assert find_changed_files(root, ["tenants/acme"]) == ["tenants/acme/settings.yaml"]


@pytest.mark.parametrize(
    "name", ["tenants/acme/plans/x/receipt.json", "tenants/acme/.reconciler/sandbox.db", "tenants/beta/users/x.yaml"]
)
def test_the_record_and_other_tenants_do_not_count(name: str, tmp_path: Path) -> None:
    root = make_fleet(tmp_path, "acme", "beta")
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text("x", "utf-8")
    assert find_changed_files(root, ["tenants/acme"]) == []
    assert describe_changed_files([]) is None
