"""`github unattended`: whether this run may apply without a review, for the steps after it.

What waits for people is theirs: a run of the apply workflow that has not ended, or that ended without applying because
it was refused, failed or found another plan, is a merge that was not approved yet. That workflow applies it, and
unattended runs wait for it. While a run that may have applied has no record, the limits of a day would start from
zero: that is an issue, because runs that succeed are not looked at.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.core.text import escape_control, redact_quoted
from reconciler.desired.provisioning import read_provisioning
from reconciler.desired.schema import Settings
from reconciler.errors import ExitCode
from reconciler.git.repository import find_head_commit
from reconciler.github import comments
from reconciler.github.api import GitHub
from reconciler.github.apply_runs import describe_unapplied_runs, describe_waiting_run
from reconciler.github.comments import Marker
from reconciler.github.environment import APPLY_WORKFLOW, Workflow, git_remote, open_github, read_workflow
from reconciler.github.newest_commit import fetch_newest_commit
from reconciler.github.unrecorded_runs import describe_unrecorded_run
from reconciler.github.workflow_commands import format_body, format_command
from reconciler.session.github_step import print_outputs, write_summary
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings

_NO_LIMITS = "settings.yaml has no `unattended`: nothing is applied without a review"
_NO_RECORD = (
    "settings.yaml has no `record: {branch: …}`: without it no run knows what earlier ones changed, and the limits"
    " would start from zero each time"
)
_KIND = "reconciler unrecorded"
_TITLE = "The record of an apply is missing"
_ABOUT = "{lost}.\n\nUntil then the workflow `sync` applies nothing.\n"
_DONE = "Every run that may have applied is on record, or no limit counts it any longer.\n"
_FIRST = "It goes first: the next cycle continues once it has applied"


def run_unattended(workspace: Workspace, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Set the output `enabled`; if it is false, say why in a notice and in the summary of the run.

    Raises `ReconcilerError` if GitHub or its git server cannot be asked: then it is not known.
    """
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    here, network = read_workflow(), read_network()
    with open_github(network) as hub:
        obstacle = next(_find_obstacles(workspace, settings, hub, here), None)
    print_outputs({"enabled": obstacle is None}, terminal)
    if obstacle is not None:
        _report(escape_control(redact_quoted(obstacle) if redact else obstacle), terminal)
    return ExitCode.OK


def _find_obstacles(workspace: Workspace, settings: Settings, hub: GitHub, here: Workflow) -> Iterator[str]:
    """Yield why nothing is applied by this run, what the files say before what the servers say."""
    if settings.unattended is None:
        yield _NO_LIMITS
    if settings.record.branch is None:
        yield _NO_RECORD
    provisioning = read_provisioning(settings)
    if not provisioning.enabled:
        yield f"provisioning is {provisioning}"
    tip = fetch_newest_commit(workspace.state, here.branch, git_remote(read_network()))
    if find_head_commit(workspace.state) != tip:
        yield f"{here.branch} has moved on to {tip[:12]} since this run began: the next cycle applies it"
    if settings.record.branch is not None:
        lost = describe_unrecorded_run(hub, here, workspace.state, settings.record.branch, workspace.now)
        _write_issue(hub, here, settings.target.tenant, lost)
        if lost is not None:
            yield lost
    waiting = describe_waiting_run(hub, APPLY_WORKFLOW, here.branch)
    if waiting is not None:
        yield f"{waiting}. {_FIRST}"
    for line in describe_unapplied_runs(hub, APPLY_WORKFLOW, here.branch):
        yield f"{line}. Run it again, or start the apply workflow with the id of a reviewed plan. {_FIRST}"


def _write_issue(hub: GitHub, here: Workflow, tenant: str | None, lost: str | None) -> None:
    """Open or update the issue about a record that is missing; close it if none is."""
    marker, title = Marker(_KIND, tenant), _TITLE if tenant is None else f"{_TITLE} (tenant {tenant})"
    if lost is None:
        comments.close_issue(hub, marker, format_body(_DONE, str(marker), here.run_url))
    else:
        about = _ABOUT.format(lost=lost)
        comments.write_issue(hub, marker, title, format_body(about, str(marker), here.run_url))


def _report(why: str, terminal: Terminal) -> None:
    text = f"Nothing is applied by this run: {why}."
    terminal.result(format_command("notice", text, {"title": "Nothing is applied unattended"}))
    write_summary(f"{text}\n", markdown=False)
