"""Begin an incremental plan: find where it starts, and load the users that may differ."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reconciler.core.plan import Plan
from reconciler.desired.changed_entries import ChangedEntries
from reconciler.desired.directory import Directory
from reconciler.desired.loader import DesiredState
from reconciler.errors import FullPlanNeededError
from reconciler.session.audit_record import open_full_record
from reconciler.session.incremental.plan import make_incremental_plan
from reconciler.session.incremental.start import IncrementalStart, find_start, load_changed
from reconciler.session.planners import check_same_target
from reconciler.session.recorded_applies import read_applies
from reconciler.session.session import Session, open_session
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, resolve_target
from reconciler.tracing import trace_phase


@dataclass(frozen=True, slots=True)
class IncrementalAttempt:
    """An incremental plan that can be made: `state` has only the users that may differ since `start`."""

    state: DesiredState
    start: IncrementalStart
    entries: ChangedEntries

    @property
    def whole(self) -> bool:
        """Whether the plan is about all users."""
        return False

    def load_again(self, workspace: Workspace, terminal: Terminal) -> IncrementalAttempt:
        """Return the same with the files and the record as they are after the wait for a lock."""
        again = begin_attempt(workspace, terminal)
        check_same_target(again.state.target, self.state.target)
        return again

    def make_plan(self, session: Session, terminal: Terminal) -> Plan:
        """Return the plan. `session`: with `state`. Raises `FullPlanNeededError`."""
        return make_incremental_plan(session, self.start, self.entries, terminal)


def begin_attempt(workspace: Workspace, terminal: Terminal) -> IncrementalAttempt:
    """Return what an incremental plan is made from. Raises `FullPlanNeededError` if none can be made."""
    if workspace.sandbox:
        raise FullPlanNeededError("the sandbox is emptied and filled at will")
    settings = Directory(workspace.state).read_settings()
    if settings is None:
        raise FullPlanNeededError("settings.yaml cannot be read")
    with trace_phase("load the users that may differ") as span:
        # Notes about the record come when it is read for the plan.
        with open_full_record(workspace, settings.value.record.branch, terminal.quieter()) as whole:
            runs = read_applies(whole, resolve_target(workspace, settings.value))
        start = find_start(workspace, runs)
        state, entries = load_changed(workspace, start)
        span.set({"reconciler.desired_users": len(state.users)})
    return IncrementalAttempt(state, start, entries)


@contextmanager
def open_incremental(workspace: Workspace, terminal: Terminal) -> Iterator[tuple[Session, Plan, IncrementalAttempt]]:
    """Yield an incremental plan and the session it was made in. Raises `FullPlanNeededError` before that."""
    attempt = begin_attempt(workspace, terminal)
    with open_session(workspace, attempt.state, terminal) as session:
        yield session, attempt.make_plan(session, terminal), attempt
