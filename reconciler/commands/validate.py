"""`validate`: check the desired state. Reads files only."""

from __future__ import annotations

from reconciler.core.model import Severity
from reconciler.core.text import pluralize
from reconciler.desired.loader import BrokenState, load
from reconciler.errors import ExitCode
from reconciler.render.text import render_comparison
from reconciler.session.baseline import compare_offline, load_baseline
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, approval_date


def run_validate(workspace: Workspace, terminal: Terminal, base: str | None = None) -> ExitCode:
    """Show all errors, or a summary of the desired state and its difference from `base`."""
    state = load(workspace.state, workspace.now, approval_date(workspace))
    if state.diagnostics:
        terminal.diagnostics(state.diagnostics)
    errors = sum(item.severity is Severity.ERROR for item in state.diagnostics)
    if errors or isinstance(state, BrokenState):
        terminal.result(f"{pluralize(errors, 'error')} in {workspace.state}.")
        return ExitCode.ERROR
    users = pluralize(len(state.users), "user")
    terminal.result(
        f"The desired state is valid: {users}, {state.in_scope:,} of them in scope on {workspace.now:%Y-%m-%d}."
    )
    if base is not None:
        baseline = load_baseline(workspace, state, base, offline=True)
        if baseline.warnings:
            terminal.diagnostics(baseline.warnings)
        terminal.result(render_comparison(compare_offline(workspace, state, baseline)[0], terminal.style))
    return ExitCode.OK
