"""What the commands that talk to a service share: which one, and how to reach it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from reconciler import bootstrap
from reconciler.commands.place import Place
from reconciler.core.model import Target
from reconciler.desired import DesiredState
from reconciler.store.receipts import recently_deleted
from reconciler.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Session:
    """A desired state, and the connection to the service it is about."""

    place: Place
    state: DesiredState
    target: Target
    connection: bootstrap.Connection

    def recently_deleted(self) -> dict[str, date]:
        """User names that receipts show deleted and the target still keeps, with the day each is free."""
        days = int(self.state.profile.quarantine_days.value)
        return recently_deleted(self.place.record, days, self.place.now)


@contextmanager
def open_session(place: Place, state: DesiredState, terminal: Terminal) -> Iterator[Session]:
    """The session; the sandbox runs as long as it is open."""
    if not place.sandbox:
        yield Session(place, state, state.target, bootstrap.connection(state.target.base_url, state.profile))
        return
    domains = sorted({str(user.attributes["userName"]).rpartition("@")[2] for user in state.users if user.attributes})
    with bootstrap.sandbox(place.sandbox_file, state.profile, domains) as (connection, fresh):
        if fresh:
            terminal.note(f"Made a sandbox with the sample company's live users: {place.sandbox_file}")
        yield Session(place, state, Target(state.profile.name, bootstrap.SANDBOX_URL), connection)
