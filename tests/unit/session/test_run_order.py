from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pytest
from support.git_repository import GitRepository
from support.recording_terminal import RecordingTerminal
from support.workflow_step import write_settings

from reconciler.errors import RepositoryError, StalePlanError
from reconciler.git.server import Remote
from reconciler.github.api import GitHub, GitHubError, Json
from reconciler.github.environment import Workflow, read_workflow
from reconciler.session.run_order import check_run_order
from reconciler.session.workspace import Workspace

PEOPLE = "desired-state/users/people.yaml"
PLAN_ID = "sha256:" + "1" * 64


class Hub:
    """The later runs of the workflow, none of which has begun to apply."""

    def __init__(self, *commits: str) -> None:
        self.runs: list[Json] = [
            {"id": 100 + number, "run_number": number, "event": "push", "head_branch": "main", "head_sha": commit}
            | {"status": "completed", "conclusion": "cancelled"}
            for number, commit in reversed(list(enumerate(commits, start=4)))
        ]

    def items(self, path: str, _key: str, **_query: Any) -> Iterator[Json]:
        yield from self.runs if path.endswith("/apply.yml/runs") else ()


@dataclass
class Repository:
    """A repository with commits of the desired state, and its record."""

    git: GitRepository
    workspace: Workspace
    terminal: RecordingTerminal
    server: str
    """The path of the repository that is the server's: by default the same one."""

    def commit(self, text: str) -> str:
        return self.git.commit(text, {PEOPLE: f"# {text}\n"})

    def record(self, commit: str, *events: dict[str, Any], **changes: Any) -> None:
        """Put an apply of `commit` on record, complete by default."""
        place = self.workspace.plans / f"2026-12-01-{len(list(self.workspace.plans.glob('*')))}"
        place.mkdir(parents=True)
        head = {"format_version": "1.0", "time": "2026-12-01T08:00:00+00:00", "plan_id": PLAN_ID}
        target = {"target": "https://scim.example.com", "profile": "scim", "commit": commit}
        lines = [{"event": "apply_started", **target, **changes}, *(events or ({"event": "apply_finished"},))]
        (place / "receipt.jsonl").write_text("".join(f"{json.dumps({**head, **line})}\n" for line in lines))

    def check(self, commit: str, *later: str, attempt: int = 1) -> None:
        """Start run 3, for `commit`, after runs for `later` began to wait."""
        environment = {"GITHUB_RUN_ID": "103", "GITHUB_RUN_NUMBER": "3", "GITHUB_RUN_ATTEMPT": str(attempt)}
        here: Workflow = replace(read_workflow(environment), branch="main", commit=commit)
        remote = Remote(self.server, "https://github.com", "file", {})
        assert check_run_order(self.workspace, cast("GitHub", Hub(*later)), remote, here, self.terminal)

    def refusal(self, commit: str, *later: str, attempt: int = 1) -> str:
        with pytest.raises(StalePlanError) as refused:
            self.check(commit, *later, attempt=attempt)
        assert refused.value.detail.startswith("Nothing was changed: this older commit could undo a later one.")
        return refused.value.summary


@pytest.fixture
def repository(tmp_path: Path, terminal: RecordingTerminal) -> Repository:
    git = GitRepository(tmp_path)
    write_settings(tmp_path)
    workspace = Workspace(tmp_path / "desired-state", tmp_path / "plans", False, datetime.now(UTC))
    return Repository(git, workspace, terminal, str(tmp_path))


def test_an_older_commit_is_not_applied_after_a_later_one_on_record(repository: Repository) -> None:
    """Although the run that applied it was deleted, or it was applied on another machine."""
    old, new = repository.commit("old"), repository.commit("new")
    repository.record(new)
    expected = f"the later commit {new[:12]} has been applied (the apply of 2026-12-01 08:00 UTC, plan 111111111111)"
    assert repository.refusal(old) == expected
    repository.check(new)


def test_a_later_apply_that_only_sent_a_request_counts(repository: Repository) -> None:
    old, new = repository.commit("old"), repository.commit("new")
    repository.record(new, {"event": "started", "address": "a", "action": "create"})
    assert repository.refusal(old).startswith(f"the later commit {new[:12]} has been applied")


def test_a_later_apply_that_sent_nothing_does_not_count(repository: Repository) -> None:
    old, new = repository.commit("old"), repository.commit("new")
    repository.record(new, {"event": "apply_finished", "how": "interrupted", "left": 2})
    repository.check(old)
    repository.record(new, target="https://another.example.com")
    repository.check(old)


def test_applies_of_earlier_commits_and_of_other_branches_do_not_count(repository: Repository) -> None:
    """Anyone who may write to the record can put an apply of any commit on it."""
    old = repository.commit("old")
    now = repository.commit("now")
    repository.git.git("checkout", "--quiet", "-b", "mine")
    mine = repository.commit("mine")
    repository.git.git("checkout", "--quiet", "main")
    for commit in (old, mine, "f" * 40, "--all"):
        repository.record(commit)
    repository.check(now)


def test_a_merged_branch_is_later_than_what_it_was_merged_into(repository: Repository) -> None:
    old = repository.commit("old")
    repository.git.git("checkout", "--quiet", "-b", "topic")
    repository.git.commit("topic", {"desired-state/users/more.yaml": "# topic\n"})
    repository.git.git("checkout", "--quiet", "main")
    merged = repository.git.merge("topic", "Merge pull request #7 from x/topic")
    repository.record(merged)
    assert repository.refusal(old).startswith(f"the later commit {merged[:12]} has been applied")


def check_out(repository: Repository, commit: str) -> None:
    """As `actions/checkout` does, which sets origin/main to the commit of the run."""
    repository.git.git("update-ref", "refs/remotes/origin/main", commit)
    repository.git.git("checkout", "--quiet", "--detach", commit)


@pytest.mark.parametrize("attempt", [1, 2])
def test_the_branch_of_the_server_decides_not_what_is_checked_out(attempt: int, repository: Repository) -> None:
    old, new = repository.commit("old"), repository.commit("new")
    check_out(repository, old)
    repository.record(new)
    assert repository.refusal(old, attempt=attempt).startswith(f"the later commit {new[:12]} has been applied")


@pytest.mark.parametrize("attempt", [1, 2])
def test_a_commit_that_the_server_removed_from_the_branch_is_refused(attempt: int, repository: Repository) -> None:
    first, dropped = repository.commit("first"), repository.commit("dropped")
    repository.git.git("reset", "--quiet", "--hard", first)
    repository.commit("instead")
    check_out(repository, dropped)
    repository.record(first)
    expected = f"commit {dropped[:12]} is no longer on the default branch"
    assert repository.refusal(dropped, attempt=attempt) == expected


def test_nothing_is_applied_if_the_server_does_not_say_what_the_newest_commit_is(repository: Repository) -> None:
    old = repository.commit("old")
    check_out(repository, old)
    repository.git.git("branch", "--quiet", "-D", "main")
    repository.check(old)  # no apply is on record, and nothing was started again: no commit is compared
    with pytest.raises(RepositoryError, match='the server has no branch "main"'):
        repository.check(old, attempt=2)
    repository.record(old)
    repository.server += "/gone"
    with pytest.raises(RepositoryError, match=r'the branch "main" cannot be reached \(ls-remote\)'):
        repository.check(old)


def test_a_commit_that_was_removed_from_the_branch_is_refused(repository: Repository) -> None:
    first, dropped = repository.commit("first"), repository.commit("dropped")
    repository.git.git("reset", "--quiet", "--hard", first)
    repository.commit("instead")
    repository.record(first)
    assert repository.refusal(dropped) == f"commit {dropped[:12]} is no longer on the default branch"
    assert repository.refusal(dropped, attempt=2) == f"commit {dropped[:12]} is no longer on the default branch"


# --- a run that is started again ---------------------------------------------------


def test_a_run_is_not_started_again_if_the_run_of_a_later_commit_is_missing(repository: Repository) -> None:
    """Who may write to the repository can delete runs; that of the newest commit leaves no gap in the numbers."""
    old, new, newest = (repository.commit(text) for text in ("old", "new", "newest"))
    expected = f"the later commit {newest[:12]} changed the desired state, but its run of this workflow is missing"
    assert repository.refusal(old, attempt=2) == expected
    assert repository.refusal(old, new, attempt=2) == expected
    repository.check(old, new, newest, attempt=2)
    repository.check(newest, attempt=2)


def test_the_first_attempt_does_not_wait_for_runs_of_later_commits(repository: Repository) -> None:
    old, _ = repository.commit("old"), repository.commit("pushed a moment ago")
    repository.check(old)


def test_a_later_commit_of_other_files_needs_no_run(repository: Repository) -> None:
    old = repository.commit("old")
    repository.git.commit("Docs", {"README.md": "Docs\n"}, tracked="README.md")
    repository.check(old, attempt=2)


def test_a_run_of_a_later_commit_covers_what_was_pushed_with_it(repository: Repository) -> None:
    old, _, pushed = (repository.commit(text) for text in ("old", "one", "two, in the same push"))
    repository.check(old, pushed, attempt=2)


# --- what cannot be compared ---------------------------------------------------------


def test_a_shallow_clone_is_reported(repository: Repository, tmp_path: Path) -> None:
    repository.commit("old")
    new = repository.commit("new")
    clone = tmp_path / "clone"
    repository.git.git("clone", "--quiet", "--depth=1", f"file://{tmp_path}", str(clone))
    shallow = replace(repository, workspace=replace(repository.workspace, state=clone / "desired-state"))
    (clone / "desired-state/settings.yaml").write_text((tmp_path / "desired-state/settings.yaml").read_text())
    repository.record(new)
    shallow.check(new)
    assert repository.terminal.notes[-1] == (
        "This clone is shallow: applies on record were not compared with this commit (set `fetch-depth: 0`)."
    )


def test_applies_on_record_without_git_are_an_error(tmp_path: Path, terminal: RecordingTerminal) -> None:
    write_settings(tmp_path)
    workspace = Workspace(tmp_path / "desired-state", tmp_path / "plans", False, datetime.now(UTC))
    outside = Repository(cast("GitRepository", None), workspace, terminal, str(tmp_path))
    outside.check("a" * 40)
    outside.record("a" * 40)
    with pytest.raises(RepositoryError, match="is not in a git repository"):
        outside.check("a" * 40)


def test_earlier_runs_that_cannot_be_read_are_noted(repository: Repository) -> None:
    class Failing(Hub):
        """Lists the runs once."""

        def items(self, path: str, key: str, **query: Any) -> Iterator[Json]:
            if self.runs:
                self.runs = []
                raise GitHubError(502, "GitHub answered 502")
            self.runs = [{}]
            yield from ()

    here = replace(read_workflow({}), branch="main")
    remote = Remote(repository.server, "https://github.com", "file", {})
    assert check_run_order(repository.workspace, cast("GitHub", Failing()), remote, here, repository.terminal)
    assert repository.terminal.notes == [
        "Cannot determine whether every earlier merge was applied: GitHub answered 502."
    ]


def test_settings_that_cannot_be_read_end_the_step(repository: Repository) -> None:
    (repository.workspace.state / "settings.yaml").write_text("[")
    here = replace(read_workflow({}), branch="main")
    remote = Remote(repository.server, "https://github.com", "file", {})
    assert check_run_order(repository.workspace, cast("GitHub", Hub()), remote, here, repository.terminal) is False
    assert repository.terminal.found
