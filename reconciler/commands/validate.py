"""`validate`: is the desired state right? Reads files only."""

from __future__ import annotations

from reconciler.core.model import Severity
from reconciler.core.text import plural
from reconciler.desired.loader import BrokenState, load
from reconciler.errors import ExitCode
from reconciler.render.text import render_comparison
from reconciler.session.baseline import compare_offline, read_base
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Place


def run_validate(place: Place, terminal: Terminal, base: str | None = None) -> ExitCode:
    """Shows all mistakes, or what the desired state comes to, and what of it is new since `base`."""
    state = load(place.state, place.now)
    if state.diagnostics:
        terminal.diagnostics(state.diagnostics)
    mistakes = sum(item.severity is Severity.ERROR for item in state.diagnostics)
    if mistakes or isinstance(state, BrokenState):
        terminal.result(f"{plural(mistakes, 'mistake')} in {place.state}.")
        return ExitCode.ERROR
    users = plural(len(state.users), "user")
    terminal.result(
        f"The desired state is valid: {users}, {state.in_scope:,} of them in scope on {place.now:%Y-%m-%d}."
    )
    if base is not None:
        side = read_base(place, state, base, offline=True)
        if side.warnings:
            terminal.diagnostics(side.warnings)
        terminal.result(render_comparison(compare_offline(place, state, side)[0], terminal.style))
    return ExitCode.OK
