"""Run what needs the desired state while the users of a large one are still being read."""

from __future__ import annotations

from collections.abc import Callable

from reconciler.desired.content import BrokenStateError, StateContent
from reconciler.desired.late_loading import load_later
from reconciler.desired.loader import DesiredState
from reconciler.errors import ExitCode
from reconciler.scim.converted_pages import convert_pages
from reconciler.session.baseline import build_reader
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, approval_date, load_state
from reconciler.tracing import trace_phase


def run_with_state(workspace: Workspace, terminal: Terminal, run: Callable[[DesiredState], ExitCode]) -> ExitCode:
    """Return what `run` returns for the desired state; ERROR, with all errors shown, if it cannot be planned from.

    Errors of the desired state come first, whatever else went wrong meanwhile, and notes after them would be noise.
    """
    state = _load(workspace, terminal)
    if state is None:
        return ExitCode.ERROR
    try:
        return _run(state, run)
    except BrokenStateError as exc:
        terminal.drop_notes()
        terminal.diagnostics(exc.diagnostics)
        return ExitCode.ERROR
    finally:
        state.content.close()
        terminal.release_notes()


def _run(state: DesiredState, run: Callable[[DesiredState], ExitCode]) -> ExitCode:
    try:
        code = run(state)
    except Exception:
        state.content.wait()
        raise
    state.content.wait()
    return code


def _load(workspace: Workspace, terminal: Terminal) -> DesiredState | None:
    """Load the desired state: at once for the sandbox, which begins with the users."""
    if workspace.sandbox:
        return load_state(workspace, terminal)
    with trace_phase("load the desired state") as span:
        terminal.hold_notes()
        state = load_later(
            workspace.state,
            workspace.now,
            approval_date(workspace),
            cache=workspace.cache,
            on_complete=terminal.release_notes,
            make_answer=lambda state: convert_pages(build_reader(state)),
        )
        if isinstance(state, DesiredState) and not isinstance(state.content, StateContent):
            return state
        terminal.release_notes()
        if isinstance(state, DesiredState):
            span.set({"reconciler.desired_users": len(state.users)})
            return state
    terminal.diagnostics(state.diagnostics)
    return None
