from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from reconciler import __version__
from reconciler.core.model import Diagnostic, warning
from reconciler.core.plan import Plan
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.planning.planner import LiveState, PlanRequest, build_plan
from reconciler.core.text import quote, shorten
from reconciler.desired.loader import BrokenState, DesiredState, load
from reconciler.errors import RepositoryError
from reconciler.git.repository import missing_commit
from reconciler.history.drift import ApplyHistory, ReplannedState, attribute_drift, name_of, select_baselines
from reconciler.record.reader import runs_on_record
from reconciler.record.redaction import Redactor
from reconciler.record.runs import ApplyRun
from reconciler.session.baseline import is_elsewhere, reader_of, request_of, state_at
from reconciler.session.session import Session

_ALL_LISTED = "So what was edited in the target cannot be told from what is not applied yet"


@dataclass(frozen=True, slots=True)
class AppliedState:
    """What an apply was made of, as of its time."""

    state: DesiredState
    at: datetime
    same: bool
    """Its files are those of today."""


@dataclass(frozen=True, slots=True)
class DriftBaseline:
    """The applies on record, and by their numbers what they were made of, or why that is not known."""

    runs: Sequence[ApplyRun]
    redactor: Redactor
    found: Mapping[int, AppliedState | str]

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What cannot be told, and why."""
        return tuple(self._warnings())

    def _warnings(self) -> Iterator[Diagnostic]:
        if not self.runs:
            detail = f"{_ALL_LISTED}. Give the directory with receipts: --plans DIR."
            yield warning("no apply to this target is on record here", detail)
        for number, found in self.found.items():
            if isinstance(found, str):
                yield warning(f"{name_of(self.runs[number])}: {found}", f"{_ALL_LISTED}, where that apply counts.")

    @property
    def readers(self) -> list[LiveReader]:
        """In the order of the applies whose files are known."""
        return [reader_of(then.state) for _, then in self._known()]

    def _known(self) -> Iterator[tuple[int, AppliedState]]:
        for number, found in self.found.items():
            if not isinstance(found, str):
                yield number, found

    def compared(self, plan: Plan, request: PlanRequest, lives: Sequence[LiveState]) -> Plan:
        """`plan` with every change attributed; `lives` as the readers read them."""
        sides = {number: ReplannedState(None, found) for number, found in self.found.items() if isinstance(found, str)}
        for (number, then), live in zip(self._known(), lives, strict=True):
            theirs = replace(request_of(then.state, request), now=then.at)
            sides[number] = ReplannedState(build_plan(theirs, live), same=then.same)
        return attribute_drift(plan, ApplyHistory.of(self.runs, self.redactor, sides))


def load_drift_baseline(session: Session) -> DriftBaseline:
    """What the record and git know about the target of `session`."""
    runs = runs_on_record(session.workspace.history, session.target)
    found = {number: _made_of(session, runs[number]) for number in select_baselines(runs, session.redactor)}
    return DriftBaseline(runs, session.redactor, found)


def _made_of(session: Session, run: ApplyRun) -> AppliedState | str:
    """The desired state that an apply had. Today's files where they are the same: that needs no git."""
    if run.planned is None:
        return "its plan on record cannot be read"
    # By `--now` an apply may have looked ahead.
    at = max(run.began, run.planned.at)
    # Another version reckons digests by other settings.
    digest = run.planned.digest if run.planned.version == __version__ else None
    if digest == session.state.digest:
        again = load(session.workspace.state, at)
        return (
            "its files cannot be planned from" if isinstance(again, BrokenState) else AppliedState(again, at, same=True)
        )
    if run.commit is None:
        return "it was made of files that no commit holds"
    then = _at_commit(session, run.commit, at)
    if isinstance(then, str):
        return f"its commit {quote(shorten(run.commit, 12))} {then}"
    if digest is not None and then.digest != digest:
        return "it was made of files that were edited and not committed"
    return AppliedState(then, at, same=False)


def _at_commit(session: Session, commit: str, at: datetime) -> DesiredState | str:
    missing = missing_commit(session.workspace.state, commit)
    if missing is not None:
        return missing
    try:
        found = state_at(session.workspace, commit, at)
    except RepositoryError as fault:
        return f"cannot be looked into: {fault.summary}"
    if not isinstance(found, str) and is_elsewhere(session.workspace, session.state, found):
        return "is about another target"
    return found
