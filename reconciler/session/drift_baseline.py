"""The baseline of `drift`: what the applies on record were made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from reconciler import __version__
from reconciler.core.model import Diagnostic, warning
from reconciler.core.plan import Plan
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.text import pluralize, quote, shorten
from reconciler.desired.late_loading import load_rows
from reconciler.desired.loader import BrokenState, DesiredState
from reconciler.errors import RepositoryError
from reconciler.git.repository import explain_missing_commit
from reconciler.history.drift import ApplyHistory, ReplannedState, attribute_drift, describe_run, select_baselines
from reconciler.history.unapplied import UnappliedCommits
from reconciler.record.redaction import Redactor
from reconciler.record.runs import ApplyRun
from reconciler.session.baseline import has_other_target, load_state_at, with_desired_state
from reconciler.session.recorded_applies import read_applies_with_plans
from reconciler.session.session import Session
from reconciler.session.unapplied import find_unapplied_commits
from reconciler.session.workspace import current_time

_ALL_LISTED = "So edits in the target cannot be distinguished from what is not applied yet"


@dataclass(frozen=True, slots=True)
class AppliedState:
    """The desired state that an apply was made from, at its time."""

    state: DesiredState
    at: datetime
    same: bool
    """Whether its files are today's."""


@dataclass(frozen=True, slots=True)
class DriftBaseline:
    """The applies on record, and by their index the desired state of each, or why it is not known."""

    runs: Sequence[ApplyRun]
    redactor: Redactor
    found: Mapping[int, AppliedState | str]
    unapplied: UnappliedCommits | None = None

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What cannot be attributed, and why."""
        return tuple(self._warnings())

    def _warnings(self) -> Iterator[Diagnostic]:
        if not self.runs:
            detail = f"{_ALL_LISTED}. Give the directory with receipts: --plans DIR."
            yield warning("no apply to this target is on record here", detail)
        for number, found in self.found.items():
            if isinstance(found, str):
                yield warning(f"{describe_run(self.runs[number])}: {found}", f"{_ALL_LISTED}, where that apply counts.")
        if self.unapplied is not None and self.unapplied.count:
            yield _warn_of_unapplied(self.unapplied)

    @property
    def states(self) -> list[DesiredState]:
        """The desired states of applies, as far as they are known."""
        return [applied.state for _, applied in self._known()]

    def _known(self) -> Iterator[tuple[int, AppliedState]]:
        for number, found in self.found.items():
            if not isinstance(found, str):
                yield number, found

    def attribute_changes(self, plan: Plan, request: PlanRequest, lives: Sequence[LiveState]) -> Plan:
        """Return `plan` with every change attributed; `lives` as read for `states`."""
        sides = {number: ReplannedState(None, found) for number, found in self.found.items() if isinstance(found, str)}
        for (number, applied), live in zip(self._known(), lives, strict=True):
            earlier = replace(with_desired_state(applied.state, request), now=applied.at)
            sides[number] = ReplannedState(build_plan(earlier, live), same=applied.same)
        return attribute_drift(plan, ApplyHistory.build(self.runs, self.redactor, sides, plan.changes))


def _warn_of_unapplied(found: UnappliedCommits) -> Diagnostic:
    """Return the warning about commits that no complete apply had."""
    one, many = "commit that changed the desired state is", "commits that changed the desired state are"
    listed = "; ".join([*map(str, found.commits), *([f"and {found.more:,} more"] if found.more else [])])
    return warning(
        f"{pluralize(found.count, one, many)} not applied",
        f"After the last complete apply on record ({found.since}): {listed}.",
    )


def load_drift_baseline(session: Session) -> DriftBaseline:
    """Load the baseline from the record and git, for the target of `session`."""
    runs = read_applies_with_plans(session.workspace, session.target, current_time())
    loader = _StateLoader(session)
    found = {number: loader.load_applied(runs[number]) for number in select_baselines(runs, session.redactor)}
    return DriftBaseline(runs, session.redactor, found, find_unapplied_commits(session.workspace, runs))


class _StateLoader:
    """Loads desired states of applies, those of the same files on the same day once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._loaded: dict[tuple[str | None, date], DesiredState] = {}

    def load_applied(self, run: ApplyRun) -> AppliedState | str:
        """Load the desired state of an apply; if its files are today's, without git. Return why if it is not known."""
        if run.planned is None:
            return "its plan on record cannot be read"
        # An apply with `--now` may have planned for a later time.
        at = max(run.began, run.planned.at)
        # Another version digests other settings.
        digest = run.planned.digest if run.planned.version == __version__ else None
        if digest == self._session.state.digest:
            again = self._load(None, at)
            return again if isinstance(again, str) else AppliedState(again, at, same=True)
        if run.commit is None:
            return "it was made from files that are in no commit"
        state = self._load(run.commit, at)
        if isinstance(state, str):
            return f"its commit {quote(shorten(run.commit, 12))} {state}"
        if digest is not None and state.digest != digest:
            return "it was made from files that were edited and not committed"
        return AppliedState(state, at, same=False)

    def _load(self, commit: str | None, at: datetime) -> DesiredState | str:
        """Load the desired state of a commit, of the files that are here for None, or return why it is not known."""
        key = commit, at.date()
        found: DesiredState | str | None = self._loaded.get(key)
        if found is None:
            session = self._session
            found = _load_present_state(session, at) if commit is None else _load_commit_state(session, commit, at)
            # Only mappings know the time of day: all else of a desired state depends on the day.
            if isinstance(found, DesiredState) and not any(row.uses_now for row in found.mappings):
                self._loaded[key] = found
        return found


def _load_present_state(session: Session, at: datetime) -> DesiredState | str:
    found = load_rows(session.workspace.state, at, cache=session.workspace.cache)
    return "its files cannot be planned from" if isinstance(found, BrokenState) else found


def _load_commit_state(session: Session, commit: str, at: datetime) -> DesiredState | str:
    missing = explain_missing_commit(session.workspace.state, commit)
    if missing is not None:
        return missing
    try:
        found = load_state_at(session.workspace, commit, at)
    except RepositoryError as exc:
        way_out = f" ({exc.detail.splitlines()[0]})" if exc.detail else ""
        return f"cannot be read: {exc.summary}{way_out}"
    if not isinstance(found, str) and has_other_target(session.workspace, session.state, found):
        return "is about another target"
    return found
