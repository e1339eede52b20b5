from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from support.builders import change, plan_with

from reconciler.core.plan import Action, Guard
from reconciler.github import reviewed_plan
from reconciler.github.api import GitHub, GitHubError, Json
from reconciler.github.comments import AUTHOR
from reconciler.github.environment import read_workflow
from reconciler.github.reviewed_plan import NotReviewedError, Pull, RecordedPlan
from reconciler.record.plan_file import to_json

HEAD, OTHER, MERGED = "a" * 40, "b" * 40, "c" * 40
BEFORE, REVIEW, AFTER = "2026-12-01T08:00:00Z", "2026-12-01T09:00:00Z", "2026-12-01T10:00:00Z"
PULL = Pull(7, HEAD, datetime.fromisoformat(REVIEW))
PLAN_ID = "sha256:" + "0" * 64
FOUND = RecordedPlan(PLAN_ID, 12)
HERE = read_workflow({"GITHUB_REF_NAME": "main", "GITHUB_SHA": MERGED})
RUN = {
    "event": "pull_request_target",
    "path": ".github/workflows/plan.yml@refs/heads/main",
    "repository": {"full_name": "example/people"},
}


class Hub:
    """A repository that lists `lists` by the end of the path, and records what is sent."""

    repository = "example/people"

    def __init__(self, *listed: Json, run: Json | None = None, content: bytes = b"") -> None:
        self.listed = listed
        self.run = run or RUN
        self.content = content
        self.compared: dict[str, str] = {f"{OTHER}...{MERGED}": "ahead", f"{MERGED}...{MERGED}": "identical"}
        self.sent: list[tuple[str, str, Json]] = []

    def items(self, _path: str, _key: str | None = None, **_query: Any) -> Iterator[Json]:
        yield from self.listed

    def get(self, path: str) -> Json:
        if path.startswith("/compare/"):
            return {"status": self.compared.get(path.removeprefix("/compare/"), "diverged")}
        return self.run

    def send(self, method: str, path: str, content: Json) -> Json:
        self.sent.append((method, path, content))
        return {}

    def download(self, _path: str) -> bytes:
        return self.content


def hub(*listed: Json, **more: Any) -> GitHub:
    return cast("GitHub", Hub(*listed, **more))


def archive(member: str = "plan.json", content: bytes = b"{}") -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(member, content)
    return file.getvalue()


# --- the status -----------------------------------------------------------------------------------


@pytest.mark.parametrize(("passed", "state"), [(True, "success"), (False, "failure")])
def test_the_status_names_the_plan_its_run_and_its_size(passed: bool, state: str) -> None:
    made = plan_with(change("a", Action.CREATE), change("b"), change("c", Action.ADOPT), change("d", Action.DELETE))
    made = replace(made, guards=(Guard("removals", passed=passed, message="x"),))
    service = Hub()
    text = reviewed_plan.record_plan(cast("GitHub", service), HEAD, made, 12, "https://run")
    assert text == f"{made.plan_id} of run 12: 1 to create, 2 to change, 1 to remove"
    expected = {"context": "reconciler/plan", "state": state, "description": text, "target_url": "https://run"}
    assert service.sent == [("POST", f"/statuses/{HEAD}", expected)]


def test_a_status_of_the_largest_plan_fits_into_githubs_140_characters() -> None:
    made = replace(plan_with(*(change(f"u{number}", Action.CREATE) for number in range(300))), plan_id=PLAN_ID)
    text = reviewed_plan.record_plan(cast("GitHub", Hub()), HEAD, made, 10**11, "")
    assert len(text) + len("00" * 3) <= 140, "also with six digits in each count"


def status(created: str = BEFORE, description: str = f"{PLAN_ID} of run 12: 1 to create", **more: Any) -> Json:
    made = {"context": "reconciler/plan", "creator": {"login": AUTHOR}, "created_at": created}
    return {**made, "description": description, **more}


def test_the_newest_status_before_the_review_counts() -> None:
    newer = status(description=f"{PLAN_ID} of run 13: x")
    assert reviewed_plan.find_recorded_plan(hub(status(AFTER), newer, status()), PULL) == RecordedPlan(PLAN_ID, 13)


@pytest.mark.parametrize(
    "odd",
    [
        status(AFTER),
        status("soon"),
        status("2026-12-01T08:00:00"),
        status(context="another"),
        status(creator={"login": "mallory"}),
        status(description="sha256:0 of run 12: x"),
    ],
)
def test_a_status_that_proves_nothing_is_no_plan(odd: Json) -> None:
    with pytest.raises(NotReviewedError, match="pull request 7 had no plan at aaaaaaaaaaaa before its review ended"):
        reviewed_plan.find_recorded_plan(hub(odd), PULL)


# --- the pull request -----------------------------------------------------------------------------


def pull(**changes: Any) -> Json:
    base = {"ref": "main", "repo": {"full_name": "example/people"}}
    made = {"number": 7, "head": {"sha": HEAD}, "merged_at": REVIEW, "merge_commit_sha": MERGED, "base": base}
    return {**made, **changes}


def test_the_pull_request_of_a_merge_is_found() -> None:
    assert reviewed_plan.find_merged_pull(hub(pull(merged_at=None), pull()), MERGED, "main") == PULL


@pytest.mark.parametrize(
    "other",
    [
        pull(merged_at=None),
        pull(merge_commit_sha=OTHER),
        pull(head={"sha": "../x"}),
        pull(base={"ref": "release", "repo": {"full_name": "example/people"}}),
        pull(base={"ref": "main", "repo": {"full_name": "fork/people"}}),
    ],
)
def test_another_pull_request_is_not_the_merged_one(other: Json) -> None:
    with pytest.raises(NotReviewedError, match="commit cccccccccccc was not merged into main by a pull request"):
        reviewed_plan.find_merged_pull(hub(other), MERGED, "main")


def review(commit: str | None = OTHER, when: str = BEFORE, **changes: Any) -> Json:
    made = {"state": "APPROVED", "author_association": "MEMBER", "commit_id": commit, "submitted_at": when}
    return {**made, **changes}


def test_the_last_approval_counts_and_of_one_second_the_last_listed() -> None:
    reviews = (review(HEAD), review(OTHER), review(HEAD, "2026-12-01T07:00:00Z"))
    expected = Pull(7, OTHER, datetime(2026, 12, 1, 8, tzinfo=UTC))
    assert reviewed_plan.at_last_approval(hub(*reviews), PULL) == expected


@pytest.mark.parametrize(
    "other", [review(state="COMMENTED"), review(author_association="NONE"), review(when=AFTER), review(when="soon")]
)
def test_a_review_that_is_no_approval_changes_nothing(other: Json) -> None:
    assert reviewed_plan.at_last_approval(hub(other), PULL) == PULL


@pytest.mark.parametrize("commit", [None, "", "../../x"])
def test_an_approved_commit_that_is_gone_is_refused(commit: str | None) -> None:
    with pytest.raises(NotReviewedError, match="the approved commit of pull request 7 no longer exists"):
        reviewed_plan.at_last_approval(hub(review(commit)), PULL)


# --- the plans ------------------------------------------------------------------------------------


def artifact(**changes: Any) -> Json:
    return {"id": 1, "name": reviewed_plan.artifact_name(HEAD), "expired": False, **changes}


def plans(*artifacts: Json, run: Mapping[str, Any] = RUN, content: bytes | None = None) -> list[bytes]:
    service = hub(*artifacts, run=dict(run), content=archive() if content is None else content)
    return list(reviewed_plan.download_plans(service, PULL, FOUND, "plan.yml", HERE))


def test_each_attempt_of_the_run_has_a_plan_and_others_are_left_out() -> None:
    assert plans(artifact(), artifact(), artifact(expired=True), artifact(name="another")) == [b"{}", b"{}"]


@pytest.mark.parametrize("path", [".github/workflows/plan.yml", ".github/workflows/plan.yml@main"])
def test_the_run_may_name_its_workflow_with_and_without_the_branch(path: str) -> None:
    assert plans(artifact(), run={**RUN, "path": path}) == [b"{}"]


@pytest.mark.parametrize(
    "changes",
    [
        {"event": "pull_request"},
        {"path": ".github/workflows/other.yml@refs/heads/main"},
        {"path": ".github/workflows/plan.yml@refs/heads/mine"},
        {"repository": {"full_name": "fork/people"}},
    ],
)
def test_a_plan_of_another_workflow_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NotReviewedError, match="the plan of pull request 7 comes from another workflow"):
        plans(artifact(), run={**RUN, **changes})


@pytest.mark.parametrize("commit", [OTHER, MERGED])
def test_a_plan_that_was_started_manually_is_of_a_commit_of_the_default_branch(commit: str) -> None:
    started = {**RUN, "event": "workflow_dispatch", "head_branch": "main", "head_sha": commit}
    assert plans(artifact(), run=started) == [b"{}"]


def test_a_plan_of_a_run_on_a_schedule_is_for_the_commit_of_the_run() -> None:
    started = {**RUN, "event": "schedule", "path": ".github/workflows/drift.yml", "head_sha": OTHER}
    kept = {**artifact(), "name": f"reviewed-plan-{OTHER}"}
    service = hub(artifact(), kept, run=started, content=archive())
    assert list(reviewed_plan.download_archives(service, None, 12, "drift.yml", HERE)) == [archive()]
    for changes in ({"head_sha": "main"}, {"head_sha": HEAD}, {"event": "push"}):
        service = hub(kept, run={**started, **changes}, content=archive())
        with pytest.raises(NotReviewedError, match="the plan of run 12 comes from another workflow"):
            list(reviewed_plan.download_archives(service, None, 12, "drift.yml", HERE))


@pytest.mark.parametrize("commit", [HEAD, None, "main", f"{OTHER}x"])
def test_a_plan_that_was_started_on_another_branch_or_on_a_tag_with_its_name_is_refused(commit: str | None) -> None:
    started = {**RUN, "event": "workflow_dispatch", "head_branch": "main", "head_sha": commit}
    with pytest.raises(NotReviewedError, match="the plan of pull request 7 comes from another workflow"):
        plans(artifact(), run=started)


class StatusHub(Hub):
    """A repository with statuses and artifacts."""

    def __init__(self, *statuses: Json, content: bytes, run: Json | None = None) -> None:
        super().__init__(*statuses, content=content, run=run)

    def items(self, path: str, _key: str | None = None, **_query: Any) -> Iterator[Json]:
        yield from self.listed if path.endswith("/statuses") else [artifact()]


MADE = replace(plan_with(change("a", Action.CREATE)), commit=HEAD)
NAMED = status(description=f"{MADE.plan_id} of run 12: 1 to create", state="success")


def current(*statuses: Json, content: bytes | None = None, run: Json | None = None) -> str | None:
    kept = archive(content=to_json(MADE).encode()) if content is None else content
    service = cast("GitHub", StatusHub(*statuses, content=kept, run=run))
    found = reviewed_plan.find_current_plan(service, 7, HEAD, "plan.yml", HERE)
    return found.plan_id if found is not None else None


def test_the_newest_plan_of_a_head_commit_is_that_of_the_workflows_run() -> None:
    assert current(status(creator={"login": "mallory"}), status(description="x"), NAMED) == MADE.plan_id


@pytest.mark.parametrize(
    "odd",
    [
        {"run": {**RUN, "path": ".github/workflows/other.yml"}},
        {"run": {**RUN, "event": "push"}},
        {"content": archive(content=to_json(replace(MADE, commit=OTHER)).encode())},
        {"content": archive(content=b"{}")},
    ],
)
def test_a_plan_that_the_run_does_not_prove_is_none(odd: dict[str, Any]) -> None:
    assert current(NAMED, **odd) is None
    assert current() is None
    assert current(status(), NAMED) is None, "the newest status counts, and the run has no such plan"


@pytest.mark.parametrize(("code", "raised"), [(404, False), (410, False), (500, True)])
def test_a_run_that_is_gone_has_no_plan_and_other_errors_are_errors(
    code: int, raised: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_hub: Hub, _path: str) -> Json:
        raise GitHubError(code, "x")

    monkeypatch.setattr(Hub, "get", fail)
    if raised:
        with pytest.raises(GitHubError):
            current(NAMED)
    else:
        assert current(NAMED) is None


@pytest.mark.parametrize("content", [b"", b"not a zip", archive("other.json")])
def test_an_artifact_that_cannot_be_read_is_an_error(content: bytes) -> None:
    with pytest.raises(GitHubError, match="the artifact with the plan cannot be read"):
        plans(artifact(), content=content)
