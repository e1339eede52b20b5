"""The option `--incremental`: what it goes together with, and what is said if all users are looked at."""

from __future__ import annotations

from reconciler.errors import UsageError

NO_PLAN = "No plan was made: --no-full leaves the full one to a later command."
"""What is said with `--no-full` instead of looking at all users."""


def check_incremental(*, users: tuple[str, ...], base: str | None = None) -> None:
    """Raise `UsageError` for options that choose users in another way, or compare all of them."""
    if users:
        detail = "It chooses the users itself: leave one of the two out."
        raise UsageError("--incremental cannot be combined with --user", detail)
    if base is not None:
        detail = "A comparison with a commit is about all users: leave one of the two out."
        raise UsageError("--incremental cannot be combined with --base", detail)


def describe_full(why: str) -> str:
    """Return the line that says why a plan is a full one all the same."""
    return f"Incremental: no, all users are looked at: {why}"
