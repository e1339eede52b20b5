"""The provisioning log of a run (`--log FILE`): a JSON line per user, in a private file."""

from __future__ import annotations

import getpass
import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.plan import Outcome, Plan, Result
from reconciler.core.system_limits import describe_os_error
from reconciler.core.text import escape_control
from reconciler.errors import ReconcilerError
from reconciler.record.lock import build_lock_name
from reconciler.render.log_entry import Cycle, Stamp, format_outcome, format_unplanned
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal


class LogFile:
    """A file open for appending, readable by its owner only.

    Losing it does not end an apply: `error` then says why.
    """

    def __init__(self, path: Path) -> None:
        try:
            # Not blocking: a named pipe that no process reads would hang.
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o600)
            os.set_blocking(handle, True)
        except OSError as exc:
            raise ReconcilerError(
                f"cannot write the log {path}: {describe_os_error(exc)}", "Nothing was changed."
            ) from exc
        self._file: IO[bytes] = os.fdopen(handle, "ab", buffering=0)
        self.path = path
        self.error: str | None = None

    def add(self, line: str) -> None:
        """Append one line, in one write unless the disk fills up: the second one says so."""
        rest = line.encode()
        if self.error is None:
            try:
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError as exc:
                self.error = describe_os_error(exc)

    def close(self) -> None:
        """Close the file; no lines follow."""
        self._file.close()


class ProvisioningLog:
    """The lines of one run; without a file nothing is written."""

    def __init__(self, file: LogFile | None, *, redact: bool) -> None:
        self._file = file
        self._redact = redact
        self._cycle: Cycle | None = None
        self._plan_id = ""

    def begin(self, plan: Plan, session: Session, *, person: bool) -> None:
        """Begin the lines of this plan with the users that could not be planned. `person`: a person approved it."""
        self._plan_id = plan.plan_id
        self._cycle = Cycle(
            cycle_id=str(uuid.uuid4()),
            job_id="scim." + build_lock_name(plan.target).removesuffix(".lock"),
            target=plan.target,
            title=session.state.profile.title,
            commit=plan.commit,
            by=_login_name() if person else "Reconciler",
            person=person,
            redact=self._redact,
        )
        self._add_diagnostics(plan.diagnostics)

    def planned(self, plan: Plan) -> None:
        """Add a line for each change of a plan that is not applied now."""
        for change in plan.changes:
            self._add_outcome(Outcome(change, Result.SKIPPED), planned=True)

    def outcome(self, outcome: Outcome) -> None:
        """Add a line for a change that ended."""
        self._add_outcome(outcome, planned=False)

    def _add_outcome(self, outcome: Outcome, *, planned: bool) -> None:
        if self._file is not None and self._cycle is not None:
            self._file.add(format_outcome(outcome, self._cycle, self._stamp(outcome.change.address), planned=planned))

    def _add_diagnostics(self, items: Iterable[Diagnostic]) -> None:
        for item in items:
            if self._file is not None and self._cycle is not None and item.severity is Severity.ERROR and item.address:
                self._file.add(format_unplanned(item, self._cycle, self._stamp(item.address)))

    def _stamp(self, address: str) -> Stamp:
        change = uuid.uuid5(uuid.NAMESPACE_OID, f"{self._plan_id}\n{address}")
        return Stamp(str(uuid.uuid4()), str(change), datetime.now(UTC))


@contextmanager
def open_log(path: Path | None, terminal: Terminal) -> Iterator[ProvisioningLog]:
    """Open the log. Raises `ReconcilerError` before anything is done if the file cannot be written."""
    file = LogFile(path) if path is not None else None
    try:
        yield ProvisioningLog(file, redact=terminal.style.redact)
    finally:
        if file is not None:
            file.close()
            if file.error is not None:
                terminal.note(f"The log {escape_control(str(file.path))} is not complete: {file.error}")


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        return ""
