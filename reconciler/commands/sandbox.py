"""`sandbox serve|seed|reset`: the embedded service on its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reconciler.session.sandbox_service import reset_sandbox, seed_sandbox, serve_sandbox


def _database(state: Path) -> Path:
    return state.parent / ".reconciler" / "sandbox.db"


def run_serve(state: Path, port: int, say: Callable[[str], object]) -> None:
    """Serve until Ctrl-C; `say` is given the URL and the token first."""
    serve_sandbox(_database(state), port, say)


def run_seed(state: Path, document: Path | None) -> str:
    """Fill the sandbox from a seed file, or with the sample company; return what was done."""
    users = seed_sandbox(_database(state), document)
    return f"The sandbox has {users:,} users: {_database(state)}\n"


def run_reset(state: Path) -> str:
    """Empty the sandbox; return what was done."""
    reset_sandbox(_database(state))
    return f"The sandbox is empty: {_database(state)}\n"
