"""What makes the plan of an apply: of all users, of those that `--user` names, or an incremental one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from reconciler.core.model import Target
from reconciler.core.plan import Plan
from reconciler.desired.loader import DesiredState
from reconciler.errors import StalePlanError
from reconciler.session.live_plan import make_plan
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, load_state


class Planner(Protocol):
    """Loads a desired state, and plans in a session with it."""

    @property
    def state(self) -> DesiredState:
        """The desired state."""

    @property
    def whole(self) -> bool:
        """Whether the plan is about all users."""

    def make_plan(self, session: Session, terminal: Terminal) -> Plan:
        """Return the plan."""

    def load_again(self, workspace: Workspace, terminal: Terminal) -> Planner | None:
        """Return the same with the files as they are now; None, with all errors shown, if they cannot be planned from.

        Raises `StalePlanError` if they are for another target: its lock is not held.
        """


@dataclass(frozen=True, slots=True)
class WholePlanner:
    """Reads all users and plans `users`; empty: all."""

    state: DesiredState
    users: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether the plan is about all users."""
        return not self.users

    def make_plan(self, session: Session, terminal: Terminal) -> Plan:
        """Return the plan."""
        return make_plan(session, self.users, terminal)

    def load_again(self, workspace: Workspace, terminal: Terminal) -> WholePlanner | None:
        """Return the same with the files as they are after the wait for a lock."""
        state = load_state(workspace, terminal)
        if state is None:
            return None
        check_same_target(state.target, self.state.target)
        return WholePlanner(state, self.users)


def check_same_target(found: Target, expected: Target) -> None:
    """Raise `StalePlanError` if the settings name another target than before."""
    if found != expected:
        raise StalePlanError(
            "the settings name another target than when this apply began to wait",
            "Nothing was changed. Run the same command again.",
        )
