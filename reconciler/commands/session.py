"""What the commands that talk to a service share: which one, and how to reach it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reconciler import bootstrap
from reconciler.commands.place import SANDBOX_URL, Place
from reconciler.core.model import Target
from reconciler.desired import DesiredState
from reconciler.store.receipts import History, read_history
from reconciler.store.runs import moved_from
from reconciler.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Session:
    """A desired state, and the connection to the service it is about."""

    place: Place
    state: DesiredState
    target: Target
    connection: bootstrap.Connection

    def history(self) -> History:
        """What receipts tell about the target's accounts; they are read where it can count."""
        days = int(self.state.profile.quarantine_days.value)
        if days <= 0 and self.state.policy.delete_after_days is None:
            return History()
        return read_history(self.place.record, self.target.base_url, days, self.place.now)

    def moved_from(self) -> str | None:
        """Where applies went until now, if never to this target."""
        return moved_from(self.place.record, self.target)


@contextmanager
def open_session(place: Place, state: DesiredState, terminal: Terminal) -> Iterator[Session]:
    """The session; the sandbox runs as long as it is open."""
    if not place.sandbox:
        yield Session(place, state, state.target, bootstrap.connection(state.target.base_url, state.profile))
        return
    domains = sorted({name.rpartition("@")[2] for user in state.users for name in user.user_names})
    with bootstrap.sandbox(place.sandbox_file, state.profile, domains) as (connection, fresh):
        if fresh:
            terminal.note(f"Made a sandbox with the sample company's live users: {place.sandbox_file}")
        yield Session(place, state, Target(state.profile.name, SANDBOX_URL), connection)
