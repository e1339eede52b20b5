"""`github provisioning`: whether provisioning is on, for the steps after it.

It is off if the commit of this run or the newest commit of the branch says so: a run that waited, or is started again,
must not apply after provisioning was switched off. The newest commit is asked for at the server, with GITHUB_TOKEN.
"""

from __future__ import annotations

from reconciler.core.provisioning import SWITCH_ON, Provisioning
from reconciler.core.text import escape_control, redact_quoted
from reconciler.desired.provisioning import read_provisioning
from reconciler.errors import ExitCode
from reconciler.github.environment import Workflow, git_remote, read_workflow
from reconciler.github.newest_commit import fetch_newest_commit
from reconciler.github.workflow_commands import format_command
from reconciler.session.github_step import print_outputs, write_summary
from reconciler.session.network import read_network
from reconciler.session.provisioning_switch import read_provisioning_of_newest
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings


def run_provisioning(workspace: Workspace, terminal: Terminal, *, redact: bool) -> ExitCode:
    """Set the output `enabled`; if provisioning is off, say so in a notice and in the summary of the run.

    Raises `ReconcilerError` if the newest settings of the branch cannot be read: then it is not known to be on.
    """
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    here, found = read_workflow(), read_provisioning(settings)
    if found.enabled:
        found = _read_newest(workspace, here)
    print_outputs({"enabled": found.enabled}, terminal)
    if not found.enabled:
        _report(found, terminal, redact=redact)
    return ExitCode.OK


def _read_newest(workspace: Workspace, here: Workflow) -> Provisioning:
    """Return whether provisioning is on in the newest commit of the branch, as the server has it now.

    Raises `ReconcilerError` if it cannot be fetched or read.
    """
    tip = fetch_newest_commit(workspace.state, here.branch, git_remote(read_network()))
    unreadable = f"settings.yaml of commit {tip[:12]}, the newest one of the branch, cannot be read"
    return read_provisioning_of_newest(workspace.state, tip, unreadable)


def _report(found: Provisioning, terminal: Terminal, *, redact: bool) -> None:
    why = f"Provisioning is {found}"
    why = escape_control(redact_quoted(why) if redact else why)
    text = f"{why}. Nothing is applied. {SWITCH_ON}"
    terminal.result(format_command("notice", text, {"title": "Provisioning is off"}))
    write_summary(f"{text}\n", markdown=False)
