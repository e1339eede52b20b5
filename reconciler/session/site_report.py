"""Read what the report site shows: desired state, record and git history. No network, no token.

What cannot be read is named with the reason, and never shown as nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from reconciler import __version__
from reconciler.apply.quarantine import Health
from reconciler.core.model import Target
from reconciler.core.plan import Base
from reconciler.core.values import fold_case
from reconciler.desired.directory import Directory
from reconciler.desired.loader import DesiredState
from reconciler.desired.provisioning import read_provisioning
from reconciler.desired.schema import Settings
from reconciler.errors import PlanFileError, ReconcilerError, RepositoryError, UsageError
from reconciler.git.commits import Commits
from reconciler.git.repository import find_head_commit
from reconciler.history.known_differences import KnownDifferences
from reconciler.history.outcomes import Cause, TimelineEntry
from reconciler.history.timeline import FieldSelection, Timeline
from reconciler.history.unapplied import find_last_complete
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.record.runs import ApplyRun
from reconciler.render.site.model import ShownPlan, SiteHistory, SiteReport, SiteUser
from reconciler.render.status import Status
from reconciler.session.audit_record import open_full_record
from reconciler.session.baseline import CommitBaseline, compare_offline, load_state_at
from reconciler.session.expiry import read_credentials
from reconciler.session.record_key import read_record_key
from reconciler.session.recorded_applies import read_applies_with_plans, read_digest_keys
from reconciler.session.saved_plan import find_profile, read_saved_plan
from reconciler.session.site_users import (
    HistoryByUser,
    RecordedStates,
    ScopeReasons,
    build_removed_users,
    build_users,
    read_last_changes,
)
from reconciler.session.target_status import add_provisioning, read_status
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, current_time, read_settings, resolve_target

RECORD, HISTORY, PENDING, NAMES = "Record", "History", "Pending changes", "Names on record"
_ENTRIES = 1_000
"""Entries of the page of all changes."""
_DRIFT = 100


@dataclass(slots=True)
class _SiteReading:
    """What was read so far."""

    workspace: Workspace
    state: DesiredState
    status: Status
    runs: list[ApplyRun] = field(default_factory=list)
    redactor: Redactor = NO_REDACTION
    unknown: dict[str, str] = field(default_factory=dict)


def read_site_report(
    workspace: Workspace, state: DesiredState, plans: Sequence[Path], terminal: Terminal
) -> tuple[SiteReport, ReconcilerError | None]:
    """Return the report, and the error of a record that is damaged. `plans`: saved plans to show.

    Raises `UsageError` for a plan of another target, `PlanFileError` for what is none.
    """
    settings = read_settings(workspace, terminal)
    if settings is None:
        raise UsageError("settings.yaml changed while it was read", "Run the command again.")
    target = resolve_target(workspace, settings)
    saved = [_read_plan(file, target) for file in plans]
    read, damage = _read_record(workspace, (state, settings, target), terminal)
    shown, base = _find_pending(read)
    users, history = _read_users(read, base)
    report = SiteReport(
        status=read.status,
        now=workspace.now,
        commit=find_head_commit(workspace.state),
        version=__version__,
        users=users,
        runs=read.runs,
        plans=tuple(saved) or shown,
        history=history,
        unknown={name: why for name, why in read.unknown.items() if name != PENDING or not saved},
    )
    return report, damage


def _read_plan(file: Path, target: Target) -> ShownPlan:
    plan = read_saved_plan(file)
    if not target.covers(plan.target):
        raise UsageError(
            f"the plan {file} is for another target: {plan.target}", "Name a plan that was made of this desired state."
        )
    return ShownPlan(plan, find_profile(plan), saved=True)


def _read_record(
    workspace: Workspace, desired: tuple[DesiredState, Settings, Target], terminal: Terminal
) -> tuple[_SiteReading, ReconcilerError | None]:
    state, settings, target = desired
    try:
        with open_full_record(workspace, settings.record.branch, terminal) as whole:
            status = add_provisioning(read_status(whole, target), workspace, settings)
            read = _SiteReading(workspace, state, status, read_applies_with_plans(whole, target, current_time()))
            if read_digest_keys(whole):
                _use_record_key(read)
    except (PlanFileError, RepositoryError) as exc:
        read = _SiteReading(workspace, state, _unread_status(workspace, settings, target))
        read.unknown[RECORD] = f"{exc.summary}. {exc.detail}" if exc.detail else exc.summary
        return read, exc
    if not read.runs:
        read.unknown[RECORD] = "no apply to this target is on record here"
    return read, None


def _use_record_key(read: _SiteReading) -> None:
    try:
        read.redactor = Redactor(read_record_key())
    except ReconcilerError as exc:
        read.unknown[NAMES] = f"{exc.summary}: applies that were recorded with digests are not recognised by user"


def _unread_status(workspace: Workspace, settings: Settings, target: Target) -> Status:
    """Return the status without the record."""
    today = workspace.now.date()
    return Status(
        target,
        Health(),
        provisioning=read_provisioning(settings),
        credentials=read_credentials(workspace.state),
        today=today,
    )


# --- pending changes ------------------------------------------------------------------


def _find_pending(read: _SiteReading) -> tuple[tuple[ShownPlan, ...], frozenset[str] | None]:
    """Return what the desired state changed since the last complete apply, and the keys of users in scope then."""
    last = find_last_complete(read.runs)
    if last is None:
        read.unknown[PENDING] = "no complete apply is on record, so there is nothing to compare with"
        return (), None
    if last.commit is None:
        read.unknown[PENDING] = "the last complete apply was not made from a commit"
        return (), None
    at = last.planned.at if last.planned is not None else last.began
    try:
        found = load_state_at(read.workspace, last.commit, at)
    except RepositoryError as exc:
        found = f"cannot be read: {exc.summary}"
    if isinstance(found, str):
        read.unknown[PENDING] = f"commit {last.commit[:12]} of the last complete apply {found}"
        return (), None
    baseline = CommitBaseline(Base(last.commit[:12], last.commit, offline=True), found)
    plan, _ = compare_offline(read.workspace, read.state, baseline)
    then = frozenset(user.key for user in found.users if user.verdict.in_scope and not user.failed)
    return (ShownPlan(plan, read.state.profile, saved=False),), then


# --- users and history ---------------------------------------------------------------


def _read_users(read: _SiteReading, base: frozenset[str] | None) -> tuple[list[SiteUser], SiteHistory]:
    state, workspace = read.state, read.workspace
    states = RecordedStates(
        read_last_changes(read.runs),
        base or frozenset(),
        find_last_complete(read.runs) if base is not None else None,
        read.redactor,
    )
    users = build_users(
        Directory(workspace.state, cache=workspace.cache).read_users(),
        {user.key: user for user in state.users},
        ScopeReasons(state.rules, workspace.now.date()),
        states,
        {fold_case(address): each for address, each in read.status.health.failing_users.items()},
    )
    by_user = HistoryByUser([(user.key, user.object_id) for user in users], read.redactor)
    history = _read_history(read, by_user)
    numbered = [*enumerate(users), *build_removed_users(by_user, states)]
    return sorted((_with_history(user, by_user, number) for number, user in numbered), key=_in_list), history


def _in_list(user: SiteUser) -> tuple[str, str]:
    return user.sort_key


def _with_history(user: SiteUser, by_user: HistoryByUser, number: int) -> SiteUser:
    entries, more = by_user.find(number)
    return replace(user, entries=entries, more=more)


def _read_history(read: _SiteReading, by_user: HistoryByUser) -> SiteHistory:
    try:
        with Commits(read.workspace.state) as repository:
            differences = KnownDifferences(read.workspace.cache)
            inputs = {row.target: frozenset(row.inputs) for row in read.state.mappings}
            tip = repository.resolve("HEAD")
            past = Timeline(repository, tip, read.runs, inputs, read.redactor, differences=differences)
            history = _collect(past, by_user, shallow=repository.shallow)
            differences.save()
    except RepositoryError as exc:
        read.unknown[HISTORY] = exc.summary
        return SiteHistory()
    if history.shallow:
        read.unknown[HISTORY] = "this clone is shallow, so older commits are missing (git fetch --unshallow)"
    return history


def _collect(past: Timeline, by_user: HistoryByUser, *, shallow: bool) -> SiteHistory:
    entries: list[TimelineEntry] = []
    drift: list[TimelineEntry] = []
    count = 0
    for entry in past.read_all(None, FieldSelection()):
        count += 1
        by_user.add(entry)
        if len(entries) < _ENTRIES:
            entries.append(entry)
        what = entry.unrequested_change
        if what is not None and what.cause is Cause.DRIFT and len(drift) < _DRIFT:
            drift.append(entry)
    return SiteHistory(tuple(entries), tuple(drift), count, shallow)
