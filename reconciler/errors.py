"""The exception tree and its exit codes.

Two kinds of fault exist. A mistake in somebody's data is a `Diagnostic` (core.model): collected, all shown. An
exception here means that we cannot go on; each carries the exit code it ends the process with.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process says to the shell. `CHANGES` only with --detailed-exitcode."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    BLOCKED = 3
    STALE = 4
    PARTIAL = 5
    USAGE = 64
    INTERRUPTED = 130


class ReconcilerError(Exception):
    """Root of all our exceptions: a summary, and a way out in `detail`."""

    exit_code = ExitCode.ERROR

    def __init__(self, summary: str, detail: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail


class UsageError(ReconcilerError):
    """The command line asks for something impossible."""

    exit_code = ExitCode.USAGE


class TargetError(ReconcilerError):
    """The service as a whole refuses or cannot be trusted: stop the run."""


class ScimError(ReconcilerError):
    """The service refused one request about one user: record it, go on with the others.

    `status` is the HTTP status, `scim_type` the scimType of RFC 7644 §3.12 or "".
    """

    def __init__(self, status: int, scim_type: str, summary: str, detail: str = "") -> None:
        super().__init__(summary, detail)
        self.status = status
        self.scim_type = scim_type


class UnknownOutcomeError(ScimError):
    """A write was sent and no usable answer came back: it may or may not be in effect."""


class StopRequestedError(ReconcilerError):
    """Somebody wants the run to end, and a request would have had to wait for long before it could leave."""

    exit_code = ExitCode.INTERRUPTED


class QuarantineError(ReconcilerError):
    """An apply stopped itself, because too much of it failed."""

    exit_code = ExitCode.PARTIAL

    def __init__(self, why: str) -> None:
        detail = (
            "What is left was not begun. Find the cause (`reconciler status` lists who failed), then run the same\n"
            "command again: it begins with a trial of a few changes and goes on if they work."
        )
        super().__init__(f"the apply stopped itself and is in quarantine: {why}", detail)


class LockedError(ReconcilerError):
    """Somebody else is applying to the same target."""


class PlanFileError(ReconcilerError):
    """A saved plan or receipt cannot be read."""


class RepositoryError(ReconcilerError):
    """The git repository cannot tell what it was asked."""


class SchemaError(ReconcilerError):
    """An exported synchronization schema cannot be used, or what it was translated to cannot be written."""


class StalePlanError(ReconcilerError):
    """The reviewed plan is not what would be done now."""

    exit_code = ExitCode.STALE


class BlockedError(ReconcilerError):
    """A guard forbids what was asked."""

    exit_code = ExitCode.BLOCKED
