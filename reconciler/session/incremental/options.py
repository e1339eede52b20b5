"""The option `--incremental`: what it goes together with, and what is said if all users are looked at."""

from __future__ import annotations

from reconciler.core.plan import Plan
from reconciler.errors import UsageError
from reconciler.session.terminal import Terminal

NO_PLAN = "No plan was made: --no-full leaves the full one to a later command."
"""What is said with `--no-full` instead of looking at all users."""


def check_incremental(*, users: tuple[str, ...], base: str | None = None, offline: bool = False) -> None:
    """Raise `UsageError` for options that choose users in another way, or compare all of them."""
    if offline:
        detail = "It asks the service for the users that may differ: leave one of the two out."
        raise UsageError("--incremental cannot be combined with --offline", detail)
    if users:
        detail = "It chooses the users itself: leave one of the two out."
        raise UsageError("--incremental cannot be combined with --user", detail)
    if base is not None:
        detail = "A comparison with a commit is about all users: leave one of the two out."
        raise UsageError("--incremental cannot be combined with --base", detail)


def is_incremental(reviewed: Plan | None, terminal: Terminal, *, wanted: bool) -> bool:
    """Whether to plan incrementally: as the saved plan was made, if there is one; else as the command line says."""
    if reviewed is None:
        return wanted
    if wanted and reviewed.incremental is None:
        terminal.note("The saved plan is of all users, and is applied as such.")
    return reviewed.incremental is not None


def describe_full(why: str) -> str:
    """Return the line that says why a plan is a full one all the same."""
    return f"Incremental: no, all users are looked at: {why}"
