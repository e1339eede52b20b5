"""The plan that was reviewed in a pull request, kept where whoever wrote the pull request cannot change it.

Its id is in a commit status of the head commit, itself an artifact of the run that made it. A status can be written by
everybody with write access, by a workflow of a branch of theirs too. What is trusted is therefore the run: it must be
one of the plan workflow, for `pull_request_target`, which GitHub takes from the default branch only; and only a run
itself can add artifacts to it (docs/decisions/0024-workflows.md).
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter

from reconciler.core.plan import Action, Plan
from reconciler.core.text import escape_control, shorten
from reconciler.errors import StalePlanError
from reconciler.github.api import GitHub, GitHubError, Json, number_at, text_at
from reconciler.github.comments import AUTHOR

CONTEXT = "reconciler/plan"
"""Name of the commit status."""
MEMBER = "plan.json"
"""Name of the plan in the artifact."""
_DESCRIPTION = re.compile(r"(sha256:[0-9a-f]{64}) of run (\d{1,19}): ")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_PLAN = 256 * 1024 * 1024
_MEMBERS = ("OWNER", "MEMBER", "COLLABORATOR")
"""Who approves. In a public repository anybody can write a review that says so."""
_CAUSES = ("push", "workflow_dispatch")
"""What starts an apply. A branch, or a fork with a branch of the same name, can let the file run for other events."""
_WAY_OUT = (
    "Nothing was changed. Look at a plan of the default branch (the drift workflow makes one), and start the apply\n"
    "workflow by hand with the id of that plan."
)


class NotReviewedError(StalePlanError):
    """There is no plan that was reviewed for a commit."""

    def __init__(self, why: str) -> None:
        super().__init__(why, _WAY_OUT)


@dataclass(frozen=True, slots=True)
class Pull:
    """A merged pull request. `head`: the commit that was reviewed, its last one unless an approval says otherwise.

    `until`: when it was reviewed; what was made later nobody saw.
    """

    number: int
    head: str
    until: datetime


@dataclass(frozen=True, slots=True)
class RecordedPlan:
    """What a commit status says: which plan, made by which run."""

    plan_id: str
    run: int


def artifact_name(head: str) -> str:
    """Name of the artifact that holds the plan of a head commit."""
    return f"reviewed-plan-{head}"


def record(hub: GitHub, head: str, plan: Plan, run: int, run_url: str) -> str:
    """Notes the plan at the head commit; the words of the status."""
    removed = plan.count(Action.DEACTIVATE, Action.DELETE)
    added = plan.count(Action.CREATE)
    counts = f"{added} to create, {len(plan.changes) - added - removed} to change, {removed} to remove"
    said = f"{plan.plan_id} of run {run}: {counts}"
    content = {"context": CONTEXT, "state": "failure" if plan.blocked else "success", "description": said}
    hub.send("POST", f"/statuses/{head}", {**content, "target_url": run_url})
    return said


def merged_pull(hub: GitHub, commit: str, branch: str) -> Pull:
    """The pull request whose merge made `commit` the head of `branch`, by merge, squash or rebase."""
    for item in hub.items(f"/commits/{commit}/pulls"):
        head, merged_at = text_at(item, "head", "sha"), _time(text_at(item, "merged_at"))
        if (
            merged_at is not None
            and _COMMIT.fullmatch(head)
            and text_at(item, "merge_commit_sha") == commit
            and (text_at(item, "base", "ref"), text_at(item, "base", "repo", "full_name")) == (branch, hub.repository)
        ):
            return Pull(number_at(item, "number"), head, merged_at)
    raise NotReviewedError(f"commit {commit[:12]} did not come to {escape_control(branch)} by a pull request")


def as_approved(hub: GitHub, pull: Pull) -> Pull:
    """`pull` as it was at its last approval; as it was merged when nobody approved it.

    What is pushed, or planned again, after an approval is not what was approved.
    """
    approvals = [
        (when, text_at(item, "commit_id"))
        for item in hub.items(f"/pulls/{pull.number}/reviews")
        if text_at(item, "state") == "APPROVED"
        and text_at(item, "author_association") in _MEMBERS
        and (when := _time(text_at(item, "submitted_at"))) is not None
        and when <= pull.until
    ]
    if not approvals:
        return pull
    # They come in the order in which they were written: the last one of a second counts.
    when, commit = max(reversed(approvals), key=itemgetter(0))
    if not _COMMIT.fullmatch(commit):
        raise NotReviewedError(f"the commit of pull request {pull.number} that was approved is gone")
    return Pull(pull.number, commit, when)


def recorded(hub: GitHub, pull: Pull) -> RecordedPlan:
    """What the newest status from before the review says."""
    for item in hub.items(f"/commits/{pull.head}/statuses"):
        made = _time(text_at(item, "created_at"))
        found = _DESCRIPTION.match(text_at(item, "description"))
        ours = (text_at(item, "context"), text_at(item, "creator", "login")) == (CONTEXT, AUTHOR)
        if ours and found and made is not None and made <= pull.until:
            return RecordedPlan(found[1], int(found[2]))
    raise NotReviewedError(f"pull request {pull.number} had no plan at {pull.head[:12]} before its review ended")


def plans_of(hub: GitHub, pull: Pull, found: RecordedPlan, workflow: str, branch: str) -> Iterator[bytes]:
    """The plans that the run kept for the head commit; one for each attempt that it took.

    `branch`: the default one, whose `workflow` the run must be of.
    """
    run = hub.get(f"/actions/runs/{found.run}")
    path, _, ref = text_at(run, "path").partition("@")
    if (
        (text_at(run, "event"), path) != ("pull_request_target", f".github/workflows/{workflow}")
        or text_at(run, "repository", "full_name") != hub.repository
        or ref not in ("", branch, f"refs/heads/{branch}")
    ):
        shown = escape_control(shorten(f"{text_at(run, 'event')} {text_at(run, 'path')}", 100))
        raise NotReviewedError(f"the plan of pull request {pull.number} comes from another workflow ({shown})")
    name = artifact_name(pull.head)
    for item in hub.items(f"/actions/runs/{found.run}/artifacts", "artifacts", name=name):
        if text_at(item, "name") == name and item.get("expired") is False:
            yield _member(hub.download(f"/actions/artifacts/{number_at(item, 'id')}/zip"))


def refuse_after_later_runs(hub: GitHub, workflow: str, branch: str, run_number: int) -> None:
    """Raises when a later run has begun to apply: its commit is newer, what this one holds could undo it."""
    for item in hub.items(f"/actions/workflows/{workflow}/runs", "workflow_runs", branch=branch):
        number = number_at(item, "run_number")
        if number > run_number and text_at(item, "event") in _CAUSES and _has_run(item):
            raise StalePlanError(
                f"run {number} of this workflow, for a later commit, has already applied",
                "Nothing was changed. Run that one again instead, or start the workflow by hand.",
            )


def _has_run(run: Json) -> bool:
    """Not one that waits, or was cancelled while it did."""
    status, how = text_at(run, "status"), text_at(run, "conclusion")
    return status == "in_progress" or (status == "completed" and how not in ("cancelled", "skipped"))


def _member(content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(MEMBER) as member:
            plan = member.read(_MAX_PLAN + 1)
    except (zipfile.BadZipFile, zlib.error, KeyError, RuntimeError, NotImplementedError, EOFError, OSError) as fault:
        raise GitHubError(0, "the artifact with the plan cannot be read") from fault
    if len(plan) > _MAX_PLAN:
        raise GitHubError(0, "the plan in the artifact is larger than 256 MiB")
    return plan


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
