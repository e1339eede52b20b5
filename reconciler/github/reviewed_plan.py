"""The reviewed plan of a pull request, kept where the author of the pull request cannot change it.

The id of the plan is in a commit status of the head commit; the plan is an artifact of the run that made it. Every user
with write access can write a status, and so can the workflow of any branch. Therefore the run is what is trusted: it
must be one of the plan workflow, taken from the default branch, and only the run can add artifacts to itself
(docs/decisions/0024-workflows.md).
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter

from reconciler.core.plan import Action, Plan
from reconciler.core.text import escape_control, shorten
from reconciler.errors import PlanFileError, StalePlanError
from reconciler.github.api import GitHub, GitHubError, Json, number_at, text_at, time_at
from reconciler.github.comments import AUTHOR
from reconciler.github.environment import Workflow
from reconciler.record.layout import PLAN
from reconciler.record.plan_file import from_json

CONTEXT = "reconciler/plan"
"""The name of the commit status."""
_DESCRIPTION = re.compile(r"(sha256:[0-9a-f]{64}) of run (\d{1,19}): ")
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_MAX_PLAN = 256 * 1024 * 1024
_MEMBERS = ("OWNER", "MEMBER", "COLLABORATOR")
"""The authors whose approval counts. In a public repository any user can write an approving review."""
_GONE = (404, 410)
_WAY_OUT = (
    "Nothing was changed. Review a plan of the default branch (the drift workflow makes one), and start the apply\n"
    "workflow manually with the id of that plan."
)


class NotReviewedError(StalePlanError):
    """A commit has no reviewed plan."""

    def __init__(self, why: str) -> None:
        super().__init__(why, _WAY_OUT)


@dataclass(frozen=True, slots=True)
class Pull:
    """A merged pull request. `head`: the reviewed commit, the last one unless an approval is for another.

    `until`: the time of the review; a plan made later was not reviewed.
    """

    number: int
    head: str
    until: datetime


@dataclass(frozen=True, slots=True)
class RecordedPlan:
    """The plan and the run that a commit status names."""

    plan_id: str
    run: int


def artifact_name(head: str) -> str:
    """Return the name of the artifact with the plan of a head commit."""
    return f"reviewed-plan-{head}"


@dataclass(frozen=True, slots=True)
class PlanStatus:
    """What a commit status says of a plan: its id, its counts as text, and whether it can be applied."""

    plan_id: str
    counts: str
    blocked: bool


def record_plan(hub: GitHub, head: str, plan: Plan, run: int, run_url: str) -> str:
    """Write the plan's commit status at the head commit; return its description. Raises `GitHubError`."""
    removed = plan.count(Action.DEACTIVATE, Action.DELETE)
    created = plan.count(Action.CREATE)
    counts = f"{created} to create, {len(plan.changes) - created - removed} to change, {removed} to remove"
    return record_status(hub, head, PlanStatus(plan.plan_id, counts, plan.blocked), run, run_url)


def record_status(hub: GitHub, head: str, status: PlanStatus, run: int, run_url: str) -> str:
    """Write a commit status at the head commit; return its description. Raises `GitHubError`."""
    description = f"{status.plan_id} of run {run}: {status.counts}"
    content = {"context": CONTEXT, "state": "failure" if status.blocked else "success", "description": description}
    hub.send("POST", f"/statuses/{head}", {**content, "target_url": run_url})
    return description


def find_merged_pull(hub: GitHub, commit: str, branch: str) -> Pull:
    """Return the pull request whose merge, squash or rebase made `commit` the head of `branch`.

    Raises `NotReviewedError` if there is none, `GitHubError` if GitHub does not answer.
    """
    for item in hub.items(f"/commits/{commit}/pulls"):
        head, merged_at = text_at(item, "head", "sha"), time_at(item, "merged_at")
        if (
            merged_at is not None
            and _COMMIT.fullmatch(head)
            and text_at(item, "merge_commit_sha") == commit
            and (text_at(item, "base", "ref"), text_at(item, "base", "repo", "full_name")) == (branch, hub.repository)
        ):
            return Pull(number_at(item, "number"), head, merged_at)
    raise NotReviewedError(f"commit {commit[:12]} was not merged into {escape_control(branch)} by a pull request")


def at_last_approval(hub: GitHub, pull: Pull) -> Pull:
    """Return `pull` as of its last approval, or as merged if it has none.

    A commit or plan made after the approval was not approved. Raises `NotReviewedError` if the approved commit is gone.
    """
    approvals = [
        (when, text_at(item, "commit_id"))
        for item in hub.items(f"/pulls/{pull.number}/reviews")
        if text_at(item, "state") == "APPROVED"
        and text_at(item, "author_association") in _MEMBERS
        and (when := time_at(item, "submitted_at")) is not None
        and when <= pull.until
    ]
    if not approvals:
        return pull
    # Reviews are in the order of their creation: within one second the last one counts.
    when, commit = max(reversed(approvals), key=itemgetter(0))
    if not _COMMIT.fullmatch(commit):
        raise NotReviewedError(f"the approved commit of pull request {pull.number} no longer exists")
    return Pull(pull.number, commit, when)


def find_recorded_plan(hub: GitHub, pull: Pull) -> RecordedPlan:
    """Return the plan that the newest status before the review names. Raises `NotReviewedError` if there is none."""
    for item in hub.items(f"/commits/{pull.head}/statuses"):
        made, found = time_at(item, "created_at"), _read_status(item)
        if found is not None and made is not None and made <= pull.until:
            return found
    raise NotReviewedError(f"pull request {pull.number} had no plan at {pull.head[:12]} before its review ended")


def _read_status(item: Json) -> RecordedPlan | None:
    """Return what a status names, if the workflow may have written it."""
    found = _DESCRIPTION.match(text_at(item, "description"))
    identity = (text_at(item, "context"), text_at(item, "creator", "login"))
    return RecordedPlan(found[1], int(found[2])) if identity == (CONTEXT, AUTHOR) and found else None


def find_current_plan(hub: GitHub, number: int, head: str, workflow: str, here: Workflow) -> Plan | None:
    """Return the plan that the newest status of a head commit names, from the run that made it; None without one.

    `here`: as for `download_plans`. A status that names another run, or a plan that is not kept, is none.
    """
    status = next(filter(None, map(_read_status, hub.items(f"/commits/{head}/statuses"))), None)
    if status is None:
        return None
    try:
        plans = list(download_plans(hub, Pull(number, head, datetime.max.replace(tzinfo=UTC)), status, workflow, here))
    except NotReviewedError:
        return None
    except GitHubError as exc:
        if exc.status in _GONE:
            return None
        raise
    return next((plan for plan in map(_read_plan, plans) if plan and _is_named(plan, status, head)), None)


def _read_plan(content: bytes) -> Plan | None:
    try:
        return from_json(content)
    except PlanFileError:  # of another version
        return None


def _is_named(plan: Plan, status: RecordedPlan, head: str) -> bool:
    return (plan.plan_id, plan.commit) == (status.plan_id, head)


def download_plans(hub: GitHub, pull: Pull, found: RecordedPlan, workflow: str, here: Workflow) -> Iterator[bytes]:
    """Yield the plans that the run kept for the head commit, one for each attempt.

    `here`: the current run, of the default branch, whose `workflow` the run must be of. Raises `NotReviewedError` if it
    is another.
    """
    for archive in download_archives(hub, pull, found.run, workflow, here):
        yield _member(archive)


def download_archives(hub: GitHub, pull: Pull | None, number: int, workflow: str, here: Workflow) -> Iterator[bytes]:
    """Yield the artifacts with plans that a run kept, one for each attempt, as `download_plans`.

    `pull` None: for the commit of the run itself.
    """
    run = hub.get(f"/actions/runs/{number}")
    path, _, ref = text_at(run, "path").partition("@")
    head = pull.head if pull is not None else text_at(run, "head_sha")
    if (
        path != f".github/workflows/{workflow}"
        or text_at(run, "repository", "full_name") != hub.repository
        or ref not in ("", here.branch, f"refs/heads/{here.branch}")
        or not _is_of_default_branch(hub, run, here)
        or not _COMMIT.fullmatch(head)
    ):
        shown = escape_control(shorten(f"{text_at(run, 'event')} {text_at(run, 'path')}", 100))
        what = f"pull request {pull.number}" if pull is not None else f"run {number}"
        raise NotReviewedError(f"the plan of {what} comes from another workflow ({shown})")
    name = artifact_name(head)
    for item in hub.items(f"/actions/runs/{number}/artifacts", "artifacts", name=name):
        if text_at(item, "name") == name and item.get("expired") is False:
            yield hub.download(f"/actions/artifacts/{number_at(item, 'id')}/zip")


def _is_of_default_branch(hub: GitHub, run: Json, here: Workflow) -> bool:
    """Whether GitHub took the workflow of a run from the default branch.

    For `pull_request_target` it always does. A run that was started manually has the file of the branch or tag that it
    was started on, and a tag can have the name of the default branch: its commit must be one of the default branch. So
    must that of a run on a schedule.
    """
    if text_at(run, "event") == "pull_request_target":
        return True
    commit = text_at(run, "head_sha")
    if text_at(run, "event") not in ("workflow_dispatch", "schedule") or not (
        _COMMIT.fullmatch(commit) and _COMMIT.fullmatch(here.commit)
    ):
        return False
    return text_at(hub.get(f"/compare/{commit}...{here.commit}"), "status") in ("ahead", "identical")


def _member(content: bytes) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive, archive.open(PLAN) as member:
            plan = member.read(_MAX_PLAN + 1)
    except Exception as exc:
        # A damaged archive makes zipfile fail in a dozen ways: BadZipFile, ValueError, zlib.error, struct.error, …
        raise GitHubError(0, "the artifact with the plan cannot be read") from exc
    if len(plan) > _MAX_PLAN:
        raise GitHubError(0, "the plan in the artifact is larger than 256 MiB")
    return plan
