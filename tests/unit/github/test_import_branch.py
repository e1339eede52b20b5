"""What tests/unit/commands/github/test_import_pull.py does not see of the branch."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git.server import Remote
from reconciler.github.import_branch import BRANCH, BranchUpdate, ImportBranch
from reconciler.github.import_patch import ImportPatch


@pytest.fixture
def clone(tmp_path: Path) -> GitRepository:
    GitRepository(tmp_path).git("init", "--quiet", "--bare", "origin.git")
    made = GitRepository(tmp_path / "clone", ".")
    made.commit("Begin", {"people/state/users/old.yaml": "[]\n", "README.md": "x"})
    return made


def test_paths_are_those_of_the_directory_in_the_repository(clone: GitRepository, tmp_path: Path) -> None:
    base = clone.head()
    remote = Remote(str(tmp_path / "origin.git"), "https://github.com", "file", {})
    branch = ImportBranch(clone.root / "people/state", remote)
    patch = ImportPatch(base, {"users/old.yaml": None, "users/é.yaml": "[]\n"})
    update = branch.update(patch, "Import")
    assert update.pushed
    changed = clone.git("-c", "core.quotePath=false", "diff-tree", "-r", "--name-status", f"{base}..{update.head}")
    assert changed == "D\tpeople/state/users/old.yaml\nA\tpeople/state/users/é.yaml"
    assert branch.update(patch, "Import again") == BranchUpdate(update.head, pushed=False)
    assert branch.delete(base)
    assert not branch.delete(base)


def test_a_branch_that_the_server_refuses_is_named_with_a_way_out(clone: GitRepository, tmp_path: Path) -> None:
    remote = Remote(str(tmp_path / "nowhere.git"), "https://github.com", "file", {})
    with pytest.raises(RepositoryError, match=f"the branch {BRANCH} cannot be reached") as caught:
        ImportBranch(clone.root / "people/state", remote).update(ImportPatch(clone.head(), {}), "Import")
    assert "Nothing was changed." in caught.value.detail
