"""`validate`: is the desired state right? Reads files only."""

from __future__ import annotations

from reconciler.commands.place import Place
from reconciler.core.model import Severity
from reconciler.core.text import plural
from reconciler.desired import BrokenState, load
from reconciler.errors import ExitCode
from reconciler.terminal import Terminal


def run_validate(place: Place, terminal: Terminal) -> ExitCode:
    """Shows all mistakes, or what the desired state comes to."""
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
    return ExitCode.OK
