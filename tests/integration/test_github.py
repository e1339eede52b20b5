"""`reconciler github …` in this process, on a fake of GitHub's API over HTTP: which data it trusts, and failures."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support import builders
from support.servers.github_api import BOT, REPOSITORY, GitHubApi, Token
from support.servers.http_server import Reply
from support.workflow_step import HEAD, MERGED, set_step_environment, write_settings
from support.workspace import CommandResult
from support.workspace import run as reconciler

from reconciler.core.plan import Plan
from reconciler.github import api as hub_api
from reconciler.record.plan_file import to_json

PERMISSIONS = dict.fromkeys(("actions", "issues", "pull-requests", "statuses"), "write")


class GitHubWorkspace:
    """A plan of a pull request, created and recorded by a run of the plan workflow; the pull request is merged."""

    def __init__(self, root: Path, api: GitHubApi) -> None:
        self.root = root
        self.state = write_settings(root)
        self.api = api
        api.tokens["t"] = Token(permissions=PERMISSIONS)
        self.plan = replace(builders.plan_with(builders.change("ada")), commit=HEAD)
        self.file = root / "plan.json"
        self.file.write_text(to_json(self.plan))
        self.run = api.run(1, "plan.yml", "pull_request_target")
        self.upload_plan(self.run, self.plan)
        api.status(HEAD, self.status_text(self.run))
        api.pull(7, HEAD, MERGED)

    def status_text(self, run: int) -> str:
        return f"{self.plan.plan_id} of run {run}: 1 to create"

    def upload_plan(self, run: int, plan: Plan, member: str = "plan.json") -> None:
        self.api.artifact(run, f"reviewed-plan-{HEAD}", {member: to_json(plan).encode()})

    def github(self, *arguments: str) -> CommandResult:
        return reconciler(["reconciler", "github", *arguments])

    def reviewed(self) -> CommandResult:
        return self.github("reviewed", "-o", str(self.root / "reviewed.json"), "--state", str(self.state))

    def expect(self, plan_id: str) -> CommandResult:
        return self.github("expect", str(self.file), plan_id, "--state", str(self.state))

    def refusal(self) -> str:
        """Assert that there is no plan to apply, and return the error message."""
        answer = self.reviewed()
        assert (answer.code, (self.root / "reviewed.json").exists()) == (4, False), answer
        assert "Nothing was changed." in answer.err
        return answer.err

    def comment(self) -> CommandResult:
        return self.github("comment", str(self.file), "--pull", "7")


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHubWorkspace]:
    api = GitHubApi()
    set_step_environment(monkeypatch, api, RECONCILER_TOKEN="the-service's")
    monkeypatch.setattr(hub_api.time, "sleep", lambda _: None)
    yield GitHubWorkspace(tmp_path, api)
    api.close()
    assert all("the-service's" not in str(request) for request in api.requests)


# --- the reviewed plan ----------------------------------------------------------------


def test_the_reviewed_plan_is_fetched(workspace: GitHubWorkspace) -> None:
    answer = workspace.reviewed()
    assert (answer.code, answer.out) == (0, "")
    assert f"Reviewed in pull request 7 at {HEAD[:12]}: {workspace.plan.plan_id}" in answer.err
    assert (workspace.root / "reviewed.json").read_text() == to_json(workspace.plan)


def test_the_recorded_status_can_be_read_by_reviewed_plan(workspace: GitHubWorkspace) -> None:
    workspace.api.statuses.clear()
    workspace.api.runs[5] = {**workspace.api.runs[workspace.run], "id": 5}
    workspace.upload_plan(5, workspace.plan)
    assert workspace.github("record", str(workspace.file), "--head", HEAD).code == 0
    assert workspace.reviewed().code == 0
    assert workspace.github("record", str(workspace.file), "--head", MERGED).code == 64


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "pull_request"},
        {"event": "push"},
        {"path": ".github/workflows/mine.yml"},
        {"path": ".github/workflows/plan.yml/../mine.yml"},
        {"repository": {"full_name": "mallory/people"}},
        {"path": ".github/workflows/plan.yml@refs/heads/evil"},
        {"path": ".github/workflows/plan.yml@refs/pull/7/merge"},
        {"path": ".github/workflows/plan.yml@main@evil"},
    ],
    ids=str,
)
def test_a_run_that_a_branch_could_have_written_is_not_trusted(
    changes: dict[str, object], workspace: GitHubWorkspace
) -> None:
    workspace.api.runs[workspace.run].update(changes)
    assert "comes from another workflow" in workspace.refusal()


@pytest.mark.parametrize("branch", ["main", "refs/heads/main"])
def test_the_path_of_a_run_may_name_the_default_branch(branch: str, workspace: GitHubWorkspace) -> None:
    workspace.api.runs[workspace.run]["path"] = f".github/workflows/plan.yml@{branch}"
    assert workspace.reviewed().code == 0


def test_a_status_by_another_creator_does_not_count(workspace: GitHubWorkspace) -> None:
    workspace.api.statuses[HEAD][0]["creator"]["login"] = "mallory"
    assert "pull request 7 had no plan" in workspace.refusal()


def test_a_status_from_after_the_merge_does_not_count(workspace: GitHubWorkspace) -> None:
    workspace.api.statuses[HEAD][0]["created_at"] = "2026-12-01T08:00:01Z"
    assert "before its review ended" in workspace.refusal()


LATER = "2026-12-01T09:00:00Z"


def test_a_plan_created_again_after_the_approval_is_not_approved(workspace: GitHubWorkspace) -> None:
    workspace.api.review(7, HEAD)
    again = replace(builders.plan_with(builders.change("grace")), commit=HEAD)
    run = workspace.api.run(2, "plan.yml", "pull_request_target")
    workspace.upload_plan(run, again)
    workspace.api.status(HEAD, f"{again.plan_id} of run {run}: 1 to create", created_at=LATER)
    workspace.api.pulls[0]["merged_at"] = LATER
    assert workspace.reviewed().code == 0
    assert (workspace.root / "reviewed.json").read_text() == to_json(workspace.plan)
    workspace.api.reviews[7][0]["submitted_at"] = LATER
    assert workspace.reviewed().code == 0
    assert (workspace.root / "reviewed.json").read_text() == to_json(again)


def test_a_commit_pushed_after_the_approval_is_not_approved(workspace: GitHubWorkspace) -> None:
    workspace.api.review(7, HEAD)
    workspace.api.pulls[0].update(merged_at=LATER, head={"sha": "c" * 40})
    assert workspace.reviewed().code == 0
    assert (workspace.root / "reviewed.json").read_text() == to_json(workspace.plan)


def test_a_plan_finished_after_the_approval_is_not_approved(workspace: GitHubWorkspace) -> None:
    workspace.api.statuses[HEAD][0]["created_at"] = LATER
    workspace.api.pulls[0]["merged_at"] = LATER
    assert workspace.reviewed().code == 0, "without an approval, the merge is the review"
    (workspace.root / "reviewed.json").unlink()
    workspace.api.review(7, HEAD)
    assert "before its review ended" in workspace.refusal()


@pytest.mark.parametrize("commit", [None, "", "../../x"])
def test_an_approval_of_a_removed_commit_does_not_approve_another(
    commit: str | None, workspace: GitHubWorkspace
) -> None:
    workspace.api.review(7, commit)
    assert "the approved commit of pull request 7 no longer exists" in workspace.refusal()


@pytest.mark.parametrize(
    "changes",
    [
        {"state": "COMMENTED"},
        {"state": "CHANGES_REQUESTED"},
        {"state": "DISMISSED"},
        {"author_association": "CONTRIBUTOR"},
        {"author_association": "NONE"},
        {"submitted_at": LATER},
        {"submitted_at": None},
    ],
    ids=str,
)
def test_only_approvals_by_authorized_reviewers_count(changes: dict[str, object], workspace: GitHubWorkspace) -> None:
    workspace.api.review(7, "c" * 40, **changes)
    assert workspace.reviewed().code == 0


def test_the_newest_status_counts(workspace: GitHubWorkspace) -> None:
    workspace.api.status(
        HEAD, re.sub("sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", workspace.status_text(workspace.run))
    )
    assert "is not kept any more, or another one is" in workspace.refusal()


def test_the_plan_of_another_commit_does_not_count(workspace: GitHubWorkspace) -> None:
    workspace.api.artifacts.clear()
    workspace.upload_plan(workspace.run, replace(workspace.plan, commit=MERGED))
    assert "is not kept any more" in workspace.refusal()


def test_an_expired_plan_is_not_used(workspace: GitHubWorkspace) -> None:
    workspace.api.artifacts[0]["expired"] = True
    assert "is not kept any more" in workspace.refusal()


def test_of_several_attempts_the_recorded_plan_is_used(workspace: GitHubWorkspace) -> None:
    workspace.upload_plan(workspace.run, replace(builders.plan_with(builders.change("grace")), commit=HEAD))
    workspace.api.artifacts.reverse()
    assert workspace.reviewed().code == 0
    assert (workspace.root / "reviewed.json").read_text() == to_json(workspace.plan)


@pytest.mark.parametrize(
    "changes",
    [
        {"merge_commit_sha": "any"},
        {"merged_at": None},
        {"merged_at": "soon"},
        {"base": {"ref": "release", "repo": {"full_name": REPOSITORY}}},
        {"base": {"ref": "main", "repo": {"full_name": "mallory/people"}}},
        {"head": {"sha": "../../x"}},
        {"head": None},
    ],
    ids=str,
)
def test_a_commit_without_a_pull_request_is_refused(changes: dict[str, object], workspace: GitHubWorkspace) -> None:
    workspace.api.pulls[0].update(changes)
    assert "was not merged into main by a pull request" in workspace.refusal()


@pytest.mark.parametrize(
    ("status", "conclusion", "code"),
    [
        ("in_progress", None, 4),
        ("completed", "success", 4),
        ("completed", "failure", 4),
        ("completed", "cancelled", 0),
        ("completed", "skipped", 0),
        ("waiting", None, 0),
        ("queued", None, 0),
    ],
)
def test_nothing_is_applied_after_a_later_run(
    status: str, conclusion: str | None, code: int, workspace: GitHubWorkspace
) -> None:
    workspace.api.run(4, "apply.yml", "push", status=status, conclusion=conclusion)
    workspace.api.run(3, "apply.yml", "push")
    workspace.api.run(2, "apply.yml", "push", status="completed", conclusion="success")
    assert workspace.reviewed().code == code
    assert workspace.expect(workspace.plan.plan_id).code == code


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ({"Set up job": "success", "Apply": "skipped"}, 0),
        ({"Set up job": "success", "Apply": "failure", "Confirm that nothing was sent": "success"}, 0),
        ({"Set up job": "success", "Apply": "cancelled"}, 4),
        ({"Set up job": "success", "Apply": "failure", "Confirm that nothing was sent": "skipped"}, 4),
        ({"Set up job": "success", "Apply": "success"}, 4),
    ],
)
@pytest.mark.parametrize("conclusion", ["failure", "cancelled"])
def test_a_later_run_counts_by_what_its_steps_did(
    steps: dict[str, str], code: int, conclusion: str, workspace: GitHubWorkspace
) -> None:
    """A run that failed before it applied does not count; one that was cancelled while it applied does."""
    run = workspace.api.run(4, "apply.yml", "push", status="completed", conclusion=conclusion)
    workspace.api.job(run, "apply", steps)
    workspace.api.run(3, "apply.yml", "push")
    assert workspace.reviewed().code == code
    assert workspace.expect(workspace.plan.plan_id).code == code


def test_an_earlier_run_that_never_applied_is_reported(workspace: GitHubWorkspace) -> None:
    """As GitHub cancels all but one of the runs that wait, unless the workflow has `queue: max`."""
    first = workspace.api.run(1, "apply.yml", "push", status="completed", conclusion="success")
    workspace.api.job(first, "apply", {"Apply": "success"})
    second = workspace.api.run(2, "apply.yml", "push", status="completed", conclusion="cancelled", head_sha="d" * 40)
    workspace.api.run(3, "apply.yml", "push")
    expected = (
        "::warning title=Apply of an earlier merge::Run 2 of the apply workflow, for commit dddddddddddd, was "
        "cancelled before it applied. A plan of this commit includes what it changed; if that was not reviewed, this "
        "apply stops."
    )
    assert expected in workspace.reviewed().out.splitlines()
    workspace.api.job(second, "apply", {"Apply": "success"})
    assert "warning" not in workspace.reviewed().out


@pytest.mark.parametrize("event", ["pull_request", "issue_comment", ""])
def test_a_later_run_that_cannot_have_applied_does_not_block(event: str, workspace: GitHubWorkspace) -> None:
    """For example a run of a fork whose branch is also called main and runs the file for its pull request."""
    workspace.api.run(4, "apply.yml", event, status="completed", conclusion="success")
    assert workspace.reviewed().code == 0


def test_expect_refuses_another_plan(workspace: GitHubWorkspace) -> None:
    assert workspace.expect("sha256:0").code == 4


def test_the_download_is_sent_without_the_token_and_only_to_allowed_hosts(workspace: GitHubWorkspace) -> None:
    assert workspace.reviewed().code == 0
    (blob,) = [request for request in workspace.api.requests if request.target.startswith("/blob/")]
    assert "authorization" not in {name.casefold() for name in blob.headers}
    for place in ("http://127.0.0.2/x", "file:///etc/passwd", ""):
        workspace.api.redirect = place
        answer = workspace.reviewed()
        assert (answer.code, "has no download location" in answer.err) == (1, True), answer


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x" * 1000])
def test_a_broken_archive_is_an_error(content: bytes, workspace: GitHubWorkspace) -> None:
    for identity in workspace.api.contents:
        workspace.api.contents[identity] = content
    answer = workspace.reviewed()
    assert (answer.code, "cannot be read" in answer.err) == (1, True)


def test_an_archive_without_the_plan_is_an_error(workspace: GitHubWorkspace) -> None:
    workspace.api.artifacts.clear()
    workspace.upload_plan(workspace.run, workspace.plan, "../../plan.json")
    assert workspace.reviewed().code == 1
    assert list(workspace.root.rglob("reviewed.json")) == []


# --- the comment ----------------------------------------------------------------------


def test_the_comment_is_found_by_author_and_marker(workspace: GitHubWorkspace) -> None:
    for number in range(150):
        workspace.api.comment(7, "somebody", f"Comment {number}")
    planted = workspace.api.comment(7, "mallory", "<!-- reconciler plan -->\nFake")
    chatter = workspace.api.comment(7, BOT, "See <!-- reconciler plan -->")
    assert workspace.comment().err == "GitHub comment: created.\n"
    assert workspace.comment().err == "GitHub comment: unchanged.\n"
    ours = workspace.api.comments[7][-1]
    workspace.file.write_text(to_json(replace(builders.plan_with(builders.change("grace")), commit=HEAD)))
    assert workspace.comment().err == "GitHub comment: updated.\n"
    assert len(workspace.api.comments[7]) == 153
    assert "grace" in ours["body"]
    assert (planted["body"], chatter["body"]) == ("<!-- reconciler plan -->\nFake", "See <!-- reconciler plan -->")


@pytest.mark.parametrize(
    "failing_users",
    [
        [Reply(status=500)] * 3,
        [Reply(status=403, body=b'{"message": "Resource not accessible by integration"}')],
        [Reply(status=403, headers={"Retry-After": "3600"}, body=b'{"message": "secondary rate limit"}')],
        [Reply(status=404)],
        [Reply(status=200, body=b"<html>")],
        [Reply(status=200, body=b'{"message": "\\u001b[31m\\n::error::"}')],
        [Reply(status=200, body=b"[" * 100_000)],
        [Reply(status=200, body=b'[1, null, {"user": 5}]'), Reply(status=422, body=b'{"message": "a\\n::error::b"}')],
        [Reply(status=200, body=b"[]"), Reply(status=502)],
        [Reply(status=302, headers={"Location": "https://example.com"})],
        [Reply(status=200, lost=True)],
    ],
    ids=["500", "403", "limited", "404", "no JSON", "no list", "deep", "422", "502", "302", "lost"],
)
def test_a_comment_that_cannot_be_written_is_a_warning(failing_users: list[Reply], workspace: GitHubWorkspace) -> None:
    workspace.api.failing_users = list(failing_users)
    answer = workspace.comment()
    assert (answer.code, answer.err) == (0, "")
    assert re.fullmatch(r"::warning::comment: GitHub.*\n", answer.out), answer.out
    assert workspace.api.comments == {}
    assert workspace.api.failing_users == []


def test_a_temporary_error_is_retried(workspace: GitHubWorkspace) -> None:
    workspace.api.failing_users = [Reply(status=429, headers={"Retry-After": "1"}), Reply(status=502)]
    assert workspace.comment().err == "GitHub comment: created.\n"


def test_a_write_that_may_have_succeeded_is_not_repeated(workspace: GitHubWorkspace) -> None:
    workspace.api.failing_users = [Reply(status=200, body=b"[]"), Reply(status=502)]
    workspace.comment()
    assert [request.method for request in workspace.api.requests] == ["GET", "POST"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_TOKEN", ""),
        ("GITHUB_TOKEN", "a\nb"),
        ("GITHUB_REPOSITORY", "../x"),
        ("GITHUB_REPOSITORY", "x/.."),
        ("GITHUB_API_URL", "http://api.github.com"),
        ("GITHUB_API_URL", "https://[x"),
        ("GITHUB_API_URL", "file:///etc"),
    ],
)
def test_an_environment_outside_github_actions_is_refused(
    name: str, value: str, workspace: GitHubWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    answer = workspace.comment()
    assert (answer.code, f"{name} " in answer.err) == (64, True), answer


def test_a_drift_issue_that_cannot_be_written_is_an_error(workspace: GitHubWorkspace) -> None:
    disabled = Reply(status=410, body=b'{"message": "Issues are disabled for this repo"}')
    workspace.api.failing_users = [disabled, disabled]
    answer = workspace.github("drift-issue", str(workspace.file))
    assert "Cannot determine whether every merge was applied" in answer.err, "the first request is for the runs"
    assert (answer.code, "Issues are disabled" in answer.err) == (1, True)


def test_a_heartbeat_without_permission_is_no_failure(workspace: GitHubWorkspace) -> None:
    assert workspace.github("heartbeat").code == 0
    assert workspace.api.enabled == ["drift.yml"]
    workspace.api.tokens["t"] = Token(permissions={"actions": "read"})
    answer = workspace.github("heartbeat")
    assert (answer.code, "::warning::heartbeat: GitHub answered 403" in answer.out) == (0, True)
