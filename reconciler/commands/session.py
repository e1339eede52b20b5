"""What the commands that talk to a service share: where things lie, which service, which clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from reconciler import bootstrap
from reconciler.core.model import Target
from reconciler.desired import BrokenState, DesiredState, load
from reconciler.errors import UsageError
from reconciler.store.receipts import recently_deleted
from reconciler.terminal import Terminal


@dataclass(frozen=True, slots=True)
class Place:
    """Where things lie. `sandbox`: the embedded service instead of the target in settings.yaml."""

    state: Path
    plans: Path
    sandbox: bool
    now: datetime

    @property
    def sandbox_file(self) -> Path:
        """The sandbox's users: hidden, beside the desired state."""
        return self.state.parent / ".reconciler" / "sandbox.db"

    @property
    def record(self) -> Path:
        """Where receipts go: those of the sandbox are no audit record."""
        return self.state.parent / ".reconciler" / "plans" if self.sandbox else self.plans


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


def usable_state(place: Place, terminal: Terminal) -> DesiredState | None:
    """The desired state; None, and all mistakes shown, when nobody may plan from it."""
    state = load(place.state, place.now)
    if isinstance(state, BrokenState):
        terminal.diagnostics(state.diagnostics)
        return None
    return state


def parse_now(text: str | None) -> datetime:
    """`--now`: a date (its first moment, UTC) or a time with its zone; left out: now."""
    if text is None:
        return datetime.now(UTC)
    try:
        when = datetime.fromisoformat(text)
    except ValueError as fault:
        raise UsageError(f"--now {text!r} is not a date", "Write 2026-12-01 or 2026-12-01T08:00:00Z.") from fault
    return when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
