"""What git's index says about the files of a directory, for real repositories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git import index
from reconciler.git.index import FileState, find_differences
from reconciler.git.process import run_git

FILE = "state/users/a.yaml"


@pytest.fixture
def here(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "repository", ".")
    repository.commit("first", {FILE: "- a\n", "state/users/b.yaml": "- b\n", "state/notes.txt": "", "other": ""})
    return repository


def differences(repository: GitRepository, *names: str) -> dict[str, FileState]:
    return find_differences(repository.root / "state", names or ("users",))


def test_files_as_git_has_them_and_ordinary_edits_are_no_difference(here: GitRepository) -> None:
    assert differences(here) == {}
    (here.root / FILE).write_text("- edited\n")
    (here.root / "state/users/new.yaml").write_text("- new\n")
    (here.root / "state/users/b.yaml").chmod(0o755)
    assert differences(here) == {}


def test_only_the_named_files_and_folders_are_compared(here: GitRepository) -> None:
    for name in ("state/notes.txt", "other", FILE):
        (here.root / name).unlink()
    assert differences(here) == {"users/a.yaml": FileState.MISSING}
    assert differences(here, "notes.txt", "nowhere", "*") == {"notes.txt": FileState.MISSING}


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_missing(here: GitRepository, make: object) -> None:
    (here.root / FILE).unlink()
    make(here.root / FILE)  # type: ignore[operator]
    assert differences(here) == {"users/a.yaml": FileState.MISSING}


def test_a_link_in_place_of_a_file_is_there(here: GitRepository) -> None:
    (here.root / FILE).unlink()
    (here.root / FILE).symlink_to("b.yaml")
    assert differences(here) == {}
    here.git("update-index", "--assume-unchanged", FILE)
    assert differences(here) == {"users/a.yaml": FileState.OUTDATED}


@pytest.mark.parametrize("flag", ["--assume-unchanged", "--skip-worktree"])
@pytest.mark.parametrize("content", ["- a\n", "- a\r\n"])
def test_an_ignored_file_with_the_same_content_is_no_difference(here: GitRepository, flag: str, content: str) -> None:
    here.git("update-index", flag, FILE)
    (here.root / FILE).write_text(content, newline="")
    assert differences(here) == {}
    (here.root / FILE).write_text("- b\n")
    assert differences(here) == {"users/a.yaml": FileState.OUTDATED}


def test_an_ignored_link_is_compared_by_its_target(here: GitRepository) -> None:
    link = here.root / "state/users/link.yaml"
    link.symlink_to("a.yaml")
    here.commit("link")
    here.git("update-index", "--skip-worktree", "state/users/link.yaml")
    assert differences(here) == {}
    link.unlink()
    link.symlink_to("b.yaml")
    assert differences(here) == {"users/link.yaml": FileState.OUTDATED}


def test_a_repository_with_sha256(tmp_path: Path) -> None:
    repository = GitRepository(tmp_path / "repository", ".")
    (repository.root / ".git").rename(repository.root / "old")
    repository.git("init", "--quiet", "--object-format=sha256")
    repository.commit("first", {FILE: "- a\n"})
    repository.git("update-index", "--assume-unchanged", FILE)
    assert differences(repository) == {}
    (repository.root / FILE).write_text("- b\n")
    assert differences(repository) == {"users/a.yaml": FileState.OUTDATED}


def test_unmerged_files_and_submodules(here: GitRepository) -> None:
    blob, commit = here.write_blob(b"- c\n"), here.head()
    here.git("rm", "--quiet", "--cached", FILE)
    stages = "".join(f"100644 {blob} {stage}\t{FILE}\n" for stage in (1, 2, 3))
    here.git("update-index", "--index-info", stdin=stages)
    here.git("update-index", "--add", "--cacheinfo", f"160000,{commit},state/users/team")
    assert differences(here) == {"users/a.yaml": FileState.UNMERGED, "users/team": FileState.SUBMODULE}


def test_outside_of_a_repository_there_is_no_difference(tmp_path: Path) -> None:
    assert find_differences(tmp_path, ("users",)) == {}


def test_a_work_tree_whose_repository_is_gone_cannot_be_compared(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("gitdir: /nowhere/.git/worktrees/x\n")
    with pytest.raises(RepositoryError, match="git's index cannot be read: not a git repository: /nowhere"):
        find_differences(tmp_path, ("users",))


# --- an index that is lost --------------------------------------------------------


def test_without_an_index_the_files_of_the_commit_count(here: GitRepository) -> None:
    (here.root / ".git/index").unlink()
    assert differences(here) == {}
    (here.root / FILE).unlink()
    assert differences(here) == {"users/a.yaml": FileState.MISSING}
    here.git("read-tree", "--empty")
    assert differences(here) == {"users/a.yaml": FileState.MISSING}


def test_a_clone_without_a_checkout_has_files(here: GitRepository, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    here.git("clone", "--quiet", "--no-checkout", str(here.root), str(clone))
    (clone / "state/users").mkdir(parents=True)
    (clone / "state/users/b.yaml").write_text("- b\n")
    assert find_differences(clone / "state", ("users",)) == {"users/a.yaml": FileState.MISSING}


def test_a_sparse_index(here: GitRepository) -> None:
    here.git("sparse-checkout", "set", "--cone", "--sparse-index", "nowhere")
    (here.root / "state").mkdir()
    assert differences(here) == {"users/a.yaml": FileState.SKIPPED, "users/b.yaml": FileState.SKIPPED}


def test_a_submodule_in_the_commit(here: GitRepository) -> None:
    here.git("update-index", "--add", "--cacheinfo", f"160000,{here.head()},state/users/team")
    here.git("commit", "--quiet", "-m", "team")
    (here.root / ".git/index").unlink()
    assert differences(here) == {"users/team": FileState.SUBMODULE}


def test_a_new_repository_and_files_that_git_does_not_track(here: GitRepository, tmp_path: Path) -> None:
    GitRepository(tmp_path / "new")
    assert find_differences(tmp_path / "new", ("users",)) == {}
    (here.root / "untracked/users").mkdir(parents=True)
    assert find_differences(here.root / "untracked", ("users",)) == {}


# --- deletions ----------------------------------------------------------------------

NAMES = ("notes.txt", "users")


def confirms(here: GitRepository, commit: str | None = None) -> bool:
    return index.confirms_deletion(here.root / "state", "notes.txt", NAMES, commit)


def test_a_deletion_that_git_has_is_confirmed(here: GitRepository) -> None:
    commit = here.head()
    assert not confirms(here, commit), "it is there"
    (here.root / "state/notes.txt").unlink()
    assert not confirms(here, commit), "it was not removed from git"
    here.git("rm", "--quiet", "state/notes.txt")
    assert confirms(here, commit)
    assert confirms(here)
    here.commit("remove")
    assert confirms(here, commit)
    assert confirms(here)
    (here.root / ".git/index").unlink()
    assert confirms(here, commit)


def test_a_file_that_git_never_had_was_not_deleted_from_it(here: GitRepository) -> None:
    assert not index.confirms_deletion(here.root / "state", "scope.yaml", (*NAMES, "scope.yaml"), here.head())
    (here.root / "untracked").mkdir()
    assert not index.confirms_deletion(here.root / "untracked", "notes.txt", NAMES, here.head())
    (here.root / ".git").rename(here.root / "old")
    assert not confirms(here)


@pytest.mark.parametrize(
    "output", [b"nonsense\0", b"H 100644 abc 0\t\0", b"H 100644 abc x\ta\0", b"\xff\0", b"H 1 2 3"]
)
def test_output_of_another_form_is_refused(here: GitRepository, monkeypatch: pytest.MonkeyPatch, output: bytes) -> None:
    monkeypatch.setattr(index, "run_git", lambda *given, **_: output if "ls-files" in given else run_git(*given))
    with pytest.raises(RepositoryError, match="git's index cannot be read"):
        differences(here)


def test_a_very_large_index_is_refused(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "_MAX_LISTING", 60)
    with pytest.raises(RepositoryError, match="more than can be read"):
        differences(here)


def test_a_repository_of_another_user_says_what_to_do(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "run_git", refuse_owner)
    with pytest.raises(RepositoryError) as raised:
        differences(here)
    assert "safe.directory" in raised.value.detail


def refuse_owner(*_arguments: object, **_options: object) -> bytes:
    raise index.GitCommandError("detected dubious ownership in repository at '/x'")
