"""The workspace of a command: directories, clock, sandbox or real target. Imports nothing of the network."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.core.model import Target
from reconciler.core.plan import Plan
from reconciler.core.text import quote, shorten
from reconciler.desired import schema
from reconciler.desired.directory import Directory
from reconciler.desired.loader import BrokenState, DesiredState, load
from reconciler.desired.missing_state import describe_missing_state
from reconciler.desired.tenant_folder import find_private_folder, is_tenant
from reconciler.errors import ReconcilerError, UsageError
from reconciler.profiles import PROFILES
from reconciler.record.lock import build_lock_name, find_lock_directory
from reconciler.session.parse_cache import ParseCache, build_parse_cache
from reconciler.session.terminal import Terminal
from reconciler.tracing import trace_phase

if TYPE_CHECKING:
    from reconciler.record.outlines import Outlines

SANDBOX_URL = "sandbox:"
"""The base_url of plans made on the embedded sandbox: its port is another one each time."""
_FIRST_YEAR, _LAST_YEAR = 1970, 9000


@dataclass(frozen=True, slots=True)
class Workspace:
    """Directories and the clock. `sandbox`: the embedded service instead of the target in settings.yaml.

    `past`: the directory of the full record, if that is more than `plans`. `no_cache`: parse all files again.
    `outlines`: of the receipts in `history`, if they were read already.
    """

    state: Path
    plans: Path
    sandbox: bool
    now: datetime
    past: Path | None = None
    no_cache: bool = False
    outlines: Outlines | None = field(default=None, repr=False, compare=False)

    def flags(self) -> list[str]:
        """Return the flags that name this workspace on a command line, without those that are the default."""
        plans = str(self.state / "plans") if is_tenant(self.state) else "plans"
        directories = [("--state", self.state, "desired-state"), ("--plans", self.plans, plans)]
        flags = [word for flag, path, default in directories if str(path) != default for word in (flag, str(path))]
        return [*flags, "--sandbox"] if self.sandbox else flags

    @property
    def sandbox_file(self) -> Path:
        """The sandbox's database: hidden, next to the desired state; in it, if it is a tenant of a fleet."""
        return find_private_folder(self.state) / "sandbox.db"

    @property
    def cache(self) -> ParseCache | None:
        """The cache of parsed users; None if there must be none."""
        return build_parse_cache(self.state, off=self.no_cache)

    @property
    def record(self) -> Path:
        """The directory that receipts are written to: those of the sandbox are no audit record."""
        return find_private_folder(self.state) / "plans" if self.sandbox else self.plans

    @property
    def history(self) -> Path:
        """The directory that earlier applies are read from; never written to."""
        return self.past or self.record

    def lock(self, target: Target) -> Path:
        """Return the lock file of `target`: per user and machine; the sandbox's is next to its database."""
        if self.sandbox:
            return self.sandbox_file.with_suffix(".lock")
        return find_lock_directory() / build_lock_name(target)

    def address_lock(self, target: Target) -> Path | None:
        """Return the lock that `target` shares with the other tenants at its address; None if it names no tenant."""
        if self.sandbox or target.tenant is None:
            return None
        return self.lock(replace(target, tenant=None))


def follow_plan(workspace: Workspace, reviewed: Plan | None) -> Workspace:
    """Return the workspace with the sandbox if the reviewed plan was made on it: the plan says where it belongs.

    The reverse is not followed: with `--sandbox`, a plan for a service is refused as one for another target.
    """
    on_sandbox = reviewed is not None and reviewed.target.base_url == SANDBOX_URL
    return replace(workspace, sandbox=True) if on_sandbox else workspace


def load_state(workspace: Workspace, terminal: Terminal) -> DesiredState | None:
    """Return the desired state; None, with all errors shown, if it cannot be planned from."""
    with trace_phase("load the desired state") as span:
        state = load(workspace.state, workspace.now, approval_date(workspace), cache=workspace.cache)
        if isinstance(state, DesiredState):
            span.set({"reconciler.desired_users": len(state.users)})
    if isinstance(state, BrokenState):
        terminal.diagnostics(state.diagnostics)
        return None
    return state


def read_settings(workspace: Workspace, terminal: Terminal) -> schema.Settings | None:
    """Return settings.yaml alone; None, with its errors shown, if it is invalid."""
    if not workspace.state.is_dir():
        terminal.diagnostics([describe_missing_state(workspace.state)])
        return None
    directory = Directory(workspace.state)
    settings = directory.read_settings()
    if settings is None:
        terminal.diagnostics(directory.describe_problems())
        return None
    return settings.value


def resolve_target(workspace: Workspace, settings: schema.Settings) -> Target:
    """Return the target that settings.yaml names, without reading users."""
    profile = PROFILES[settings.target.profile]
    base_url = SANDBOX_URL if workspace.sandbox else settings.target.base_url.rstrip("/")
    return Target(profile.name, base_url, settings.target.tenant)


def parse_now(text: str | None, flag: str = "--now") -> datetime:
    """Parse a date (its first moment, UTC) or a time with its zone; None: now.

    Raises `UsageError`, naming `flag`, if it is neither or out of range; `ReconcilerError` if this machine's clock is.
    """
    if text is None:
        return _check_clock(current_time())
    try:
        when = datetime.fromisoformat(text)
        when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    except (ValueError, OverflowError) as exc:
        raise UsageError(
            f"{flag} {quote(shorten(text, 80))} is not a date", "Write 2026-12-01 or 2026-12-01T08:00:00Z."
        ) from exc
    if not _FIRST_YEAR <= when.year <= _LAST_YEAR:
        raise UsageError(
            f"{flag} {quote(shorten(text, 80))} is out of range", f"Years are {_FIRST_YEAR} to {_LAST_YEAR}."
        )
    return when


def _check_clock(now: datetime) -> datetime:
    """Return `now`. Years without a time after them cannot be planned in: a plan expires a week later."""
    if not _FIRST_YEAR <= now.year <= _LAST_YEAR:
        raise ReconcilerError(f"the clock of this machine says {now:%Y-%m-%d}", "Set it: accounts depend on dates.")
    return now


def current_time() -> datetime:
    """Return the time that receipts are written by; `--now` does not move it."""
    return datetime.now(UTC)


def approval_date(workspace: Workspace) -> date:
    """Return the day that approvals are judged by: `--now` looks ahead, it does not revive an expired approval."""
    return max(workspace.now, current_time()).date()
