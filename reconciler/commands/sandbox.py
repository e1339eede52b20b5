"""`sandbox serve|seed|reset`: the embedded service by itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from reconciler.session.sandbox_service import reset_sandbox, seed_sandbox, serve_sandbox


def _file(state: Path) -> Path:
    return state.parent / ".reconciler" / "sandbox.db"


def serve(state: Path, port: int, say: Callable[[str], object]) -> None:
    """Serves until Ctrl-C, after saying where and with which token."""
    serve_sandbox(_file(state), port, say)


def seed(state: Path, document: Path | None) -> str:
    """Fills the sandbox; what was done."""
    users = seed_sandbox(_file(state), document)
    return f"The sandbox has {users:,} users: {_file(state)}\n"


def reset(state: Path) -> str:
    """Empties the sandbox; what was done."""
    reset_sandbox(_file(state))
    return f"The sandbox is empty: {_file(state)}\n"
