"""The other side of `--base REF`: the desired state as the merge base of REF and HEAD has it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from reconciler import __version__
from reconciler.core.model import Diagnostic, Severity, warning
from reconciler.core.plan import Base, LaterEdit, Plan
from reconciler.core.planning.attribution import attributed, no_longer_pending
from reconciler.core.planning.later_edits import find_later_edits
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.planning.offline import build_offline_plan, simulate_accounts
from reconciler.core.planning.planner import LiveState, PlanRequest, build_plan
from reconciler.core.values import fold_case
from reconciler.desired.directory import is_read
from reconciler.desired.loader import BrokenState, DesiredState, load
from reconciler.desired.yaml_reader import MAX_BYTES
from reconciler.git.repository import Wanted, base_commit, commit_of, write_tree
from reconciler.session.config_changes import describe_config_changes
from reconciler.session.workspace import Workspace


@dataclass(frozen=True, slots=True)
class CommitBaseline:
    """The base and what it desires; without a `state` there is nothing to compare with, and `warnings` say why."""

    base: Base
    state: DesiredState | None = None
    warnings: tuple[Diagnostic, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def readers(self) -> tuple[LiveReader, ...]:
        """What reads live users for the base."""
        return (reader_of(self.state),) if self.state is not None else ()

    def request(self, request: PlanRequest) -> PlanRequest | None:
        """What the base's plan is made from: what `request` knows, and what the base desires."""
        return request_of(self.state, request) if self.state is not None else None

    def compared(self, plan: Plan, request: PlanRequest, lives: Sequence[LiveState]) -> Plan:
        """`plan` with every change attributed; `lives` as the base's readers read them."""
        theirs = self.request(request)
        if theirs is None:
            return _beside(attributed(plan, None), request, self)
        base_plan = build_plan(theirs, lives[0])
        gone = () if request.only else no_longer_pending(plan, base_plan)
        return replace(_beside(attributed(plan, base_plan), request, self), no_longer_pending=gone)


def reader_of(state: DesiredState) -> LiveReader:
    """What reads live users for a desired state."""
    return LiveReader(state.profile, state.mappings, state.owned)


def request_of(state: DesiredState, request: PlanRequest) -> PlanRequest:
    """What another desired state's plan is made from: what `request` knows, and what that one desires."""
    return replace(
        request,
        desired=state.users,
        mappings=state.mappings,
        policy=state.policy,
        owned=state.owned,
        diagnostics=state.diagnostics,
        only=(),
    )


def load_baseline(workspace: Workspace, state: DesiredState, ref: str, *, offline: bool = False) -> CommitBaseline:
    """The base of `state`, by the same clock. Raises where git has no such commit, or not its files."""
    base = Base(ref, base_commit(workspace.state, ref), offline)
    found = state_at(workspace, base.commit, workspace.now)
    if isinstance(found, str):
        return _without(base, found)
    if is_elsewhere(workspace, state, found, offline=offline):
        return _without(base, "is about another target", describe_config_changes(workspace, state, found))
    return CommitBaseline(base, found, (), describe_config_changes(workspace, state, found))


def state_at(workspace: Workspace, commit: str, now: datetime) -> DesiredState | str:
    """The desired state of a commit at `now`; why there is none, as words that follow its name."""
    with tempfile.TemporaryDirectory(prefix="reconciler-base-") as scratch:
        there = write_tree(workspace.state, commit, Path(scratch), Wanted(is_read, MAX_BYTES))
        found = load(Path(scratch), now) if there else None
    if found is None:
        return "has no such directory"
    return f"cannot be planned from: {_first(found)}" if isinstance(found, BrokenState) else found


def is_elsewhere(workspace: Workspace, state: DesiredState, other: DesiredState, *, offline: bool = False) -> bool:
    """Whether the other one is about another service."""
    if other.target.profile != state.target.profile:
        return True
    return other.target != state.target and not (offline or workspace.sandbox)


def _without(base: Base, why: str, notes: tuple[str, ...] = ()) -> CommitBaseline:
    if base.offline:
        summary, detail = f"the base, {base}, {why}", "So everybody in scope is shown as new."
    else:
        summary = f"the base, {base}, {why}"
        detail = "So all changes are listed as this change set's, also those that were pending."
    return CommitBaseline(base, None, (warning(summary, detail),), notes)


def _first(broken: BrokenState) -> str:
    item = next((item for item in broken.diagnostics if item.severity is Severity.ERROR), broken.diagnostics[0])
    return f"{item.summary} ({item.origin})" if item.origin is not None else item.summary


def _beside(plan: Plan, request: PlanRequest, side: CommitBaseline) -> Plan:
    """`plan` with what is to be told besides its changes. A plan that is narrowed to some people tells of no others."""
    later: tuple[LaterEdit, ...] = ()
    if side.state is not None and not request.only:
        later = find_later_edits(side.state.users, request.desired, plan.changes)
    return replace(plan, base=side.base, notes=side.notes, changes_nothing_today=later)


def own_request(workspace: Workspace, state: DesiredState, users: tuple[str, ...]) -> PlanRequest:
    """What a plan is made from as far as the desired state tells it; `users` narrows it to these."""
    return PlanRequest(
        target=state.target,
        desired=state.users,
        mappings=state.mappings,
        policy=state.policy,
        owned=state.owned,
        now=workspace.now,
        version=__version__,
        diagnostics=state.diagnostics,
        config_digest=state.digest,
        commit=commit_of(workspace.state),
        only=frozenset(map(fold_case, users)),
    )


def compare_offline(
    workspace: Workspace, state: DesiredState, side: CommitBaseline, users: tuple[str, ...] = ()
) -> tuple[Plan, LiveState]:
    """The plan from the base to `state`, and the accounts it stands on; `users` narrows it to these."""
    request = own_request(workspace, state, users)
    request = replace(request, diagnostics=(*request.diagnostics, *side.warnings))
    theirs = side.request(request)
    reader = LiveReader(state.profile, state.mappings, state.owned)
    live = simulate_accounts(theirs, reader) if theirs is not None else []
    plan = build_offline_plan(request, theirs.desired if theirs is not None else (), live)
    return _beside(attributed(plan, None), request, side), LiveState(live)
