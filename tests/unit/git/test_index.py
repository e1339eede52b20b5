"""What git's index says about the files of a directory, for real repositories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git import index
from reconciler.git.checkout import find_repository
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


# --- repositories that git cannot use -------------------------------------------


def drop_empty_directories(top: Path) -> None:
    for folder in sorted((path for path in top.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def gc(here: GitRepository) -> None:
    here.git("gc", "--quiet")
    drop_empty_directories(here.root / ".git")


def append_config(here: GitRepository, text: str) -> None:
    with (here.root / ".git/config").open("a") as config:
        config.write(text)


def replace_by_link(here: GitRepository) -> None:
    (here.root / ".git").rename(here.root / "old")
    (here.root / ".git").symlink_to(here.root / "nowhere")


def lose_index_and_objects(here: GitRepository) -> None:
    (here.root / ".git/index").unlink()
    shutil.rmtree(here.root / ".git/objects")
    (here.root / ".git/objects").mkdir()


def lose_index_and_branch(here: GitRepository) -> None:
    (here.root / ".git/index").unlink()
    (here.root / ".git/refs/heads/main").unlink()


def lose_index_on_another_branch(here: GitRepository) -> None:
    lose_log = here.root / ".git/logs"
    shutil.rmtree(lose_log)
    (here.root / ".git/index").unlink()
    (here.root / ".git/HEAD").write_text("ref: refs/heads/other\n")


def write_at(path: Path, start: int, content: bytes) -> None:
    whole = path.read_bytes()
    path.write_bytes(whole[:start] + content)


def damage(path: Path, before: bytes, after: bytes) -> None:
    assert before in path.read_bytes()
    path.write_bytes(path.read_bytes().replace(before, after))


BROKEN: dict[str, Callable[[GitRepository], object]] = {
    "HEAD is empty": lambda here: (here.root / ".git/HEAD").write_bytes(b""),
    "HEAD is NULs": lambda here: (here.root / ".git/HEAD").write_bytes(bytes(23)),
    "HEAD is gone": lambda here: (here.root / ".git/HEAD").unlink(),
    "no objects": lambda here: shutil.rmtree(here.root / ".git/objects"),
    "no refs": lambda here: shutil.rmtree(here.root / ".git/refs"),
    "no empty directories": gc,
    "an empty .git": lambda here: (shutil.rmtree(here.root / ".git"), (here.root / ".git").mkdir()),
    "an empty file .git": lambda here: (shutil.rmtree(here.root / ".git"), (here.root / ".git").touch()),
    "a link to nowhere": replace_by_link,
    "core.bare": lambda here: here.git("config", "core.bare", "true"),
    "core.worktree": lambda here: here.git("config", "core.worktree", "/"),
    "core.worktree below": lambda here: here.git("config", "core.worktree", str(here.root / "state/users")),
    "config is rubbish": lambda here: (here.root / ".git/config").write_text("[core"),
    "a newer format": lambda here: append_config(here, "[core]\nrepositoryformatversion = 99\n"),
    "an unknown extension": lambda here: append_config(
        here, "[core]\nrepositoryformatversion = 1\n[extensions]\nrefStorage = unheard-of\n"
    ),
    "the index is empty": lambda here: (here.root / ".git/index").write_bytes(b""),
    "the index is cut": lambda here: os.truncate(here.root / ".git/index", 100),
    "the index ends in NULs": lambda here: write_at(here.root / ".git/index", -60, bytes(60)),
    "a name in the index is damaged": lambda here: damage(here.root / ".git/index", b"users/a", b"usert/a"),
    "an entry of the index is cut off": lambda here: os.truncate(here.root / ".git/index", 110),
    "the index is a directory": lambda here: ((here.root / ".git/index").unlink(), (here.root / ".git/index").mkdir()),
    "the index is NULs": lambda here: (here.root / ".git/index").write_bytes(bytes(400)),
    "no index and no objects": lose_index_and_objects,
    "no index and no branch": lose_index_and_branch,
    "no index on an unborn branch": lose_index_on_another_branch,
}


@pytest.mark.parametrize("outer", [False, True])
@pytest.mark.parametrize("name", BROKEN)
def test_a_repository_that_git_cannot_use_is_not_none(here: GitRepository, name: str, outer: bool) -> None:
    """git passes over a `.git` that it cannot use, and takes the repository around it."""
    if outer:
        GitRepository(here.root.parent, "outer").commit("outer", {"outer": ""})
    (here.root / FILE).unlink()
    BROKEN[name](here)
    with pytest.raises(RepositoryError, match=r"^git's index cannot be read: ") as raised:
        differences(here)
    assert str(here.root) in raised.value.detail
    assert not index.confirms_deletion(here.root / "state", "users/a.yaml", ("users",), None)


@pytest.mark.parametrize(
    "command", ["exit 0", "echo rubbish", "printf '\\0\\377\\n'", "head -c 999999 /dev/zero", "exit 1"]
)
def test_a_git_that_is_none_cannot_tell(
    here: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    fake = tmp_path / "bin/git"
    fake.parent.mkdir()
    fake.write_text(f"#!/bin/sh\n{command}\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
    monkeypatch.chdir(here.root)
    with pytest.raises(RepositoryError):
        differences(here)


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


@pytest.mark.parametrize("option", ["index.skipHash", "feature.manyFiles", None])
def test_an_index_without_a_checksum_counts_if_git_writes_none(here: GitRepository, option: str | None) -> None:
    write_at(here.root / ".git/index", -20, bytes(20))
    (here.root / FILE).unlink()
    if option is None:
        with pytest.raises(RepositoryError, match="index is damaged: its checksum is wrong"):
            differences(here)
    else:
        here.git("config", option, "true")
        assert differences(here) == {"users/a.yaml": FileState.MISSING}


def test_a_split_index(here: GitRepository) -> None:
    here.git("update-index", "--split-index")
    (here.root / FILE).unlink()
    assert differences(here) == {"users/a.yaml": FileState.MISSING}
    (shared,) = (here.root / ".git").glob("sharedindex.*")
    damage(shared, b"users/a", b"usert/a")
    with pytest.raises(RepositoryError, match="is damaged"):
        differences(here)
    shared.unlink()
    with pytest.raises(RepositoryError):
        differences(here)


def test_a_sparse_index(here: GitRepository) -> None:
    here.git("sparse-checkout", "set", "--cone", "--sparse-index", "nowhere")
    (here.root / "state").mkdir()
    assert differences(here) == {"users/a.yaml": FileState.MISSING, "users/b.yaml": FileState.MISSING}


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


# --- other places of a repository --------------------------------------------------


@pytest.mark.parametrize("bare", [False, True])
def test_a_linked_work_tree(here: GitRepository, tmp_path: Path, bare: bool) -> None:
    if bare:
        here.git("config", "core.bare", "true")
    here.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    linked = tmp_path / "linked/state"
    assert find_differences(linked, ("users",)) == {}
    (linked / "users/a.yaml").unlink()
    assert find_differences(linked, ("users",)) == {"users/a.yaml": FileState.MISSING}
    shutil.rmtree(here.root / ".git/worktrees")
    with pytest.raises(RepositoryError, match="not a git repository: "):
        find_differences(linked, ("users",))


def test_a_submodule_and_a_git_directory_elsewhere(here: GitRepository, tmp_path: Path) -> None:
    outer = GitRepository(tmp_path / "outer")
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(here.root), "inner")
    outer.git(
        "clone", "--quiet", "--separate-git-dir", str(tmp_path / "elsewhere"), str(here.root), str(tmp_path / "c")
    )
    for root in (outer.root / "inner", tmp_path / "c"):
        assert find_differences(root / "state", ("users",)) == {}
        (root / FILE).unlink()
        assert find_differences(root / "state", ("users",)) == {"users/a.yaml": FileState.MISSING}
    shutil.rmtree(outer.root / ".git/modules")
    with pytest.raises(RepositoryError):
        find_differences(outer.root / "inner/state", ("users",))


def test_a_repository_whose_objects_are_elsewhere_and_gone(here: GitRepository, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    here.git("clone", "--quiet", "--shared", str(here.root), str(clone))
    (clone / FILE).unlink()
    here.root.rename(tmp_path / "moved")
    assert find_differences(clone / "state", ("users",)) == {"users/a.yaml": FileState.MISSING}
    (clone / ".git/index").unlink()
    with pytest.raises(RepositoryError):
        find_differences(clone / "state", ("users",))


def test_a_partial_clone_without_its_remote(here: GitRepository, tmp_path: Path) -> None:
    here.git("config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "clone"
    here.git("clone", "--quiet", "--no-checkout", "--filter=tree:0", f"file://{here.root}", str(clone))
    (clone / "state").mkdir()
    here.root.rename(tmp_path / "moved")
    with pytest.raises(RepositoryError):
        find_differences(clone / "state", ("users",))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GIT_DIR", "/nowhere"),
        ("GIT_WORK_TREE", "/"),
        ("GIT_INDEX_FILE", "/nowhere"),
        ("GIT_CEILING_DIRECTORIES", "/"),
        ("GIT_OBJECT_DIRECTORY", "/nowhere"),
        ("GIT_NAMESPACE", "x"),
    ],
)
def test_variables_of_git_do_not_count(
    here: GitRepository, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    (here.root / FILE).unlink()
    value = str(here.root) if value == "/" and name == "GIT_CEILING_DIRECTORIES" else value
    monkeypatch.setenv(name, value)
    assert differences(here) == {"users/a.yaml": FileState.MISSING}


def test_the_current_directory_does_not_count(
    here: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = GitRepository(tmp_path / "other")
    monkeypatch.chdir(other.root)
    (here.root / FILE).unlink()
    assert differences(here) == {"users/a.yaml": FileState.MISSING}
    (here.root.parent / "plain/users").mkdir(parents=True)
    monkeypatch.chdir(here.root)
    assert find_differences(here.root.parent / "plain", ("users",)) == {}


def test_a_repository_on_another_file_system_is_not_around_it(here: GitRepository) -> None:
    (here.root / "state/mount").mkdir()
    assert find_repository(here.root / "state/mount") == here.root
    assert find_repository(Path("/proc/self")) is None


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
