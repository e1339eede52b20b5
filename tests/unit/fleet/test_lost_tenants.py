"""A tenant that git tracks and that is not in the work tree is an error, never a smaller fleet."""

import shutil
import subprocess
from pathlib import Path

import pytest
from support.fleets import write_files, write_fleet

from reconciler.fleet.catalog import BrokenFleetError, read_fleet


def _git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *words], cwd=root, check=True)


def _commit(root: Path) -> Path:
    _git(root, "init", "-q")
    _git(root, "add", "-A")
    _git(root, "commit", "-qm", "x")
    return root


def _list_errors(root: Path) -> list[str]:
    try:
        read_fleet(root)
    except BrokenFleetError as exc:
        return [item.summary for item in exc.diagnostics]
    return []


def test_a_tracked_tenant_that_is_lost(tmp_path: Path) -> None:
    root = _commit(write_fleet(tmp_path, fleet="tenants: tenants/*\nwaves: [{name: a, tenants: [acme]}, {name: b}]\n"))
    assert _list_errors(root) == []
    shutil.rmtree(root / "tenants/acme")
    with pytest.raises(BrokenFleetError) as caught:
        read_fleet(root)
    (found,) = caught.value.diagnostics
    assert found.summary == '1 tenant is in git\'s index, but not in the work tree: "tenants/acme"'
    assert f"`git -C {root} checkout -- tenants/acme` restores" in found.detail
    (root / ".git/index").unlink()
    assert _list_errors(root) == [found.summary], "HEAD has it"


def test_what_is_left_of_a_lost_tenant_is_none(tmp_path: Path) -> None:
    root = _commit(write_files(write_fleet(tmp_path), {"tenants/acme/plans/receipt.jsonl": "{}\n"}))
    for name in ("tenant.yaml", "users/all.yaml"):
        (root / "tenants/acme" / name).unlink()
    shutil.rmtree(root / "tenants/acme/users")
    assert _list_errors(root) == ['1 tenant is in git\'s index, but not in the work tree: "tenants/acme"']


def test_a_tenant_that_was_released(tmp_path: Path) -> None:
    root = _commit(write_files(write_fleet(tmp_path), {"tenants/acme/plans/receipt.jsonl": "{}\n"}))
    _git(root, "rm", "-qr", "tenants/acme/tenant.yaml", "tenants/acme/users")
    assert _list_errors(root) == []


def test_what_is_no_tenant_is_not_missed(tmp_path: Path) -> None:
    files = {"tenants/README.md": "x\n", "tenants/old/plans/a.json": "{}\n", "special/other/settings.yaml": "{}\n"}
    root = _commit(write_files(write_fleet(tmp_path), files))
    shutil.rmtree(root / "tenants/old")
    shutil.rmtree(root / "special")
    assert _list_errors(root) == []


def test_git_that_cannot_tell(tmp_path: Path) -> None:
    root = _commit(write_fleet(tmp_path))
    (root / ".git/index").write_bytes(b"x" * 64)
    (found,) = _list_errors(root)
    assert found.startswith("git cannot say whether all tenants of the fleet are here: ")


def test_a_lost_folder_of_tenants(tmp_path: Path) -> None:
    fleet = "tenants: [tenants/*, other/*, special/zoo]\n"
    root = write_files(write_fleet(tmp_path, fleet=fleet), {"other/one/tenant.yaml": "domains: [one.example]\n"})
    write_files(root, {"special/zoo/tenant.yaml": "domains: [zoo.example]\n"})
    assert _list_errors(root) == []
    shutil.rmtree(root / "other")
    assert _list_errors(root) == ["`tenants` names other/*, but there is no folder other"]
    shutil.rmtree(root / "special")
    assert _list_errors(root)[1:] == ["`tenants` names special/zoo, which has no desired state"]


@pytest.mark.parametrize("name", ["tenant.yml", "setings.yaml", "Users/all.yaml", ".settings.yaml"])
def test_a_folder_of_which_nothing_is_read(tmp_path: Path, name: str) -> None:
    root = write_files(write_fleet(tmp_path), {f"tenants/zoo/{name}": "{}\n"})
    (found,) = _list_errors(root)
    assert found in ("this file is not read", "this directory is not read", "this hidden file is not read")
