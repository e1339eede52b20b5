"""Which exit codes of tenants are good, and one exit code for a run of many tenants. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.errors import ExitCode

GOOD = frozenset({ExitCode.OK, ExitCode.CHANGES})
"""Any other code is of a tenant that failed, or whose plan is blocked or stale."""
_ORDER = (
    ExitCode.OK,
    ExitCode.CHANGES,
    ExitCode.BLOCKED,
    ExitCode.STALE,
    ExitCode.PARTIAL,
    ExitCode.ERROR,
    ExitCode.INTERRUPTED,
    ExitCode.USAGE,
)
"""From what asks for the least attention to what asks for the most."""


def fold_exit_codes(codes: Iterable[int]) -> ExitCode:
    """Return the worst of the tenants' exit codes; OK without tenants. A code that no command has counts as ERROR."""
    known = (ExitCode(code) if code in _ORDER else ExitCode.ERROR for code in codes)
    return max(known, key=_ORDER.index, default=ExitCode.OK)
