"""The one pull request of the import: opened, updated in place, labelled, merged and closed.

Pull requests that are opened with GITHUB_TOKEN start no workflow, nor does their merge; runs that are started by
`workflow_dispatch` do. So the plan, the validation and the apply are started here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from reconciler.github.api import GitHub, GitHubError, Json, number_at, text_at
from reconciler.github.import_branch import BRANCH, WORKFLOW_AUTHOR

_PASSED = ("success", "neutral", "skipped")
_NOT_MERGEABLE = (405, 409)
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_NOT_FOUND = 404
_FORBIDDEN = 403
_ALLOW = (
    "Give the job `pull-requests: write`, and allow it in the settings of the repository: Actions, General,\n"
    "Workflow permissions, Allow GitHub Actions to create and approve pull requests."
)


@dataclass(frozen=True, slots=True)
class ImportPull:
    """The text of the pull request. `digest`: by it a pull request that was declined is recognised."""

    base: str
    digest: str
    title: str
    body: str

    @property
    def content(self) -> Mapping[str, str]:
        """Return what is sent. The body begins with the hidden marker of the change."""
        return {"title": self.title, "body": self.body}


def find_open_pull(hub: GitHub, base: str) -> int | None:
    """Return the number of the open pull request of the branch; None without one."""
    return next((number_at(item, "number") for item in _list_pulls(hub, base, "open")), None)


def is_declined(hub: GitHub, pull: ImportPull) -> bool:
    """Return whether a person closed the last pull request with the same change, as the workflow made it.

    GitHub closes a pull request whose branch is deleted, too. One that has a commit of a person was another change.
    """
    last = next(_list_pulls(hub, pull.base, "closed"), None)
    return (
        last is not None
        and not last.get("merged_at")
        and text_at(last, "body").startswith(f"<!-- {format_marker(pull.digest)} -->")
        and _is_own_commit(hub, text_at(last, "head", "sha"))
    )


def _is_own_commit(hub: GitHub, commit: str) -> bool:
    if not _COMMIT.fullmatch(commit):
        return False
    found = hub.get(f"/commits/{commit}")
    return {text_at(found, "commit", role, "email") for role in ("author", "committer")} == {WORKFLOW_AUTHOR.email}


def write_pull(hub: GitHub, pull: ImportPull, number: int | None) -> int:
    """Open the pull request, or update the open one; return its number."""
    if number is not None:
        hub.send("PATCH", f"/pulls/{number}", pull.content)
        return number
    try:
        return number_at(hub.send("POST", "/pulls", {**pull.content, "head": BRANCH, "base": pull.base}), "number")
    except GitHubError as exc:
        raise GitHubError(exc.status, exc.summary, _ALLOW) if exc.status == _FORBIDDEN else exc from exc


def close_pull(hub: GitHub, number: int, body: str) -> None:
    """Close the pull request. Its body has no marker any more: no one declined the change."""
    hub.send("PATCH", f"/pulls/{number}", {"state": "closed", "body": body})


def set_labels(hub: GitHub, number: int, wanted: Iterable[str], ours: Iterable[str]) -> None:
    """Set those labels of `ours` that are `wanted`; labels of others stay."""
    wanted = list(wanted)
    there = {text_at(item, "name") for item in hub.items(f"/issues/{number}/labels")}
    missing = [label for label in wanted if label not in there]
    if missing:
        hub.change("POST", f"/issues/{number}/labels", {"labels": missing})
    for label in ours:
        if label in there and label not in wanted:
            _remove_label(hub, number, label)


def _remove_label(hub: GitHub, number: int, label: str) -> None:
    try:
        hub.change("DELETE", f"/issues/{number}/labels/{quote(label)}")
    except GitHubError as exc:
        if exc.status != _NOT_FOUND:  # removed meanwhile
            raise


def start_workflow(hub: GitHub, workflow: str, ref: str, inputs: Mapping[str, str]) -> None:
    """Start a workflow as it is on the branch `ref`."""
    hub.change("POST", f"/actions/workflows/{workflow}/dispatches", {"ref": ref, "inputs": dict(inputs)})


def find_conclusion(hub: GitHub, workflow: str, head: str) -> str | None:
    """Return how the newest run of a workflow at a head commit ended; "" if it has not, None if there is none.

    A run that was cancelled is none.
    """
    for run in hub.items(f"/actions/workflows/{workflow}/runs", "workflow_runs", head_sha=head):
        if text_at(run, "head_sha") == head and text_at(run, "conclusion") != "cancelled":
            return text_at(run, "conclusion")
    return None


def find_failed_checks(hub: GitHub, head: str) -> list[str]:
    """Return the names of check runs and commit statuses of a head commit that did not pass, or have not ended."""
    runs = hub.items(f"/commits/{head}/check-runs", "check_runs")
    failed = {text_at(run, "name") for run in runs if text_at(run, "conclusion") not in _PASSED}
    states: dict[str, str] = {}
    for item in hub.items(f"/commits/{head}/statuses"):  # the newest first
        states.setdefault(text_at(item, "context"), text_at(item, "state"))
    return sorted(failed | {context for context, state in states.items() if state != "success"})


def merge_pull(hub: GitHub, number: int, head: str, title: str) -> str | None:
    """Squash and merge if `head` is still the head; return why not if GitHub's rules forbid it, else None."""
    content = {"sha": head, "merge_method": "squash", "commit_title": f"{title} (#{number})"}
    try:
        hub.send("PUT", f"/pulls/{number}/merge", content)
    except GitHubError as exc:
        if exc.status not in _NOT_MERGEABLE:
            raise
        return exc.summary
    return None


def _list_pulls(hub: GitHub, base: str, state: str) -> Iterator[Json]:
    """Yield the pull requests of the branch in this repository, not of a fork; the newest first."""
    owner = hub.repository.partition("/")[0]
    order = {"sort": "created", "direction": "desc"}
    for item in hub.items("/pulls", state=state, head=f"{owner}:{BRANCH}", base=base, **order):
        names = text_at(item, "head", "ref"), text_at(item, "head", "repo", "full_name"), text_at(item, "base", "ref")
        if names == (BRANCH, hub.repository, base):
            yield item


def format_marker(digest: str) -> str:
    """Return the hidden marker of a change."""
    return f"reconciler import {digest}"
