"""`sandbox …`: the embedded service on its own, and what an administrator does there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reconciler.core.text import pluralize
from reconciler.desired.tenant_folder import find_private_folder
from reconciler.session.sandbox_service import (
    advance_sandbox_clock,
    disconnect_sandbox,
    issue_sandbox_token,
    reconnect_sandbox,
    reset_sandbox,
    seed_sandbox,
    serve_sandbox,
)


def _database(state: Path) -> Path:
    return find_private_folder(state) / "sandbox.db"


def run_serve(state: Path, port: int, say: Callable[[str], object], redirect_uri: str | None = None) -> None:
    """Serve until Ctrl-C; `say` is given URLs and secrets first. `redirect_uri`: to register; None: no other."""
    serve_sandbox(_database(state), port, say, redirect_uri)


def run_seed(state: Path, document: Path | None) -> str:
    """Fill the sandbox from a seed file, or with the sample company; return what was done."""
    users = seed_sandbox(_database(state), document)
    return f"The sandbox has {users:,} users: {_database(state)}\n"


def run_reset(state: Path) -> str:
    """Empty the sandbox; return what was done."""
    reset_sandbox(_database(state))
    return f"The sandbox is empty: {_database(state)}\n"


def run_token(state: Path) -> str:
    """Issue another token; return it."""
    return f"{issue_sandbox_token(_database(state))}\n"


def run_advance(state: Path, days: int) -> str:
    """Move the sandbox's clock forwards; return what was done."""
    advance_sandbox_clock(_database(state), days)
    return f"The sandbox's clock is {pluralize(days, 'day')} further.\n"


def run_disconnect(state: Path) -> str:
    """End the connection; return what that means."""
    disconnect_sandbox(_database(state))
    return "Disconnected: the users are manual accounts now, which SCIM does not list. Every token is revoked.\n"


def run_reconnect(state: Path, *, merge: bool) -> tuple[str, str]:
    """Connect again; return the token, and what happens to accounts of the same names."""
    token = reconnect_sandbox(_database(state), merge=merge)
    what = "take over the accounts of the same names" if merge else "whose names manual accounts have are refused (409)"
    return f"{token}\n", f"Connected. Users {what}.\n"
