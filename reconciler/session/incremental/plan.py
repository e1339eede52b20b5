"""Make an incremental plan: read the accounts of the users that may differ, and plan these users alone.

Where any other user could have a part in that, and whatever is in doubt, `FullPlanNeededError` is raised.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import islice

from reconciler.core.model import DesiredUser, LiveUser, Severity, SourceUser
from reconciler.core.plan import REMOVALS, Action, Change, Incremental, Plan, ProtectionNote
from reconciler.core.planning.clock import explain_clock
from reconciler.core.planning.full_names import FULL_NAME_PATHS
from reconciler.core.planning.guards.context import Elsewhere
from reconciler.core.planning.guards.limits import reactivates
from reconciler.core.planning.guards.replacements import IDENTITY, changes_full_name
from reconciler.core.planning.mapping import Projector
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.population import count_changes
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.planning.temporary_names import find_temporarily_named
from reconciler.core.scope.verdict import decide_scope
from reconciler.core.text import normalize
from reconciler.core.values import differs_in_case, fold_case
from reconciler.desired.changed_entries import ChangedEntries
from reconciler.errors import FullPlanNeededError
from reconciler.record.recorded_accounts import RecordedAccount, RecordedAccounts
from reconciler.scim.client import ScimClient
from reconciler.scim.list_probe import ListProbe
from reconciler.scim.targeted_read import IDENTIFYING, Names, TargetedRead
from reconciler.session.baseline import build_reader
from reconciler.session.incremental.start import IncrementalStart, find_start
from reconciler.session.live_plan import build_session_request, open_reader
from reconciler.session.recorded_applies import read_applies
from reconciler.session.session import Session
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import current_time
from reconciler.tracing import trace_phase

_NAMES = IDENTITY | FULL_NAME_PATHS
_MADE = REMOVALS | {Action.UPDATE}
"""What a plan of some users may do. A filter proves no name to be free, nor that an account is its user's only one."""
_CONTROLS = 3
_MOST_UNCHANGED = 10_000
MOST_USERS = 200
"""Users that are looked up one by one; for more, all are read."""


def make_incremental_plan(
    session: Session, start: IncrementalStart, entries: ChangedEntries, terminal: Terminal
) -> Plan:
    """Return the plan of the users that may differ since `start`. Raises `FullPlanNeededError`, and `TargetError`."""
    if session.workspace.sandbox:
        raise FullPlanNeededError("the sandbox is emptied and filled at will")
    if max(len(entries.changed), len(entries.former)) > MOST_USERS:
        raise FullPlanNeededError(f"more than {MOST_USERS} users may differ")
    if find_start(session.workspace, read_applies(session.workspace, session.target)) != start:
        raise FullPlanNeededError("another apply ended meanwhile")
    subjects = _Subjects(session, start, entries)
    subjects.check_references()
    with open_reader(session, terminal) as (client, _), trace_phase("look up users"):
        found = _read(client, session, subjects)
        with trace_phase("build the plan"):
            plan = _plan(session, start, subjects, found)
        if any(change.action in REMOVALS for change in plan.changes):
            _check_list(client, session, start, found)
    return plan


@dataclass(frozen=True, slots=True)
class _LookedUp:
    """What the service showed: the accounts of the users, and one of another user that shows that it answers."""

    live: LiveState
    control: LiveUser


class _Subjects:
    """The users that may differ: as they are in the files, and as they were."""

    def __init__(self, session: Session, start: IncrementalStart, entries: ChangedEntries) -> None:
        self._session, self._start = session, start
        state = session.state
        self.desired: Sequence[DesiredUser] = state.users
        self.now, self.former = entries.changed, entries.former
        self._referenced = entries.referenced
        self.most = entries.entries + len(entries.former)
        self._projector = Projector(state.profile, state.mappings, state.settings["target"]["domains"])
        self._direct = {row.target: row.direct for row in state.mappings}
        self.controls = list(islice(self._project_controls(entries.find_unchanged()), _CONTROLS))
        self.known = {
            target: {fold_case(value) for user in (*self.now, *self.former) if (value := self._get(user, target))}
            for target in IDENTIFYING
        }

    def name(self, user: SourceUser) -> Names:
        """Return the names of a user's account."""
        return Names(self._get(user, "externalId"), self._get(user, "userName"))

    def _get(self, user: SourceUser, target: str) -> str | None:
        value = user.attributes.get(self._direct.get(target) or "")
        if isinstance(value, tuple):
            raise FullPlanNeededError("a name has several values")
        return normalize(str(value)) or None if value is not None else None

    def had_account(self, user: SourceUser) -> bool:
        """Whether a former user was in scope when all were as desired, and so has an account."""
        return self._is_in_scope(user, self._start.settled.at.date())

    def _is_in_scope(self, user: SourceUser, day: date) -> bool:
        return decide_scope(user, self._session.state.rules, day).in_scope

    def _project_controls(self, users: Iterable[SourceUser]) -> Iterator[tuple[DesiredUser, Names]]:
        """Yield the users that have accounts, mapped, with the names of these; both names can be asked for."""
        rules, today = self._session.state.rules, self._session.workspace.now.date()
        for user in islice(users, _MOST_UNCHANGED):
            verdict = decide_scope(user, rules, today)
            if not verdict.in_scope or not self.had_account(user):
                continue
            desired, errors = self._projector.project(user, verdict)
            names = self.name(user)
            if not errors and names.external_id and names.user_name and names.user_name.isascii():
                yield desired, names

    def check_references(self) -> None:
        """Check that scope and groups name no user whose name is gone: that is an error about the desired state."""
        here = {fold_case(str(name)) for user in self.now for name in _list_names(user)}
        gone = {fold_case(str(name)) for user in self.former for name in _list_names(user)} - here
        if not gone.isdisjoint(self._referenced):
            raise FullPlanNeededError("scope or groups name a user whose name is gone")


def _list_names(user: SourceUser) -> Iterable[object]:
    return filter(None, (user.attributes.get(name) for name in ("userPrincipalName", "objectId")))


# --- look-ups ---------------------------------------------------------------------


def _read(client: ScimClient, session: Session, subjects: _Subjects) -> _LookedUp:
    if not subjects.controls:
        raise FullPlanNeededError("among the users whose entries did not change none was found who has an account")
    read = TargetedRead(client, build_reader(session.state))
    control = read.prove_filters([names for _, names in subjects.controls])
    for user in (*subjects.former, *subjects.now):
        if not read.find(subjects.name(user)):
            raise FullPlanNeededError("a user has no name to look for")
    session.observe_clock(client.clock_offset)
    if control.id in read.found:
        raise FullPlanNeededError("an account belongs to another user too")
    for account in read.found.values():
        _check_owner(account, subjects)
    _check_record(session, read.found.values())
    problem = explain_clock(client.clock_offset, client.unreadable_date)
    return _LookedUp(LiveState(list(read.found.values()), clock_problem=problem), control)


def _check_owner(account: LiveUser, subjects: _Subjects) -> None:
    """Check that an account can be that of no other user, by both of its names."""
    external_id, user_name = fold_case(account.external_id or ""), fold_case(account.user_name)
    known = subjects.known
    if (external_id and external_id not in known["externalId"]) or user_name not in known["userName"]:
        raise FullPlanNeededError("an account has a name that is not its user's")
    if account.omits_active or account.unselected or account.unreadable is not None:
        raise FullPlanNeededError("what the service leaves out of an account is known from the other ones")


def _check_record(session: Session, accounts: Iterable[LiveUser]) -> None:
    """Check that the record knows no other accounts of these users, nor what the service may not show yet of theirs."""
    recorded, present = session.history().recorded, current_time()
    for account in accounts:
        entry = recorded.accounts.get(account.id)
        if _names_another(recorded, account):
            raise FullPlanNeededError("another account has the name of a user on record")
        if entry is not None and _is_open(entry, account, present):
            raise FullPlanNeededError("what an apply did to an account may not show yet")
    if recorded.unanswered:
        raise FullPlanNeededError("the outcome of a creation on record is not known")


def _names_another(recorded: RecordedAccounts, account: LiveUser) -> bool:
    """Whether the last account on record with one of the names of `account` is another one."""
    named = recorded.find_by_external_id(account.external_id), recorded.find_by_user_name(account.user_name)
    return any(found and found[0].live_id != account.id for found in named)


def _is_open(entry: RecordedAccount, account: LiveUser, present: datetime) -> bool:
    doubtful = entry.find_unconfirmed(present) or entry.may_return(present) or entry.may_be_inactive
    return bool(doubtful) or not entry.exists or (entry.removed_last and account.active)


def _check_list(client: ScimClient, session: Session, start: IncrementalStart, found: _LookedUp) -> None:
    """Check that the list of users can be relied on: a plan of all users removes nothing if it contradicts them."""
    known = {user.id: user for user in (*found.live.users, found.control)}
    with trace_phase("look at the list of users"):
        ListProbe(client, build_reader(session.state), known, start.settled.population.managed).check()


# --- the plan ---------------------------------------------------------------------


def _plan(session: Session, start: IncrementalStart, subjects: _Subjects, found: _LookedUp) -> Plan:
    request = _build_request(session, start, subjects, found)
    _check_before(request, found)
    _check_deletions(session, start, request)
    plan = build_plan(request, found.live)
    _check_actions(plan, request)
    _check_percentages(request, found)
    _check_after(session, plan, request, found)
    settled = start.settled
    people = settled.population.users + len(subjects.now) - len(subjects.former)
    population = count_changes(replace(settled.population, users=max(0, people)), plan.changes)
    gone = _count_gone(subjects)
    return replace(
        plan,
        tally=replace(plan.tally, managed=settled.population.managed),
        protection=ProtectionNote(),
        seen=None,
        population=population,
        incremental=Incremental(
            record=start.run.record,
            at=settled.at,
            read=settled.population.at,
            looked_at=len(subjects.now) + gone,
            users=population.users + gone,
        ),
    )


def _count_gone(subjects: _Subjects) -> int:
    """Return how many of the users that were looked at have no entry any more, under any of their names."""
    now = {fold_case(str(name)) for user in subjects.now for name in _list_names(user)}
    gone = [user for user in subjects.former if now.isdisjoint(fold_case(str(name)) for name in _list_names(user))]
    return len(gone)


def _build_request(session: Session, start: IncrementalStart, subjects: _Subjects, found: _LookedUp) -> PlanRequest:
    """Return the request of a full plan, less what is about other users."""
    request = build_session_request(session, found.live)
    if request.unreadable or request.moved_from is not None or request.policy.relink:
        raise FullPlanNeededError("the record, or `relink` in settings.yaml, is about other accounts too")
    # No number on record makes a percentage allow more than the users in the files do.
    totals, most = start.settled.population, subjects.most
    read = [*found.live.users, found.control]
    managed = [user for user in read if user.managed]
    control = next(desired for desired, names in subjects.controls if _is_named(found.control, names))
    elsewhere = Elsewhere(
        managed=max(0, min(totals.managed, most) - len(managed)),
        active=max(0, min(totals.active, most) - sum(user.active for user in managed)),
        desired=[control],
        live=[found.control],
    )
    ids = {user.id for user in found.live.users}
    return replace(
        request,
        elsewhere=elsewhere,
        recorded=ids.intersection(request.recorded),
        replaced=(),
        seen=None,
        doubtful=ids.intersection(request.doubtful),
        unconfirmed={},
        # Whom its entries mean is known from all accounts; a plan with removals goes on with all of them.
        policy=replace(request.policy, protected=frozenset(), protected_origins={}),
    )


def _is_named(account: LiveUser, names: Names) -> bool:
    return fold_case(account.external_id or "") == fold_case(names.external_id or "")


def _check_before(request: PlanRequest, found: _LookedUp) -> None:
    if any(user.candidates for user in request.desired):
        raise FullPlanNeededError("a user gets a value that no other account may have")
    if find_temporarily_named([*found.live.users, found.control]):
        raise FullPlanNeededError("an account has a temporary name")


def _check_deletions(session: Session, start: IncrementalStart, request: PlanRequest) -> None:
    """Check that no account that applies deactivated became due for deletion since the start."""
    days, accounts = request.policy.delete_after_days, session.history().recorded.accounts
    if days is None:
        return
    for live_id, found in request.deactivated.items():
        due = max(found.at, found.committed or found.at) + timedelta(days=days)
        there = live_id not in accounts or accounts[live_id].exists
        if there and found.at + timedelta(days=days) <= request.now and start.settled.at < due:
            raise FullPlanNeededError("accounts may have become due for deletion")


def _check_actions(plan: Plan, request: PlanRequest) -> None:
    """Check that of the users in the files no account gets or loses access: not if filters hide another one of theirs.

    The plan of all users withholds both then. It removes all accounts of a user without an entry.
    """
    keys = {user.key for user in request.desired}
    for change in plan.changes:
        if change.action not in _MADE or reactivates(change):
            raise FullPlanNeededError("an account would become active, and filters may hide another one of its user")
        if change.action in REMOVALS and change.key in keys:
            raise FullPlanNeededError("a user in the files would lose the account, and filters may hide another one")


def _check_percentages(request: PlanRequest, found: _LookedUp) -> None:
    """Check that no percentage of active users needs more of them than the plan read.

    Others may have been deactivated since all were read, and the numbers on record may be forged.
    """
    elsewhere = replace(request.elsewhere or Elsewhere(), active=0)
    _check_guards(build_plan(replace(request, elsewhere=elsewhere), found.live))


def _check_guards(plan: Plan) -> None:
    blocking = next((guard.name for guard in plan.guards if guard.blocks), None)
    if blocking is not None:
        raise FullPlanNeededError(f"the guard {blocking} has to be judged by all users")


def _check_after(session: Session, plan: Plan, request: PlanRequest, found: _LookedUp) -> None:
    """Check that no other user can have had a part in the plan."""
    _check_guards(plan)
    if plan.tally.failed or plan.tally.withheld or any(item.severity is Severity.ERROR for item in plan.diagnostics):
        raise FullPlanNeededError("users have errors, or changes are withheld")
    removes = any(change.action in REMOVALS for change in plan.changes)
    noted = session.history().protected
    protects = any(user.lifecycle.protected for user in request.desired) or noted.intersection(
        user.id for user in found.live.users
    )
    if protects or (removes and (session.state.policy.protected or noted)):
        raise FullPlanNeededError("protected users have to be judged by all users")
    if _differ_in_case(request, found):
        raise FullPlanNeededError("a value differs in case alone, which only all accounts explain")
    _check_names(plan, request)
    if any(change.temporary_user_name is not None or change.requires for change in plan.changes):
        raise FullPlanNeededError("changes depend on one another")


def _check_names(plan: Plan, request: PlanRequest) -> None:
    """Check that no guard compares the names of this plan with those of other accounts, or with earlier changes."""
    renamed = [change for change in plan.changes if _changes_names(change)]
    existing = sum(change.live_id is not None for change in renamed)
    activated = any(change.before.get("active") is not change.after.get("active") for change in plan.changes)
    recent = any(not each.attributes.isdisjoint(_NAMES) and any(each.user_names) for each in request.recent)
    if existing > 1 or (recent and (renamed or activated)):
        raise FullPlanNeededError("several names changed, or some within the last 24 hours")


def _changes_names(change: Change) -> bool:
    paths = {row.path for row in change.attribute_changes()}
    return not paths.isdisjoint(IDENTITY) or changes_full_name(change)


def _differ_in_case(request: PlanRequest, found: _LookedUp) -> bool:
    """Whether a desired value and one of an account differ in their case alone."""
    by_id = {fold_case(user.external_id or ""): user for user in found.live.users}
    rows = {row.target: row.attribute for row in request.mappings}
    return any(
        differs_in_case(rows[path], value, by_id[anchor].attributes.get(path))
        for user in request.desired
        if (anchor := fold_case(str(user.attributes.get("externalId", "")))) in by_id
        for path, value in user.attributes.items()
        if path in rows
    )
