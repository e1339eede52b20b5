"""What of a repository may be read, and that nothing of it runs. Trees here are as hostile as git can store them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.desired.layout import is_read
from reconciler.errors import ReconcilerError, RepositoryError, UsageError
from reconciler.git import repository as module
from reconciler.git.process import build_git_environment
from reconciler.git.repository import (
    TreeFilter,
    explain_missing_commit,
    find_head_commit,
    find_merge_base,
    read_named_files,
    write_tree,
)

EVERYTHING = TreeFilter(lambda _name: True, 1024)


@pytest.fixture
def here(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path / "repository", ".")
    (repository.root / "state" / "users").mkdir(parents=True)
    (repository.root / "state" / "users" / "a.yaml").write_text("- a\n")
    (repository.root / "other").write_text("not of the directory\n")
    repository.commit("first")
    return repository


def written(repository: GitRepository, commit: str, into: Path, wanted: TreeFilter = EVERYTHING) -> dict[str, str]:
    """The files written, by name; links as `-> target`."""
    into.mkdir()
    assert write_tree(repository.root / "state", commit, into, wanted)
    return {
        path.relative_to(into).as_posix(): f"-> {path.readlink()}" if path.is_symlink() else path.read_text()
        for path in into.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def commit_with(repository: GitRepository, *entries: str) -> str:
    """A commit whose `state` is this tree of `mode type oid TAB name` lines."""
    state = repository.write_tree(*entries)
    root = repository.write_tree(f"040000 tree {state}\tstate")
    return repository.git("commit-tree", "-m", "hostile", root)


# --- commits ---------------------------------------------------------------------------


def test_the_base_is_the_merge_base_and_not_the_tip(here: GitRepository) -> None:
    first = here.git("rev-parse", "HEAD")
    here.git("checkout", "--quiet", "-b", "edit")
    here.commit("edit")
    here.git("checkout", "--quiet", "main")
    tip = here.commit("meanwhile")
    here.git("checkout", "--quiet", "edit")
    assert find_merge_base(here.root / "state", "main") == first != tip
    assert find_head_commit(here.root / "state") == here.git("rev-parse", "edit")


@pytest.mark.parametrize(
    "ref",
    [
        "",
        "-x",
        "--output=/tmp/x",
        "--all",
        ":/first",
        "^main",
        "main..main",
        "a b",
        "a\nb",
        "a\0b",
        "HEAD:state",
        "x" * 5000,
    ],
)
def test_what_cannot_name_a_commit_never_reaches_git(
    here: GitRepository, ref: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.git.repository.run_git", lambda *_words, **_more: pytest.fail("git was run"))
    with pytest.raises(UsageError):
        find_merge_base(here.root / "state", ref)


@pytest.mark.parametrize("ref", ["nope", "HEAD~7", "HEAD^{tree}", "$(id)", "`id`", "refs/heads/*"])
def test_what_names_no_commit_is_an_error(here: GitRepository, ref: str) -> None:
    with pytest.raises(RepositoryError, match="names no commit"):
        find_merge_base(here.root / "state", ref)


def test_a_commit_of_a_record_is_looked_for(here: GitRepository, tmp_path: Path) -> None:
    state = here.root / "state"
    first, tree = here.git("rev-parse", "HEAD"), here.git("rev-parse", "HEAD^{tree}")
    assert explain_missing_commit(state, first) is None
    for other in ("0" * 40, tree, "HEAD", "main", "--all", f"{first}^0", "", first[:12]):
        assert "the branch that had it was deleted or rewritten" in (explain_missing_commit(state, other) or ""), other
    here.commit("second")
    here.git("clone", "--quiet", "--depth", "1", f"file://{here.root}", str(tmp_path / "shallow"))
    assert "fetch-depth: 0" in (explain_missing_commit(tmp_path / "shallow" / "state", first) or "")
    assert "not in a git repository" in (explain_missing_commit(tmp_path, first) or "")


def test_histories_without_a_common_commit_are_an_error(here: GitRepository) -> None:
    here.git("checkout", "--quiet", "--orphan", "else")
    here.commit("else")
    with pytest.raises(RepositoryError, match="no commit in common"):
        find_merge_base(here.root / "state", "main")


def test_a_repository_without_a_commit_is_an_error(tmp_path: Path) -> None:
    empty = GitRepository(tmp_path / "empty", ".")
    assert find_head_commit(empty.root) is None
    with pytest.raises(RepositoryError):
        find_merge_base(empty.root, "HEAD")


def test_a_missing_git_is_an_error(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_head_commit(here.root) is None
    with pytest.raises(RepositoryError, match="git cannot be run"):
        find_merge_base(here.root, "HEAD")


def test_the_environment_cannot_point_git_elsewhere(here: GitRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = GitRepository(here.root.parent / "elsewhere", ".")
    elsewhere.commit("else")
    monkeypatch.setenv("GIT_DIR", str(elsewhere.root / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(elsewhere.root))
    assert find_merge_base(here.root / "state", "main") == find_head_commit(here.root / "state")
    assert find_head_commit(here.root / "state") != elsewhere.git("rev-parse", "HEAD")


def test_git_gets_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RECONCILER_TOKEN", "RECONCILER_RECORD_KEY", "GITHUB_TOKEN"):
        monkeypatch.setenv(name, "a secret")
    assert "a secret" not in build_git_environment().values()


def test_files_that_look_like_a_repository_are_not_taken_for_one(here: GitRepository) -> None:
    state = here.root / "state"
    trap = here.root / "ran"
    for name in ("objects", "refs"):
        (state / name).mkdir()
    (state / "HEAD").write_text("ref: refs/heads/main\n")
    (state / "config").write_text(
        f'[core]\n\tbare = true\n\tfsmonitor = "touch {trap}"\n[alias]\n\tx = "!touch {trap}"\n'
    )
    assert find_head_commit(state) is None
    with pytest.raises(RepositoryError, match="bare repository"):
        find_merge_base(state, "HEAD")
    assert not trap.exists()


def test_nothing_of_the_repository_runs(here: GitRepository, tmp_path: Path) -> None:
    trap = tmp_path / "ran"
    (here.root / "state" / ".gitattributes").write_text("* filter=evil diff=evil\n")
    commit = here.commit("attributes")
    script = here.root / ".git" / "hooks" / "post-checkout"
    script.parent.mkdir(exist_ok=True)
    script.write_text(f"#!/bin/sh\ntouch {trap}\n")
    script.chmod(0o755)
    for name in ("filter.evil.smudge", "filter.evil.clean", "diff.evil.textconv", "core.fsmonitor", "core.pager"):
        here.git("config", name, f"touch {trap}")
    assert find_merge_base(here.root / "state", "main") == commit
    assert written(here, commit, tmp_path / "into")["users/a.yaml"] == "- a\n"
    assert not trap.exists()


# --- files ------------------------------------------------------------------------------


def test_the_directory_is_written_as_the_commit_has_it(here: GitRepository, tmp_path: Path) -> None:
    first = here.git("rev-parse", "HEAD")
    (here.root / "state" / "users" / "a.yaml").write_text("- b\n")
    second = here.commit("second")
    (here.root / "state" / "users" / "a.yaml").write_text("- not committed\n")
    assert written(here, first, tmp_path / "1") == {"users/a.yaml": "- a\n"}
    assert written(here, second, tmp_path / "2") == {"users/a.yaml": "- b\n"}


def test_a_directory_that_the_commit_lacks(here: GitRepository, tmp_path: Path) -> None:
    (here.root / "new").mkdir()
    assert not write_tree(here.root / "new", here.git("rev-parse", "HEAD"), tmp_path, EVERYTHING)


def test_what_is_not_read_is_written_empty_and_what_is_too_large_only_looks_so(
    here: GitRepository, tmp_path: Path
) -> None:
    state = here.root / "state"
    (state / "notes.txt").write_text("not read\n")
    (state / "users" / "b.yaml").write_text("x" * 30)
    commit = here.commit("more")
    files = written(here, commit, tmp_path / "into", TreeFilter(is_read, 20))
    assert files["notes.txt"] == ""
    assert files["users/a.yaml"] == "- a\n"
    assert files["users/b.yaml"] == "\0" * 21


def test_many_blobs_come_in_batches_and_each_to_its_file(here: GitRepository, tmp_path: Path) -> None:
    users = here.root / "state" / "users"
    for number in range(300):
        (users / f"{number}.yaml").write_text(f"- {number}\n\n" * (number % 7))
    files = written(here, here.commit("many"), tmp_path / "into")
    assert all(files[f"users/{number}.yaml"] == f"- {number}\n\n" * (number % 7) for number in range(300))


def test_links_are_written_last_and_nothing_is_written_through_them(here: GitRepository, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link, blob = here.write_blob(str(outside).encode()), here.write_blob(b"- evil\n")
    entries = b"".join(
        mode + b" users\0" + bytes.fromhex(oid)
        for mode, oid in ((b"120000", link), (b"40000", here.write_tree(f"100644 blob {blob}\ta.yaml")))
    )
    state = here.write_object("tree", entries)
    root = here.write_tree(f"040000 tree {state}\tstate")
    commit = here.git("commit-tree", "-m", "hostile", root)
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(RepositoryError):
        write_tree(here.root / "state", commit, into, EVERYTHING)
    assert list(outside.iterdir()) == []


def test_a_link_that_leads_out_is_a_link_that_leads_out(here: GitRepository, tmp_path: Path) -> None:
    commit = commit_with(here, f"120000 blob {here.write_blob(b'/etc/passwd')}\tsettings.yaml")
    assert written(here, commit, tmp_path / "into") == {"settings.yaml": "-> /etc/passwd"}


@pytest.mark.parametrize("name", [b"..", b".", b"../escaped", b"/absolute", b"a//b", b"a/../../escaped"])
def test_names_that_lead_out_are_refused(here: GitRepository, tmp_path: Path, name: bytes) -> None:
    blob = bytes.fromhex(here.write_blob(b"evil"))
    state = here.write_object("tree", b"100644 " + name + b"\0" + blob)
    commit = here.git("commit-tree", "-m", "hostile", here.write_tree(f"040000 tree {state}\tstate"))
    into = tmp_path / "deep" / "into"
    into.mkdir(parents=True)
    with pytest.raises(RepositoryError, match="no directory can hold"):
        write_tree(here.root / "state", commit, into, EVERYTHING)
    assert [path for path in tmp_path.rglob("*") if path.name in ("escaped", "absolute")] == []


def test_two_files_of_one_name_are_refused(here: GitRepository, tmp_path: Path) -> None:
    blobs = [bytes.fromhex(here.write_blob(content)) for content in (b"one", b"two")]
    state = here.write_object("tree", b"".join(b"100644 scope.yaml\0" + blob for blob in blobs))
    commit = here.git("commit-tree", "-m", "hostile", here.write_tree(f"040000 tree {state}\tstate"))
    with pytest.raises(RepositoryError, match="cannot be written"):
        write_tree(here.root / "state", commit, tmp_path, EVERYTHING)


@pytest.mark.parametrize("name", ["-rf", "a b\n::error::x", "\N{RIGHT-TO-LEFT OVERRIDE}x", '"quoted"', "$(id)", "ÅÄ"])
def test_odd_names_are_only_names(here: GitRepository, tmp_path: Path, name: str) -> None:
    commit = commit_with(here, f"100644 blob {here.write_blob(b'x')}\t{name}")
    assert written(here, commit, tmp_path / "into") == {name: "x"}


def test_a_name_that_is_not_utf8_is_kept(here: GitRepository, tmp_path: Path) -> None:
    state = here.write_object("tree", b"100644 \xff\xfe.yaml\0" + bytes.fromhex(here.write_blob(b"x")))
    commit = here.git("commit-tree", "-m", "odd", here.write_tree(f"040000 tree {state}\tstate"))
    assert written(here, commit, tmp_path / "into") == {os.fsdecode(b"\xff\xfe.yaml"): "x"}


@pytest.mark.parametrize("place", ["state", "users"])
def test_a_submodule_is_refused(here: GitRepository, tmp_path: Path, place: str) -> None:
    first = here.git("rev-parse", "HEAD")
    if place == "state":
        commit = here.git("commit-tree", "-m", "x", here.write_tree(f"160000 commit {first}\tstate"))
    else:
        commit = commit_with(here, f"160000 commit {first}\tusers")
    with pytest.raises(RepositoryError, match="submodule"):
        write_tree(here.root / "state", commit, tmp_path, EVERYTHING)


@pytest.mark.slow
def test_a_tree_that_unfolds_without_end_is_refused_quickly(here: GitRepository, tmp_path: Path) -> None:
    tree = here.write_tree(f"100644 blob {here.write_blob()}\tx")
    for _ in range(12):
        tree = here.write_tree(*(f"040000 tree {tree}\t{number:02}" for number in range(20)))
    commit = commit_with(here, f"040000 tree {tree}\tusers")
    with pytest.raises(RepositoryError, match="more than"):
        write_tree(here.root / "state", commit, tmp_path, EVERYTHING)


def test_missing_objects_are_an_error(here: GitRepository, tmp_path: Path) -> None:
    commit = commit_with(here, f"100644 blob {'ab' * 20}\tsettings.yaml")
    with pytest.raises(ReconcilerError, match="cannot be read"):
        write_tree(here.root / "state", commit, tmp_path, EVERYTHING)


def test_more_bytes_than_can_be_read_are_refused_before_they_are_read(
    here: GitRepository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reconciler.git.repository._MAX_TOTAL_BYTES", 3)
    with pytest.raises(RepositoryError, match="more than can be read"):
        write_tree(here.root / "state", here.git("rev-parse", "HEAD"), tmp_path, EVERYTHING)


def test_named_files_are_read_without_links_and_whatever_their_names(
    here: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"kept/a.txt": "a", "kept/*.txt": "star", "kept/:(top)b": "magic", "more/c.txt": "c"}
    (here.root / "kept").mkdir()
    (here.root / "kept/link").symlink_to("a.txt")
    commit = here.commit("Files", files)
    monkeypatch.setattr(module, "_MAX_NAMES", 2)
    names = ["kept/*.txt", "kept/:(top)b", "kept/link", "kept/a.txt", "kept/none.txt", "kept"]
    found = dict(read_named_files(here.root, commit, names))
    assert found == {"kept/*.txt": b"star", "kept/:(top)b": b"magic", "kept/a.txt": b"a"}
    assert dict(read_named_files(here.root, commit, [])) == {}
