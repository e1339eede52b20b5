"""The baseline of `--base REF`: the desired state at the merge base of REF and HEAD."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from reconciler import __version__
from reconciler.core.model import AttributeMapping, Diagnostic, Severity, warning
from reconciler.core.plan import Base, LaterEdit, Plan
from reconciler.core.planning.attribution import attribute_plan, no_longer_pending
from reconciler.core.planning.later_edits import find_later_edits
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.planning.offline import build_offline_plan, simulate_accounts
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.profile import Attribute
from reconciler.core.provisioning import Provisioning
from reconciler.core.scope.scim_filter import DEFAULT_OWNERSHIP, print_filter
from reconciler.core.values import fold_case
from reconciler.desired.late_loading import load_rows
from reconciler.desired.loader import BrokenState, DesiredState
from reconciler.git.repository import find_head_commit, find_merge_base
from reconciler.session.config_changes import describe_config_changes
from reconciler.session.expiry import warn_of_expiry
from reconciler.session.layered_files import write_state_at
from reconciler.session.workspace import Workspace


@dataclass(frozen=True, slots=True)
class CommitBaseline:
    """The base and its desired state. Without a `state` there is nothing to compare with; `warnings` say why.

    `describe`: returns the notes about configuration changes; it needs all users. `provisioning`: whether an apply may
    write in the base; None: not known.
    """

    base: Base
    state: DesiredState | None = None
    warnings: tuple[Diagnostic, ...] = ()
    describe: Callable[[], tuple[str, ...]] = tuple
    provisioning: Provisioning | None = None

    @property
    def states(self) -> tuple[DesiredState, ...]:
        """The desired state of the base, if it is known."""
        return (self.state,) if self.state is not None else ()

    def build_request(self, request: PlanRequest) -> PlanRequest | None:
        """Return `request` for the base's desired state."""
        return with_desired_state(self.state, request) if self.state is not None else None

    def attribute_changes(self, plan: Plan, request: PlanRequest, lives: Sequence[LiveState]) -> Plan:
        """Return `plan` with every change attributed; `lives` as read for `states`."""
        base_request = self.build_request(request)
        if base_request is None:
            return _add_notes(attribute_plan(plan, None), request, self)
        base_plan = build_plan(base_request, lives[0])
        gone = () if request.only else no_longer_pending(plan, base_plan)
        return replace(_add_notes(attribute_plan(plan, base_plan), request, self), no_longer_pending=gone)


def build_reader(state: DesiredState) -> LiveReader:
    """Return the reader of live users for a desired state."""
    custom = state.settings["ownership"] != print_filter(DEFAULT_OWNERSHIP)
    return LiveReader(state.profile, state.mappings, state.owned, keeps_resources=custom)


def reads_alike(one: DesiredState, other: DesiredState) -> bool:
    """Return whether the readers of two desired states read the same live users from the same resources."""
    default = print_filter(DEFAULT_OWNERSHIP)
    return (
        # With any other ownership live users have the whole resource, and what is owned is decided again.
        one.settings["ownership"] == other.settings["ownership"] == default
        and one.profile == other.profile
        and _list_read(one.mappings) == _list_read(other.mappings)
    )


def _list_read(mappings: Sequence[AttributeMapping]) -> list[tuple[Attribute, int | None, bool]]:
    """Return what of mappings decides what is read of live users."""
    return [(row.attribute, row.match, row.is_read) for row in mappings]


def with_desired_state(state: DesiredState, request: PlanRequest) -> PlanRequest:
    """Return `request` for another desired state."""
    return replace(
        request,
        desired=state.users,
        mappings=state.mappings,
        policy=state.policy,
        owned=state.owned,
        diagnostics=state.diagnostics,
        unseen=state.unseen,
        only=(),
    )


def load_baseline(workspace: Workspace, state: DesiredState, ref: str, *, offline: bool = False) -> CommitBaseline:
    """Load the base of `state`, at the same time.

    Raises `RepositoryError` if git has no such commit, or not its files.
    """
    base = Base(ref, find_merge_base(workspace.state, ref), offline)
    found = load_state_at(workspace, base.commit, workspace.now)
    if isinstance(found, str):
        return _unusable(base, found)
    describe = partial(describe_config_changes, workspace, state, found)
    if has_other_target(workspace, state, found, offline=offline):
        return replace(_unusable(base, "is about another target"), describe=describe, provisioning=found.provisioning)
    return CommitBaseline(base, found, (), describe, found.provisioning)


def load_state_at(workspace: Workspace, commit: str, now: datetime) -> DesiredState | str:
    """Load the desired state of a commit at `now`; if there is none, return why, as a predicate of its name."""
    with tempfile.TemporaryDirectory(prefix="reconciler-base-") as scratch:
        there = write_state_at(workspace.state, commit, Path(scratch))
        found = load_rows(there, now, checked_out=False, cache=workspace.cache) if there is not None else None
    if found is None:
        return "has no such directory"
    return f"cannot be planned from: {_describe_first_error(found)}" if isinstance(found, BrokenState) else found


def has_other_target(workspace: Workspace, state: DesiredState, other: DesiredState, *, offline: bool = False) -> bool:
    """Return whether `other` is for another service."""
    if other.target.profile != state.target.profile:
        return True
    return not (offline or workspace.sandbox or state.target.covers(other.target))


def _unusable(base: Base, why: str) -> CommitBaseline:
    if base.offline:
        summary, detail = f"the base, {base}, {why}", "So all users in scope are shown as new."
    else:
        summary = f"the base, {base}, {why}"
        detail = "So all changes are listed as this change set's, including those that were pending."
    return CommitBaseline(base, None, (warning(summary, detail),))


def _describe_first_error(broken: BrokenState) -> str:
    item = next((item for item in broken.diagnostics if item.severity is Severity.ERROR), broken.diagnostics[0])
    return f"{item.summary} ({item.origin})" if item.origin is not None else item.summary


def _add_notes(plan: Plan, request: PlanRequest, baseline: CommitBaseline) -> Plan:
    """Add base, notes and edits without effect today. With `--user` only the selected users are reported."""
    later: tuple[LaterEdit, ...] = ()
    if baseline.state is not None and not request.only:
        later = find_later_edits(baseline.state.users, request.desired, plan.changes)
    return replace(
        plan,
        base=baseline.base,
        notes=baseline.describe(),
        changes_nothing_today=later,
        provisioning=_compare_provisioning(plan.provisioning, baseline.provisioning),
    )


def _compare_provisioning(now: Provisioning, before: Provisioning | None) -> Provisioning:
    return replace(now, switched=before is not None and before.enabled != now.enabled)


def build_request(workspace: Workspace, state: DesiredState, users: tuple[str, ...]) -> PlanRequest:
    """Return what the desired state says about a plan; `users` limits it to these."""
    return PlanRequest(
        target=state.target,
        desired=state.users,
        mappings=state.mappings,
        policy=state.policy,
        owned=state.owned,
        now=workspace.now,
        version=__version__,
        diagnostics=(*warn_of_expiry(state.credentials, workspace.now.date()), *state.diagnostics),
        unseen=state.unseen,
        config_digest=state.digest,
        provisioning=state.provisioning,
        commit=find_head_commit(workspace.state),
        only=frozenset(map(fold_case, users)),
    )


def compare_offline(
    workspace: Workspace, state: DesiredState, baseline: CommitBaseline, users: tuple[str, ...] = ()
) -> tuple[Plan, LiveState]:
    """Plan from the base to `state`; return also the simulated accounts. `users` limits the plan to these."""
    request = build_request(workspace, state, users)
    request = replace(request, diagnostics=(*request.diagnostics, *baseline.warnings))
    base_request = baseline.build_request(request)
    reader = build_reader(state)
    live = simulate_accounts(base_request, reader) if base_request is not None else []
    plan = build_offline_plan(request, base_request.desired if base_request is not None else (), live)
    return _add_notes(attribute_plan(plan, None), request, baseline), LiveState(live)
