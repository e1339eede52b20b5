"""The exceptions of the package and their exit codes.

There are two kinds of errors. An error in the user's data is a `Diagnostic` (core.model): collected, and all shown. An
exception from this module means that the program cannot continue; it carries the exit code that ends the process.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of the process. `CHANGES` is used with --detailed-exitcode only."""

    OK = 0
    ERROR = 1
    CHANGES = 2
    BLOCKED = 3
    STALE = 4
    PARTIAL = 5
    USAGE = 64
    INTERRUPTED = 130


class ReconcilerError(Exception):
    """The root of all exceptions: a one-line summary, and in `detail` how to resolve it. Exit code 1."""

    exit_code = ExitCode.ERROR

    def __init__(self, summary: str, detail: str = "") -> None:
        super().__init__(summary)
        self.summary = summary
        self.detail = detail


class UsageError(ReconcilerError):
    """The command line is invalid, or its options do not go together. Exit code 64."""

    exit_code = ExitCode.USAGE


class FullPlanNeededError(ReconcilerError):
    """An incremental plan cannot be relied on here: a plan of all users is made instead. Exit code 1 if uncaught.

    The summary says why, to follow a colon.
    """


class TargetError(ReconcilerError):
    """The service refuses all requests, or its answers cannot be trusted: the run stops. Exit code 1."""


class MachineLimitError(TargetError):
    """The machine has run out of file descriptors or memory: the run stops, without a verdict on the service.

    Nothing was sent. Exit code 1.
    """


class ScimError(ReconcilerError):
    """The service refused one request about one user: it is recorded, and the run continues. Exit code 1 if uncaught.

    `status` is the HTTP status, `scim_type` the scimType of RFC 7644 §3.12 or "".
    """

    def __init__(self, status: int, scim_type: str, summary: str, detail: str = "") -> None:
        super().__init__(summary, detail)
        self.status = status
        self.scim_type = scim_type


class UnknownOutcomeError(ScimError):
    """A write was sent without a usable answer: it may or may not be in effect. Exit code 1 if uncaught."""


class StopRequestedError(ReconcilerError):
    """The run was interrupted while a request would have had to wait for long. Exit code 130."""

    exit_code = ExitCode.INTERRUPTED


class QuarantineError(ReconcilerError):
    """An apply stopped itself because too many changes failed. Exit code 5."""

    exit_code = ExitCode.PARTIAL

    def __init__(self, why: str) -> None:
        detail = (
            "The remaining changes were not started. Find the cause (`reconciler status` lists the failing users),\n"
            "then run the same command again: it begins with a probe of a few changes and continues if they succeed."
        )
        super().__init__(f"the apply stopped itself and is in quarantine: {why}", detail)


class TimeLimitError(ReconcilerError):
    """An apply reached its time limit. Exit code 5."""

    exit_code = ExitCode.PARTIAL

    def __init__(self, why: str) -> None:
        super().__init__(
            f"the apply reached its time limit: {why}",
            "The remaining changes were not started. Run the same command again for them: nothing is done twice.",
        )


class LockedError(ReconcilerError):
    """Another apply to the same target is running. Exit code 1."""


class PlanFileError(ReconcilerError):
    """A saved plan or receipt cannot be read. Exit code 1."""


class RepositoryError(ReconcilerError):
    """The git repository lacks what was asked for, or cannot be read. Exit code 1."""


class LostFileError(ReconcilerError):
    """A file that decides about every user is missing, and may be lost. Exit code 1."""


class NotificationError(ReconcilerError):
    """A notification could not be sent, or nothing says how to send it: it is reported, and changes no exit code.

    No message contains the address of a webhook, a password or the words of a server. Exit code 1 if uncaught.
    """


class FleetError(ReconcilerError):
    """fleet.yaml, a layer or a tenant of a fleet is invalid or missing: no tenant is planned. Exit code 1."""


class SchemaError(ReconcilerError):
    """A synchronization schema cannot be imported, or its translation cannot be written. Exit code 1."""


class SourceError(ReconcilerError):
    """A source of people cannot be read completely, or not at all: no file was written. Exit code 1."""


class StalePlanError(ReconcilerError):
    """The reviewed plan is not what would be done now. Exit code 4."""

    exit_code = ExitCode.STALE


class BlockedError(ReconcilerError):
    """A guard forbids the request. Exit code 3."""

    exit_code = ExitCode.BLOCKED
