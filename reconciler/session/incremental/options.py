"""The option `--incremental`: what it goes together with, and what is said if all users are looked at."""

from __future__ import annotations

from reconciler.errors import UsageError


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
