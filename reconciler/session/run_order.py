"""The order of applies in a workflow: no older commit is applied after a later one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reconciler.core.text import escape_control
from reconciler.errors import StalePlanError
from reconciler.git.commits import Commits
from reconciler.git.server import Remote
from reconciler.github.api import GitHub, GitHubError
from reconciler.github.apply_runs import WorkflowRun, describe_unapplied_runs, refuse_after_later_runs
from reconciler.github.environment import APPLY_WORKFLOW, Workflow
from reconciler.github.newest_commit import fetch_newest_commit
from reconciler.github.workflow_commands import format_command
from reconciler.history.drift import describe_run
from reconciler.history.outcomes import MergePoint, find_merge_points
from reconciler.history.unapplied import find_later_apply
from reconciler.record.runs import ApplyRun
from reconciler.session.audit_record import open_full_record
from reconciler.session.recorded_applies import read_applies
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings, resolve_target


def check_run_order(workspace: Workspace, hub: GitHub, remote: Remote, here: Workflow, terminal: Terminal) -> bool:
    """Raise `StalePlanError` if a later run or commit may have been applied; warn of earlier runs that never applied.

    Return False, with the errors shown, if the settings cannot be read. Raises `RepositoryError` if commits have to be
    compared and the newest one of the branch cannot be fetched from `remote`.
    """
    settings = read_settings(workspace, terminal)
    if settings is None:
        return False
    later = refuse_after_later_runs(hub, APPLY_WORKFLOW, here.branch, here.run_number)
    with open_full_record(workspace, settings.record.branch, terminal, plans=False) as whole:
        applied = read_applies(whole, resolve_target(workspace, settings))
    recorded = [run for run in applied if run.commit is not None]
    if recorded or here.attempt > 1:
        with Commits(workspace.state) as repository:
            if repository.shallow:
                terminal.note(_SHALLOW)
            else:
                tip = fetch_newest_commit(workspace.state, here.branch, remote)
                _compare_with_git(repository, tip, here, later, recorded)
    _warn_of_unapplied_runs(hub, here, terminal)
    return True


def _warn_of_unapplied_runs(hub: GitHub, here: Workflow, terminal: Terminal) -> None:
    """Print a warning annotation for each earlier run that never applied."""
    try:
        lines = describe_unapplied_runs(hub, APPLY_WORKFLOW, here.branch, here.run_number)
    except GitHubError as exc:
        terminal.note(f"Cannot determine whether every earlier merge was applied: {escape_control(exc.summary)}.")
        return
    for line in lines:
        terminal.result(format_command("warning", f"{line}. {_INCLUDED}", {"title": "Apply of an earlier merge"}))


_INCLUDED = "A plan of this commit includes what it changed; if that was not reviewed, this apply stops."


def _compare_with_git(
    repository: Commits, tip: str, here: Workflow, later: Sequence[WorkflowRun], applied: Sequence[ApplyRun]
) -> None:
    """Raise `StalePlanError` if a later commit of the branch has been applied, or the run for one is missing."""
    points = find_merge_points({node.id: node.parents for node in repository.read_graph(tip)}, tip)
    if here.commit not in points:
        raise StalePlanError(f"commit {here.commit[:12]} is no longer on the default branch", _WAY_OUT)
    changed = repository.read_first_parents(here.commit, tip) if here.attempt > 1 else []
    _refuse_after_later_apply(applied, points, here.commit)
    # The run of the newest commit can be deleted without a gap in the numbers of the runs.
    runs = max((points[run.commit].position for run in later if run.commit in points), default=-1)
    if changed and points[changed[0].id].position > runs:
        summary = (
            f"the later commit {changed[0].id[:12]} changed the desired state, but its run of this workflow is missing"
        )
        raise StalePlanError(summary, _WAY_OUT)


def _refuse_after_later_apply(applied: Sequence[ApplyRun], points: Mapping[str, MergePoint], commit: str) -> None:
    found = find_later_apply(applied, points, commit)
    if found is not None:
        summary = f"the later commit {(found.commit or '')[:12]} has been applied ({describe_run(found)})"
        raise StalePlanError(summary, _WAY_OUT)


_SHALLOW = "This clone is shallow: applies on record were not compared with this commit (set `fetch-depth: 0`)."
_WAY_OUT = (
    "Nothing was changed: this older commit could undo a later one. Re-run the newest run of this workflow, or\n"
    "start the workflow manually with the id of a reviewed plan of the default branch."
)
