from __future__ import annotations

from pathlib import Path

import pytest
from support.git_repository import GitRepository

from reconciler.errors import RepositoryError
from reconciler.git import commits as module
from reconciler.git.commits import Commits, FileChange


@pytest.fixture
def made(tmp_path: Path) -> GitRepository:
    repository = GitRepository(tmp_path)
    repository.commit("Begin", {"desired-state/users/a.yaml": "one\n", "desired-state/b.yaml": "b\n"})
    return repository


def test_changes_of_each_commit_are_those_below_the_directory(made: GitRepository) -> None:
    first = made.head()
    second = made.commit("Edit", {"desired-state/users/a.yaml": "two\n", "desired-state/b.yaml": None})
    made.commit("Elsewhere", {"other.txt": "x"})
    with Commits(made.root / "desired-state") as commits:
        graph = commits.read_graph(commits.resolve("HEAD"))
        found = dict(commits.read_changes(node.id for node in graph))
        assert list(found) == [second, first]
        names = {change.name: change for change in found[second]}
        assert set(names) == {"users/a.yaml", "b.yaml"}
        assert names["b.yaml"].new is None
        assert commits.read_blob(names["users/a.yaml"].new) == b"two\n"
        assert commits.read_blob(names["users/a.yaml"].old[0]) == b"one\n"
        assert commits.compare(first, second) == found[second]
        assert set(commits.list_files(first)) == {"users/a.yaml", "b.yaml"}


def test_links_and_submodules_are_no_files(made: GitRepository) -> None:
    (made.root / "desired-state/users/link.yaml").symlink_to("/etc/passwd")
    commit = made.commit("Link")
    with Commits(made.root / "desired-state") as commits:
        assert "users/link.yaml" not in commits.list_files(commit)
        ((_, changes),) = commits.read_changes([commit])
        assert changes == [FileChange("users/link.yaml", (None,), None)]


def test_paths_that_no_work_tree_may_have_are_left_out(made: GitRepository) -> None:
    blob = made.git("hash-object", "-w", "--stdin", stdin="x\n")
    inner = made.git("mktree", stdin=f"100644 blob {blob}\tpasswd\n")
    evil = made.git("mktree", stdin=f"040000 tree {inner}\t..\n")
    state = made.git("mktree", stdin=f"040000 tree {evil}\tusers\n")
    root = made.git("mktree", stdin=f"040000 tree {state}\tdesired-state\n")
    commit = made.git("commit-tree", root, "-m", "Evil")
    with Commits(made.root / "desired-state") as commits:
        assert commits.list_files(commit) == {}
        assert list(commits.read_changes([commit])) == []


@pytest.mark.parametrize("name", ["HEAD", "main", "HEAD~1"])
@pytest.mark.parametrize("orphan", [False, True])
def test_without_a_commit_that_is_the_reason(tmp_path: Path, name: str, orphan: bool) -> None:
    repository = GitRepository(tmp_path)
    (tmp_path / "desired-state").mkdir()
    if orphan:
        repository.commit("Begin", {"desired-state/a.yaml": ""})
        repository.git("checkout", "--quiet", "--orphan", "main2")
        repository.git("branch", "-D", "main")
    with Commits(tmp_path / "desired-state") as commits, pytest.raises(RepositoryError) as found:
        commits.resolve(name)
    assert (found.value.summary, found.value.detail) == (
        "the current branch has no commit yet",
        "Commit the desired state first.",
    )


@pytest.mark.parametrize("name", ["-x", "--output=/tmp/x", "", " ", "no-such", "main:desired-state", "a\nb"])
def test_what_names_no_commit_is_refused(made: GitRepository, name: str) -> None:
    with Commits(made.root / "desired-state") as commits, pytest.raises(RepositoryError):
        commits.resolve(name)


@pytest.mark.parametrize("name", ["-x", "--all", ""])
def test_what_looks_like_a_flag_does_not_even_reach_git(made: GitRepository, name: str) -> None:
    with Commits(made.root / "desired-state") as commits, pytest.raises(RepositoryError, match="is not a commit"):
        commits.resolve(name)


def test_only_ids_are_passed_on(made: GitRepository) -> None:
    with Commits(made.root / "desired-state") as commits:
        for call in (commits.read_blob, commits.read_commit, commits.read_graph, commits.list_files):
            with pytest.raises(RepositoryError):
                call("HEAD")
        with pytest.raises(RepositoryError, match="is missing"):
            commits.read_blob("0" * 40)


def test_answers_come_in_the_order_of_questions_also_with_a_small_memory(
    made: GitRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CACHED_BYTES", 10)
    monkeypatch.setattr(module, "_AHEAD", 3)
    for number in range(8):
        made.commit("Edit", {"desired-state/users/a.yaml": f"number {number}\n"})
    with Commits(made.root / "desired-state") as commits:
        changes = [
            change
            for _, found in commits.read_changes(n.id for n in commits.read_graph(made.head()))
            for change in found
        ]
        commits.prefetch(changes)
        for change in [*changes, *reversed(changes)]:
            text = commits.read_blob(change.new)
            assert text == made.git("cat-file", "blob", str(change.new)).encode() + b"\n"


def test_a_repository_that_git_does_not_use_is_not_called_none(tmp_path: Path) -> None:
    GitRepository(tmp_path)
    (tmp_path / ".git" / "HEAD").write_text("")
    with pytest.raises(RepositoryError, match=r"^the repository cannot be read: ") as caught:
        Commits(tmp_path)
    assert "not meant to be a repository" in caught.value.detail


def test_a_history_has_its_commits_but_not_those_of_a_branch_beside_it(made: GitRepository) -> None:
    first = made.head()
    second = made.commit("Edit", {"other.txt": "x"})
    made.git("checkout", "--quiet", "-b", "side", first)
    side = made.commit("Beside", {"other.txt": "y"})
    with Commits(made.root) as commits:
        assert commits.has_in_history(second, [first, second])
        assert commits.has_in_history(second, [])
        assert not commits.has_in_history(second, [first, side])
        for absent in ("0" * 39 + "1", "--all", ""):
            with pytest.raises(RepositoryError):
                commits.has_in_history(second, [first, absent])
