"""Which repositories git can use, and what is not taken for an answer: for real repositories."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git.checkout import explain_trust, find_lock, find_repository
from reconciler.git.index import FileState, confirms_deletion, find_differences

FILE = "state/users/a.yaml"


@pytest.fixture
def here(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "repository", ".")
    repository.commit("first", {FILE: "- a\n", "state/users/b.yaml": "- b\n", "other": ""})
    return repository


def differences(repository: GitRepository) -> dict[str, FileState]:
    return find_differences(repository.root / "state", ("users",))


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
    assert not confirms_deletion(here.root / "state", "users/a.yaml", ("users",), None)


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


# --- repositories of another user ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "text"),
    [
        ({"HOME": "/home/ada"}, "run `git config --global --add safe.directory '/a b'`."),
        ({}, "run `git config --system --add safe.directory '/a b'`."),
        ({"HOME": ""}, "run `git config --system --add safe.directory '/a b'`."),
        (
            {"HOME": "/home/ada", "GIT_CONFIG_GLOBAL": "/x", "GIT_CONFIG_COUNT": "1"},
            (
                "run `env -u GIT_CONFIG_GLOBAL git config --global --add safe.directory '/a b'`."
                " Variables of git are ignored here: GIT_CONFIG_GLOBAL, GIT_CONFIG_COUNT."
            ),
        ),
        (
            {"GIT_CONFIG_SYSTEM": "/x"},
            (
                "run `env -u GIT_CONFIG_SYSTEM git config --system --add safe.directory '/a b'`."
                " Variables of git are ignored here: GIT_CONFIG_SYSTEM."
            ),
        ),
    ],
)
def test_the_command_that_trusts_a_repository_writes_where_git_looks(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], text: str
) -> None:
    for name in ("HOME", "GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "GIT_CONFIG_COUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert explain_trust(Path("/a b")) == text


# --- the lock of the index ------------------------------------------------------------------------


def test_the_lock_is_that_of_the_own_work_tree(here: GitRepository, tmp_path: Path) -> None:
    here.git("worktree", "add", "--quiet", "--detach", str(tmp_path / "linked"))
    linked = tmp_path / "linked/state"
    assert (find_lock(here.root / "state"), find_lock(linked)) == (None, None)
    (here.root / ".git/index.lock").touch()
    assert (find_lock(here.root / "state"), find_lock(linked)) == (here.root / ".git/index.lock", None)
    (here.root / ".git/worktrees/linked/index.lock").touch()
    assert find_lock(linked) == here.root / ".git/worktrees/linked/index.lock"


def test_without_a_repository_that_git_can_use_there_is_no_lock(here: GitRepository, tmp_path: Path) -> None:
    assert find_lock(tmp_path) is None
    (here.root / ".git/index.lock").touch()
    (here.root / ".git/HEAD").write_bytes(b"")
    assert find_lock(here.root / "state") is None
