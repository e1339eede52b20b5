"""The structured log of a run (`--log FILE`)."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.plan import Outcome, Plan, Result
from reconciler.core.text import escape_control
from reconciler.record.lock import lock_name
from reconciler.render.log_entry import Cycle, Stamp, diagnostic_line, outcome_line
from reconciler.session.log_file import LogFile
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal


class Log:
    """Lines of one run; without a file nothing is written."""

    def __init__(self, file: LogFile | None, *, redact: bool) -> None:
        self._file = file
        self._redact = redact
        self._cycle: Cycle | None = None
        self._plan_id = ""

    def begin(self, plan: Plan, session: Session, *, person: bool) -> None:
        """From here on lines are about this plan; first come the users who could not be planned."""
        self._plan_id = plan.plan_id
        self._cycle = Cycle(
            cycle_id=str(uuid.uuid4()),
            job_id="scim." + lock_name(plan.target).removesuffix(".lock"),
            target=plan.target,
            title=session.state.profile.title,
            commit=plan.commit,
            by=_user() if person else "Reconciler",
            person=person,
            redact=self._redact,
        )
        self._diagnostics(plan.diagnostics)

    def planned(self, plan: Plan) -> None:
        """A line for each change of a plan that is not carried out now."""
        for change in plan.changes:
            self._outcome(Outcome(change, Result.SKIPPED), planned=True)

    def outcome(self, outcome: Outcome) -> None:
        """A line for a change that ended."""
        self._outcome(outcome, planned=False)

    def _outcome(self, outcome: Outcome, *, planned: bool) -> None:
        if self._file is not None and self._cycle is not None:
            self._file.add(outcome_line(outcome, self._cycle, self._stamp(outcome.change.address), planned=planned))

    def _diagnostics(self, items: Iterable[Diagnostic]) -> None:
        for item in items:
            if self._file is not None and self._cycle is not None and item.severity is Severity.ERROR and item.address:
                self._file.add(diagnostic_line(item, self._cycle, self._stamp(item.address)))

    def _stamp(self, address: str) -> Stamp:
        change = uuid.uuid5(uuid.NAMESPACE_OID, f"{self._plan_id}\n{address}")
        return Stamp(str(uuid.uuid4()), str(change), datetime.now(UTC))


@contextmanager
def open_log(path: Path | None, terminal: Terminal) -> Iterator[Log]:
    """The log; raises before anything is done when the file cannot be written."""
    file = LogFile(path) if path is not None else None
    try:
        yield Log(file, redact=terminal.style.redact)
    finally:
        if file is not None:
            file.close()
            if file.fault is not None:
                terminal.note(f"The log {escape_control(str(file.path))} is not complete: {file.fault}")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's number without a name
        return ""
