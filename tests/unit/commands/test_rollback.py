from __future__ import annotations

from typing import Any

import pytest
from support.git_repository import GitRepository
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.commands.rollback import RollbackOptions, run_rollback
from reconciler.errors import ExitCode, ReconcilerError, RepositoryError

PEOPLE = "users/people.yaml"


@pytest.fixture
def git(target: TargetWorkspace) -> GitRepository:
    repository = GitRepository(target.files.root)
    (target.files.root / ".gitignore").write_text("plans/\nstate-home/\n")
    return repository


def commit(target: TargetWorkspace, git: GitRepository, *people: dict[str, Any]) -> str:
    target.desire(*people)
    return git.commit("Edit")


def people(target: TargetWorkspace) -> str:
    return (target.workspace.state / PEOPLE).read_text()


def test_a_commit_is_restored(target: TargetWorkspace, git: GitRepository) -> None:
    first = commit(target, git, person("ada"))
    before = people(target)
    commit(target, git, person("ada", department="Sales"))
    assert run_rollback(target.workspace, RollbackOptions(first), target.terminal) is ExitCode.OK
    assert people(target) == before
    assert f"Edited, to be as in {first[:12]}:" in target.terminal.out


def test_a_dry_run_shows_the_edit_and_writes_nothing(target: TargetWorkspace, git: GitRepository) -> None:
    first = commit(target, git, person("ada"))
    commit(target, git, person("ada", department="Sales"))
    before = people(target)
    run_rollback(target.workspace, RollbackOptions(first, dry_run=True), target.terminal)
    assert people(target) == before
    assert f"--- a/{PEOPLE}" in target.terminal.out
    assert "Nothing was written (--dry-run)." in target.terminal.out


def test_a_plan_is_undone_by_its_id(target: TargetWorkspace, git: GitRepository) -> None:
    commit(target, git)
    target.apply()
    before = people(target)
    commit(target, git, person("ada"))
    target.apply()
    plan_id = max(target.workspace.plans.iterdir(), key=lambda path: path.stat().st_mtime).name.rpartition("-")[2]
    assert run_rollback(target.workspace, RollbackOptions(plan_id), target.terminal) is ExitCode.OK
    assert people(target) == before


def test_a_later_edit_is_left_alone_unless_forced(target: TargetWorkspace, git: GitRepository) -> None:
    target.service.users.clear()
    commit(target, git, person("ada"))
    target.apply()
    commit(target, git, person("ada", department="Sales"))
    target.apply()
    plan_id = max(target.workspace.plans.iterdir(), key=lambda path: path.stat().st_mtime).name
    commit(target, git, person("ada", department="Finance"))
    assert run_rollback(target.workspace, RollbackOptions(plan_id), target.terminal) is ExitCode.PARTIAL
    assert "Finance" in people(target)
    assert run_rollback(target.workspace, RollbackOptions(plan_id, force=True), target.terminal) is ExitCode.OK
    assert "Engineering" in people(target)
    assert "Finance" not in people(target)


def test_uncommitted_edits_are_never_overwritten(target: TargetWorkspace, git: GitRepository) -> None:
    first = commit(target, git, person("ada"))
    commit(target, git, person("ada", department="Sales"))
    target.desire(person("ada", department="Legal"))
    with pytest.raises(ReconcilerError, match=f"not as committed: {PEOPLE}"):
        run_rollback(target.workspace, RollbackOptions(first), target.terminal)


def test_an_invalid_result_is_not_written(target: TargetWorkspace, git: GitRepository) -> None:
    first = commit(target, git, person("ada", lifecycle={"starts": "soon"}))
    commit(target, git, person("ada"))
    before = people(target)
    with pytest.raises(ReconcilerError, match="the restored state fails validation"):
        run_rollback(target.workspace, RollbackOptions(first), target.terminal)
    assert people(target) == before
    assert target.terminal.summaries == ["lifecycle.starts: expected a date such as 2026-12-31"]


def test_a_plan_that_is_not_on_record_is_an_error(target: TargetWorkspace, git: GitRepository) -> None:
    commit(target, git)
    with pytest.raises(RepositoryError, match="there is no plan 'sha256:0123456789abcdef'"):
        run_rollback(target.workspace, RollbackOptions("sha256:0123456789abcdef"), target.terminal)
