"""What the commands that talk to a service share: which one, and how to reach it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from reconciler.core.model import Target
from reconciler.core.values import folded
from reconciler.desired.loader import DesiredState
from reconciler.record.receipt import History, read_history
from reconciler.record.redaction import OPEN, Veil
from reconciler.record.target_runs import moved_from
from reconciler.session.connection import Connection, connect
from reconciler.session.record import readable_veil, with_past
from reconciler.session.sandbox import sandbox
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import SANDBOX_URL, Place


@dataclass(frozen=True, slots=True)
class Session:
    """A desired state, and the connection to the service it is about."""

    place: Place
    state: DesiredState
    target: Target
    connection: Connection
    veil: Veil = OPEN
    """What records say of people."""

    def history(self) -> History:
        """What receipts tell about the target's accounts; they are read where it can count."""
        days = int(self.state.profile.quarantine_days.value)
        if days <= 0 and self.state.policy.delete_after_days is None:
            return History()
        history = read_history(self.place.history, self.target.base_url, days, self.place.now)
        if self.veil.key is None:
            return history
        names = {self.veil.name(name): folded(name) for user in self.state.users for name in user.user_names}
        return replace(history, reserved={names.get(name, name): day for name, day in history.reserved.items()})

    def moved_from(self) -> str | None:
        """Where applies went until now, if never to this target."""
        return moved_from(self.place.history, self.target)


@contextmanager
def open_session(place: Place, state: DesiredState, terminal: Terminal, veil: Veil | None = None) -> Iterator[Session]:
    """The session; the sandbox runs as long as it is open. `veil` None: whatever can be read without a key."""
    if veil is None:
        veil = readable_veil(place, state, terminal)
    if not place.sandbox:
        to = connect(state.target.base_url, state.profile)
        with with_past(place, state.policy.record_branch, terminal) as whole:
            yield Session(whole, state, state.target, to, veil)
        return
    domains = sorted({name.rpartition("@")[2] for user in state.users for name in user.user_names})
    with sandbox(place.sandbox_file, state.profile, domains) as (connection, fresh):
        if fresh:
            terminal.note(f"Made a sandbox with the sample company's live users: {place.sandbox_file}")
        yield Session(place, state, Target(state.profile.name, SANDBOX_URL), connection)
