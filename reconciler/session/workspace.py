"""Where things lie and when it is: what every command is told. Imports nothing of the network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from reconciler.core.model import Target
from reconciler.desired import schema
from reconciler.desired.directory import Directory, add_source_lines
from reconciler.desired.loader import BrokenState, DesiredState, load
from reconciler.errors import UsageError
from reconciler.profiles import PROFILES
from reconciler.record.lock import lock_directory, lock_name
from reconciler.session.terminal import Terminal

SANDBOX_URL = "sandbox:"
"""The base_url of plans made on the embedded sandbox: its port is another one each time."""
_FIRST_YEAR, _LAST_YEAR = 1970, 9000


@dataclass(frozen=True, slots=True)
class Workspace:
    """Directories and the clock. `sandbox`: the embedded service instead of the target in settings.yaml.

    `past`: the whole record, where it is more than what lies in `plans`.
    """

    state: Path
    plans: Path
    sandbox: bool
    now: datetime
    past: Path | None = None

    def flags(self) -> list[str]:
        """The flags that name this place on a command line, less those that need not be said."""
        said = [("--state", self.state, "desired-state"), ("--plans", self.plans, "plans")]
        flags = [word for flag, path, usual in said if str(path) != usual for word in (flag, str(path))]
        return [*flags, "--sandbox"] if self.sandbox else flags

    @property
    def sandbox_file(self) -> Path:
        """The sandbox's users: hidden, beside the desired state."""
        return self.state.parent / ".reconciler" / "sandbox.db"

    @property
    def record(self) -> Path:
        """Where receipts go: those of the sandbox are no audit record."""
        return self.state.parent / ".reconciler" / "plans" if self.sandbox else self.plans

    @property
    def history(self) -> Path:
        """What is read of earlier applies; never written to."""
        return self.past or self.record

    def lock(self, target: Target) -> Path:
        """The lock of `target`: this user's, on this machine; the sandbox's lies beside it."""
        if self.sandbox:
            return self.sandbox_file.with_suffix(".lock")
        return lock_directory() / lock_name(target)


def load_state(workspace: Workspace, terminal: Terminal) -> DesiredState | None:
    """The desired state; None, and all mistakes shown, when nobody may plan from it."""
    state = load(workspace.state, workspace.now)
    if isinstance(state, BrokenState):
        terminal.diagnostics(state.diagnostics)
        return None
    return state


def read_settings(workspace: Workspace, terminal: Terminal) -> schema.Settings | None:
    """settings.yaml alone; None, and its mistakes shown, when it cannot be read."""
    directory = Directory(workspace.state)
    settings = directory.read_settings()
    if settings is None:
        terminal.diagnostics(add_source_lines(directory.diagnostics, workspace.state))
        return None
    return settings.value


def resolve_target(workspace: Workspace, settings: schema.Settings) -> Target:
    """The target that settings.yaml names; people need not be readable to see how things stand."""
    profile = PROFILES[settings.target.profile]
    return Target(profile.name, SANDBOX_URL if workspace.sandbox else settings.target.base_url.rstrip("/"))


def parse_now(text: str | None, flag: str = "--now") -> datetime:
    """`--now`: a date (its first moment, UTC) or a time with its zone; left out: now."""
    if text is None:
        return datetime.now(UTC)
    try:
        when = datetime.fromisoformat(text)
        when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as fault:
        raise UsageError(f"{flag} {text!r} is not a date", "Write 2026-12-01 or 2026-12-01T08:00:00Z.") from fault
    if not _FIRST_YEAR <= when.year <= _LAST_YEAR:
        raise UsageError(f"{flag} {text!r} is out of range", f"Years are {_FIRST_YEAR} to {_LAST_YEAR}.")
    return when
