"""Tracked files that were not read: which are errors, and which withhold removals."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.desired_directory import messages
from support.git_repository import GitRepository

from reconciler.core.model import Origin, Severity, error
from reconciler.desired import work_tree
from reconciler.desired.directory import Directory
from reconciler.desired.work_tree import check_work_tree
from reconciler.errors import RepositoryError
from reconciler.git.index import FileState


@pytest.fixture
def directory(tmp_path: Path) -> Directory:
    repository = GitRepository(tmp_path)
    files = {f"desired-state/{name}": "[]\n" for name in ("scope.yaml", "users/a.yaml", "users/README.md")}
    repository.commit("first", files)
    directory = Directory(tmp_path / "desired-state")
    directory.read_all()
    return directory


def test_nothing_is_reported_if_all_files_are_there(directory: Directory) -> None:
    assert check_work_tree(directory) is None
    assert directory.diagnostics == []


def test_a_directory_that_is_gone_is_not_compared(
    directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert check_work_tree(Directory(Path("desired-state"))) is None
    assert check_work_tree(Directory(tmp_path / "nowhere")) is None


def test_a_missing_scope_is_an_error(directory: Directory) -> None:
    (directory.root / "scope.yaml").unlink()
    assert check_work_tree(directory) is None
    assert messages(directory) == [("scope.yaml:1:1", "scope.yaml is in git's index, but not in the work tree")]
    detail = directory.diagnostics[0].detail
    restore = f"`git -C {directory.root} checkout -- scope.yaml`"
    assert detail.startswith(f"Without scope.yaml every user is in scope. {restore}")


def test_details_are_one_line(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line break in a diagnostic is shown as \\n."""
    states = dict(
        zip(("scope.yaml", "users/a.yaml", "users/b.yaml", "users/c.yaml", "users/d.yaml"), FileState, strict=True)
    )
    for state in FileState:
        monkeypatch.setattr(work_tree, "find_differences", lambda *_, s=state: {"scope.yaml": s, **states})
        check_work_tree(directory)
    assert all("\n" not in item.summary + item.detail for item in directory.diagnostics)


def test_a_missing_scope_with_another_name_is_one_error(directory: Directory) -> None:
    (directory.root / "scope.yaml").rename(directory.root / "scope.yml")
    directory.check_layout()
    assert check_work_tree(directory) is None
    assert messages(directory) == [("scope.yml:1:1", "this file is not read")]


def test_a_missing_file_with_users_is_a_warning_and_a_reason(directory: Directory) -> None:
    (directory.root / "users/a.yaml").unlink()
    reason = "1 file of the desired state is in git's index, but not in the work tree"
    assert check_work_tree(directory) == reason
    assert messages(directory) == [("None", f'{reason}: "users/a.yaml"')]


@pytest.mark.parametrize("name", ["users/a.yaml", "scope.yaml"])
def test_a_file_that_was_not_read_is_missing_even_if_it_is_there_by_now(directory: Directory, name: str) -> None:
    del directory.digests[name]
    reason = check_work_tree(directory)
    assert [summary for _, summary in messages(directory)] == [
        f"{name} is in git's index, but not in the work tree"
        if name == "scope.yaml"
        else '1 file of the desired state is in git\'s index, but not in the work tree: "users/a.yaml"'
    ]
    assert (reason is None) == (name == "scope.yaml")


def test_a_file_that_was_read_under_another_spelling_of_its_name_was_read(directory: Directory) -> None:
    """macOS finds users/a.yaml as users/A.yaml, and may list it in another Unicode normalization."""
    directory.digests["users/A.yaml"] = directory.digests.pop("users/a.yaml")
    assert check_work_tree(directory) is None
    assert directory.diagnostics == []


def test_with_an_error_files_that_were_not_read_are_not_missing(directory: Directory) -> None:
    directory.digests.clear()
    directory.unread.add("users")
    assert check_work_tree(directory) is None


def test_a_lock_of_the_index_is_a_reason(directory: Directory) -> None:
    lock = directory.root.parent / ".git/index.lock"
    lock.touch()
    reason = "git's index is locked: a git command is running, or was interrupted"
    assert check_work_tree(directory) == reason
    assert messages(directory) == [("None", reason)]
    assert f"`rm -f -- {lock}`" in directory.diagnostics[0].detail


def test_a_missing_file_without_users_is_not_reported(directory: Directory) -> None:
    (directory.root / "users/README.md").unlink()
    assert check_work_tree(directory) is None
    assert directory.diagnostics == []


def test_an_unmerged_file_is_reported_once(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work_tree, "find_differences", lambda *_: {"users/a.yaml": FileState.UNMERGED})
    conflict = error("an unresolved merge conflict", "", Origin("users/a.yaml", 2, 1))
    directory.report(conflict)
    assert check_work_tree(directory) is None
    assert directory.diagnostics == [conflict]


def test_a_conflict_in_many_files_is_reported_soon(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {f"users/{number}.yaml": FileState.UNMERGED for number in range(1_500)}
    monkeypatch.setattr(work_tree, "find_differences", lambda *_: found)
    began = time.process_time()
    check_work_tree(directory)
    assert time.process_time() - began < 2
    assert len(directory.diagnostics) == 1_500


def test_many_files_and_kinds_are_counted(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    found = {f"users/{number}.yaml": FileState.MISSING for number in range(7)}
    found |= {"users/old.yaml": FileState.OUTDATED, "groups": FileState.SUBMODULE}
    monkeypatch.setattr(work_tree, "find_differences", lambda *_: found)
    assert check_work_tree(directory) == (
        "7 files of the desired state are in git's index, but not in the work tree"
        " and 1 file of the desired state is different from git's index, and marked skip-worktree or assume-unchanged"
        " and 1 folder of the desired state is not in this repository (a submodule)"
    )
    assert directory.diagnostics[0].summary.endswith('"users/3.yaml", "users/4.yaml" and 2 more')


def test_git_that_fails_is_a_reason(directory: Directory, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> dict[str, FileState]:
        raise RepositoryError("git cannot be run", "Install git.")

    monkeypatch.setattr(work_tree, "find_differences", fail)
    for name in ("settings.yaml", "mappings.yaml"):
        (directory.root / name).touch()
    reason = "git cannot determine whether all files of the desired state are in the work tree"
    assert check_work_tree(directory) == reason
    assert messages(directory) == [
        ("None", "cannot determine whether all files of the desired state are in the work tree: git cannot be run")
    ]
    assert directory.diagnostics[0].severity is Severity.WARNING


def test_git_that_fails_makes_missing_files_of_the_top_level_an_error(
    directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> dict[str, FileState]:
        raise RepositoryError("git cannot be run", "Install git.")

    monkeypatch.setattr(work_tree, "find_differences", fail)
    directory.report(error("settings.yaml is missing", "", Origin("settings.yaml", 1, 1)))
    (directory.root / "scope.yaml").unlink()
    check_work_tree(directory)
    found = directory.diagnostics[-1]
    root = directory.root
    assert found.severity is Severity.ERROR
    assert found.summary == (
        "scope.yaml and mappings.yaml are not in the work tree, and git cannot determine whether they should be:"
        " git cannot be run"
    )
    assert found.detail == (
        "Without scope.yaml every user is in scope. Without mappings.yaml the mappings are those of the profile."
        " Install git. Then run the same command again: what git does not have is no error then."
        f" `git -C {root} checkout -- scope.yaml` and `git -C {root} checkout -- mappings.yaml` restore those that git"
        " has."
    )
