"""`validate`: is the desired state right? Reads files only."""

from __future__ import annotations

from reconciler.core.model import Severity
from reconciler.core.text import pluralize
from reconciler.desired.loader import BrokenState, load
from reconciler.errors import ExitCode
from reconciler.render.text import render_comparison
from reconciler.session.baseline import compare_offline, load_baseline
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace


def run_validate(workspace: Workspace, terminal: Terminal, base: str | None = None) -> ExitCode:
    """Shows all mistakes, or what the desired state comes to, and what of it is new since `base`."""
    state = load(workspace.state, workspace.now)
    if state.diagnostics:
        terminal.diagnostics(state.diagnostics)
    mistakes = sum(item.severity is Severity.ERROR for item in state.diagnostics)
    if mistakes or isinstance(state, BrokenState):
        terminal.result(f"{pluralize(mistakes, 'mistake')} in {workspace.state}.")
        return ExitCode.ERROR
    users = pluralize(len(state.users), "user")
    terminal.result(
        f"The desired state is valid: {users}, {state.in_scope:,} of them in scope on {workspace.now:%Y-%m-%d}."
    )
    if base is not None:
        side = load_baseline(workspace, state, base, offline=True)
        if side.warnings:
            terminal.diagnostics(side.warnings)
        terminal.result(render_comparison(compare_offline(workspace, state, side)[0], terminal.style))
    return ExitCode.OK
