"""`github import-pull`: the pull request of an import, from its patch."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from reconciler.core.plan import Plan
from reconciler.core.text import escape_control, pluralize
from reconciler.errors import ExitCode, StalePlanError
from reconciler.git.repository import find_head_commit
from reconciler.github import import_pull, reviewed_plan, workflow_commands
from reconciler.github.api import GitHub
from reconciler.github.environment import APPLY_WORKFLOW, PLAN_WORKFLOW, git_remote, open_github, read_workflow
from reconciler.github.import_branch import BRANCH, BranchUpdate, ImportBranch
from reconciler.github.import_patch import MAX_PATCH, ImportPatch, check_patch, read_patch
from reconciler.github.import_pull import ImportPull
from reconciler.record.files import read_file
from reconciler.session.network import read_network
from reconciler.session.state_edit import edited_copy
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, current_time, read_settings
from reconciler.sources.import_risk import (
    LABELS,
    ImportRisk,
    assess_import,
    count_lost_comments,
    find_merge_obstacles,
)
from reconciler.sources.planned_risk import find_planned_obstacles
from reconciler.sources.state_files import read_state_files

_VALIDATION = "ci.yml"
_PLAN_AGE = timedelta(days=5)
"""A plan expires after 7 days."""
_POLL = 20
"""Seconds between two looks at the workflows that were started: each look is two requests, of 1,000 in an hour."""
_ABOUT = f"""\
The people of the desired state as the source has them now. Nothing is applied before this pull request is merged.

**Import: {{counts}}.** {{files}}.

{{review}}

The workflow `import` writes the branch `{BRANCH}` and replaces its commit at each run. It stops if the branch has other
commits: push your own to another branch."""
_DECLINED = (
    "A pull request with this change was closed without a merge: it is not opened again. Reopen it (Restore branch, if"
    " its branch was deleted) to import it after all."
)
_MERGES = (
    "This import only adds and updates users, within `source.entra.auto_merge`: the next run of the workflow merges it"
    " if its plan only creates and updates accounts within that number, and its checks passed."
)


def run_import_pull(
    workspace: Workspace, file: Path, terminal: Terminal, *, applies: bool = True, patience: float = 0
) -> ExitCode:
    """Open or update the pull request of the patch in `file`; close it if nothing is left.

    `applies`: start the apply workflow after a merge. `patience`: how many seconds it waits for the plan and the
    validation of what it may merge, to merge it in this run; else the next one does.

    Raises `SourceError` if the patch is anything but files of the desired state, `StalePlanError` if it was made for
    another commit than the head of the default branch, `RepositoryError` if others committed to the branch,
    `GitHubError` if GitHub refuses.
    """
    patch, settings = read_patch(read_file(file, MAX_PATCH)), read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    _check_commit(patch, workspace)
    branch, base = ImportBranch(workspace.state, git_remote(read_network())), read_workflow().branch
    branch.check_base(patch.base, base)
    with open_github(read_network()) as hub:
        if not patch.files:
            terminal.note(_close(hub, branch, base, patch.base))
            return ExitCode.OK
        check_patch(patch, workspace.state)
        limit = settings.source.entra.auto_merge if settings.source.entra is not None else None
        written = _write(hub, branch, patch, _assess(workspace, patch), limit)
        if written is None:
            terminal.note(_DECLINED)
            return ExitCode.OK
        terminal.note(written.describe())
        if done := _go_on(hub, written, applies=applies):
            terminal.note(done)
        if written.waits or not patience or not _wait_for_plan(hub, written, patience):
            return ExitCode.OK
    return run_import_pull(workspace, file, terminal, applies=applies)


@dataclass(frozen=True, slots=True)
class _WrittenPull:
    """The pull request as it is on GitHub now.

    `plan`: the plan of its head; None if it has to be made. `waits`: whether a maintainer has to review it.
    """

    pull: ImportPull
    number: int
    update: BranchUpdate
    plan: Plan | None
    waits: bool

    @property
    def head(self) -> str:
        return self.update.head

    def describe(self) -> str:
        return f"Pull request {self.number}: {'updated' if self.update.pushed else 'as it was'} at {self.head[:12]}."


def _check_commit(patch: ImportPatch, workspace: Workspace) -> None:
    head = find_head_commit(workspace.state)
    if patch.base != head:
        summary = f"the import was made for commit {patch.base[:12]}, not for {str(head)[:12]}"
        raise StalePlanError(summary, "Run it again.")


def _write(
    hub: GitHub, branch: ImportBranch, patch: ImportPatch, risk: ImportRisk, limit: int | None
) -> _WrittenPull | None:
    """Push the patch and open or update its pull request; None if one with this change was closed without a merge."""
    base, obstacles = read_workflow().branch, find_merge_obstacles(risk, limit)
    pull = ImportPull(base, patch.digest, f"Import: {risk.counts}", _describe(patch, risk, obstacles))
    number = import_pull.find_open_pull(hub, base)
    if number is None and import_pull.is_declined(hub, pull):
        return None
    update = branch.update(patch, pull.title)
    plan = None if update.pushed or number is None else _find_plan(hub, number, update.head)
    if plan is not None and limit is not None:
        obstacles = (*obstacles, *find_planned_obstacles(plan, patch.base, limit))
        pull = replace(pull, body=_describe(patch, risk, obstacles))
    number = import_pull.write_pull(hub, pull, number)
    import_pull.set_labels(hub, number, risk.labels, LABELS)
    return _WrittenPull(pull, number, update, plan, waits=bool(obstacles))


def _wait_for_plan(hub: GitHub, written: _WrittenPull, patience: float) -> bool:
    """Wait until the plan and the validation have ended; return whether they have, and had not before."""
    if written.plan is not None and import_pull.find_conclusion(hub, _VALIDATION, written.head):
        return False
    end = time.monotonic() + patience
    while time.monotonic() < end:
        time.sleep(_POLL)
        validated = import_pull.find_conclusion(hub, _VALIDATION, written.head)
        if validated and _find_plan(hub, written.number, written.head) is not None:
            return True
    return False


def _find_plan(hub: GitHub, number: int, head: str) -> Plan | None:
    """Return the plan of the head that the workflow made lately; None: it has to be made."""
    plan = reviewed_plan.find_current_plan(hub, number, head, PLAN_WORKFLOW, read_workflow())
    return plan if plan is not None and current_time() - plan.created_at <= _PLAN_AGE else None


def _assess(workspace: Workspace, patch: ImportPatch) -> ImportRisk:
    before = read_state_files(workspace.state)
    with edited_copy(workspace.state, patch.contents) as copy:
        after = read_state_files(copy)
    lost = count_lost_comments(before.contents, patch.contents)
    return assess_import(before.current, after.current, patch.files, lost_comments=lost)


def _describe(patch: ImportPatch, risk: ImportRisk, obstacles: tuple[str, ...]) -> str:
    review = "\n".join(["It needs a review:", "", *(f"- {reason}" for reason in obstacles)]) if obstacles else _MERGES
    text = _ABOUT.format(counts=risk.counts, files=_count_files(patch), review=review)
    return workflow_commands.format_body(text, import_pull.format_marker(patch.digest), read_workflow().run_url)


def _count_files(patch: ImportPatch) -> str:
    return f"{pluralize(len(patch.files), 'file')} {'changes' if len(patch.files) == 1 else 'change'}"


def _close(hub: GitHub, branch: ImportBranch, base: str, commit: str) -> str:
    """Close the pull request and delete the branch, unless others committed to it; return what was done."""
    branch.check(commit)
    number = import_pull.find_open_pull(hub, base)
    if number is not None:
        body = "Nothing is left to import: the files are as the source has them."
        import_pull.close_pull(hub, number, workflow_commands.format_body(body, "reconciler", read_workflow().run_url))
    deleted = branch.delete(commit)
    done = f"pull request {number} was closed" if number is not None else "there is no pull request"
    return f"Nothing to import: {done}{f', {BRANCH} was deleted' if deleted else ''}."


def _go_on(hub: GitHub, written: _WrittenPull, *, applies: bool) -> str:
    """Start the plan and the validation where there are none; merge what is planned, unless it waits for a review.

    Returns what was done.
    """
    validated = import_pull.find_conclusion(hub, _VALIDATION, written.head)
    if validated is None:
        import_pull.start_workflow(hub, _VALIDATION, BRANCH, {})
    if written.plan is None:
        import_pull.start_workflow(hub, PLAN_WORKFLOW, written.pull.base, {"pull": str(written.number)})
        return "Its plan was started."
    if written.waits:
        return ""
    if validated != "success":
        return "It is not merged: its validation (ci.yml) has not passed."
    return _merge(hub, written, written.plan.plan_id if applies else None)


def _merge(hub: GitHub, written: _WrittenPull, plan_id: str | None) -> str:
    """Merge, and start the apply of the plan, if any; return what was done."""
    failed = import_pull.find_failed_checks(hub, written.head)
    if failed:
        return f"It is not merged: {pluralize(len(failed), 'check')} did not pass or have not ended."
    refusal = import_pull.merge_pull(hub, written.number, written.head, written.pull.title)
    if refusal is not None:
        return f"It is not merged: {escape_control(refusal)}."
    if plan_id is None:
        return "It was merged."
    import_pull.start_workflow(hub, APPLY_WORKFLOW, written.pull.base, {"plan-id": plan_id})
    return f"It was merged, and the apply of {plan_id} was started."
