"""The plan for the live service: read all users, build the plan, attribute its changes to a baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from reconciler.core.model import DesiredUser, Diagnostic, LiveUser
from reconciler.core.plan import Plan
from reconciler.core.planning.clock import explain_clock
from reconciler.core.planning.guards.context import AccountEvidence
from reconciler.core.planning.joined_users import JoinedUsers, list_live_ids, list_open_users
from reconciler.core.planning.live_user import CombinedReader, ResourceReader
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.planning.temporary_names import find_temporarily_named
from reconciler.core.text import quote
from reconciler.core.values import fold_case
from reconciler.desired.loader import DesiredState
from reconciler.disk_blocks import open_block, take_warning
from reconciler.errors import TargetError, UsageError
from reconciler.record.account_names import merge_names
from reconciler.record.former_names import FormerNames
from reconciler.record.reader import read_original_names
from reconciler.scim.client import READ_WORKERS, ScimClient
from reconciler.scim.list_check import Corrections, ListCheck
from reconciler.scim.live_read import Joining, Progress, read_live
from reconciler.scim.rate_limiter import RateLimiter
from reconciler.scim.read_budget import ReadBudget
from reconciler.session import connection
from reconciler.session.account_evidence import plan_with_evidence
from reconciler.session.audit_record import note_unreadable_records
from reconciler.session.baseline import build_reader, build_request, reads_alike
from reconciler.session.lost_files import LastApply, find_lost_files
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal
from reconciler.session.unconfirmed_writes import find_unconfirmed
from reconciler.session.unlisted_accounts import RecordCheck
from reconciler.session.waiting import WaitReport
from reconciler.session.workspace import current_time
from reconciler.tracing import trace_phase


class Baseline(Protocol):
    """What a plan is compared with, to attribute its changes."""

    @property
    def warnings(self) -> tuple[Diagnostic, ...]:
        """What could not be compared."""

    @property
    def states(self) -> Sequence[DesiredState]:
        """The baseline's desired states."""

    def attribute_changes(self, plan: Plan, request: PlanRequest, lives: Sequence[LiveState]) -> Plan:
        """Return the plan with every change attributed; `lives` as read for `states`."""


def make_plan(session: Session, users: tuple[str, ...], terminal: Terminal, baseline: Baseline | None = None) -> Plan:
    """Plan for the live state as it is now; `users` limits it to these, `baseline` attributes its changes.

    Raises `UsageError` if a user does not exist, and `TargetError` if the service refuses.
    """
    with open_reader(session, terminal) as (client, progress):
        plan, notes = _make_plan(client, session, users, progress, baseline)
    for note in notes:
        terminal.note(note)
    lack = take_warning()
    if lack is not None:
        terminal.diagnostics((lack,))
    if session.unreadable:
        note_unreadable_records(session.state, session.redactor, terminal)
    terminal.detail(f"Target: {session.target}")
    if client.pages_by_cursor:
        terminal.detail("The service pages by cursor (RFC 9865): pages are read one after another")
    terminal.detail(f"Desired state: {len(session.state.users):,} users, {session.state.in_scope:,} in scope")
    terminal.detail(f"Live: {plan.tally.managed:,} managed users, {plan.tally.unmanaged:,} others")
    for guard in plan.guards:
        terminal.detail(f"Guard {guard.name}: {guard.message}")
    return plan


@contextmanager
def open_reader(session: Session, terminal: Terminal) -> Iterator[tuple[ScimClient, Progress]]:
    """Open a client that can read only, for one read of all users; and what to report its progress to."""
    budget, limiter, waits = ReadBudget(), RateLimiter(in_flight=READ_WORKERS), WaitReport(terminal)
    with (
        terminal.progress() as progress,
        connection.open_client(
            session.connection, writes=False, limiter=limiter, budget=budget, on_wait=waits
        ) as client,
    ):
        yield client, budget.watch(progress)
    session.observe_rate(limiter.learned)


def _make_plan(
    client: ScimClient, session: Session, users: tuple[str, ...], progress: Progress, baseline: Baseline | None
) -> tuple[Plan, tuple[str, ...]]:
    """Return the plan, and the notes of the live read."""
    others = baseline.states if baseline is not None else ()
    combined = _build_combined_reader(session.state, others)
    with trace_phase("read live users") as span:
        live = read_live_state(client, session, progress, combined)
        span.set({"reconciler.live_users": len(live.users)})
    check_users_exist(users, session.state, live)
    request = build_session_request(session, live, users)
    if baseline is not None:
        request = replace(request, diagnostics=(*request.diagnostics, *baseline.warnings))
    with trace_phase("build the plan") as span:
        plan, request = plan_with_evidence(request, live, session)
        span.set({"reconciler.changes": len(plan.changes), "reconciler.blocked": plan.blocked})
    if baseline is None:
        return plan, live.notes
    lives = _read_for_others(live, session.state, others, combined)
    return baseline.attribute_changes(plan, request, lives), live.notes


def _build_combined_reader(state: DesiredState, others: Sequence[DesiredState]) -> CombinedReader | None:
    """Return the reader for several desired states; None if the one of `state` reads the same as all others."""
    readers = [build_reader(each) for each in others if not reads_alike(state, each)]
    return CombinedReader(build_reader(state), readers) if readers else None


def _read_for_others(
    live: LiveState, state: DesiredState, others: Sequence[DesiredState], combined: CombinedReader | None
) -> list[LiveState]:
    """Return the live state for each of `others`, from what was read for `state`."""
    read = iter(combined.read_others(live.users) if combined is not None else ())
    alike = [reads_alike(state, each) for each in others]
    everyone = list(live.users) if any(alike) else []
    # Most users are as desired by any of them: they are not kept once more. Several applies may share a state.
    joined = {
        id(each): JoinedUsers.join(each.users, everyone, each.mappings)
        for each in {id(each): each for each, same in zip(others, alike, strict=True) if same}.values()
    }
    lists = (joined[id(each)] if same else next(read) for each, same in zip(others, alike, strict=True))
    return [replace(live, users=users) for users in lists]


def read_live_state(
    client: ScimClient, session: Session, progress: Progress, reader: ResourceReader | None = None
) -> LiveState:
    """Read all live users, with the desired state's own reader unless another is given; note the service's time."""
    state, own, reader = session.state, reader is None, reader or build_reader(session.state)
    began = current_time()
    session.observe_list(None)

    def report(what: str, done: int, total: int) -> None:
        state.content.check()  # with errors in it there is nothing to read for
        progress(what, done, total)

    try:
        live = read_live(
            client,
            reader,
            state.users,
            state.mappings,
            page_size=int(state.profile.page_size.value),
            progress=report,
            check=_build_list_check(client, session, reader),
            # A reader that reads for others too knows live users by what it returned.
            joining=Joining(settles=own, helper=state.content, open_block=open_block),
        )
    except TargetError:
        state.content.wait()  # errors in the desired state come first
        raise
    session.observe_clock(client.clock_offset)
    session.observe_list(began if proves_absence(live) else None)
    return replace(live, clock_problem=explain_clock(client.clock_offset, client.unreadable_date))


def _build_list_check(client: ScimClient, session: Session, reader: ResourceReader) -> ListCheck | None:
    """Return what compares the list of live users with the record; None for the sandbox."""
    if session.workspace.sandbox:
        return None  # it is emptied and filled at will: what its record says proves nothing

    def check(
        missing: Sequence[DesiredUser],
        listed: Mapping[str, LiveUser],
        find_desired: Callable[[LiveUser], DesiredUser | None],
    ) -> Corrections:
        # The record is read by the service's clock too.
        session.observe_clock(client.clock_offset)
        recorded = session.history().recorded
        names = FormerNames(session.workspace.history)
        found = RecordCheck(client, reader, recorded, session.state.mappings, current_time(), names)
        return found(missing, listed, find_desired)

    return check


def proves_absence(live: LiveState) -> bool:
    """Whether users that a read does not show have no accounts: nothing is hidden, awaited or shown late."""
    return live.problem is None and not (live.hidden or live.awaited or live.unshown or live.notes)


def build_session_request(session: Session, live: LiveState, users: tuple[str, ...] = ()) -> PlanRequest:
    """Return everything a plan is made from, except the live users; `users` limits it to these.

    The receipts are searched for original names only if an account in `live` has a temporary one.
    """
    history = session.history()
    temporary = find_temporarily_named(list_open_users(live.users))
    request = build_request(session.workspace, session.state, users)
    last = LastApply(history.last_commit, history.last_files)
    # The sandbox is emptied and filled at will.
    lost = find_lost_files(session.workspace.state, session.state.files, last, strict=not session.workspace.sandbox)
    return replace(
        request,
        diagnostics=(*request.diagnostics, *lost),
        policy=replace(request.policy, approvals=session.approvals()),
        approval_date=session.approval_date,
        target=session.target,
        recently_deleted=history.reserved,
        deactivated=history.deactivated,
        # The sandbox is emptied and filled at will: what its record says proves nothing.
        recorded=() if session.workspace.sandbox else history.accounts,
        replaced=() if session.workspace.sandbox else history.replaced,
        seen=None if session.workspace.sandbox else history.seen,
        recent=history.recent,
        evidence=AccountEvidence(history.known),
        moved_from=session.moved_from(),
        names=merge_names(history.names, history.names_elsewhere, list_live_ids(live.users)),
        unreadable=session.unreadable,
        noted=() if session.workspace.sandbox else history.protected,
        settled_forms=session.is_settled_form,
        doubtful=() if session.workspace.sandbox else history.recorded.list_doubtful(),
        unconfirmed={} if session.workspace.sandbox else find_unconfirmed(history.recorded, current_time()),
        original_names=read_original_names(session.workspace.history, session.target) if temporary else {},
    )


def check_users_exist(users: tuple[str, ...], state: DesiredState, live: LiveState) -> None:
    """Raise `UsageError` for a `--user` that matches no user: its empty plan would look like good news."""
    if not users:
        return
    known = {fold_case(user.key) for user in state.users}
    known |= {fold_case(str(value)) for user in state.users for value in user.match if value is not None}
    for found in live.users:
        known |= {fold_case(name) for name in (found.user_name, found.external_id, found.id) if name}
    for user in users:
        if fold_case(user) not in known:
            raise UsageError(f"user not found: {quote(user)}", "Neither desired state nor target has it.")
