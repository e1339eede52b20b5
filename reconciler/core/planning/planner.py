"""Build a plan from desired and live users: match, plan each user, order, guard. Pure: same inputs, same plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta

from reconciler.core.model import (
    AttributeMapping,
    Deactivation,
    DesiredUser,
    Diagnostic,
    LiveUser,
    Severity,
    Target,
    error,
    format_user_address,
    warning,
)
from reconciler.core.patch import build_resource
from reconciler.core.plan import REMOVALS, Action, Change, Plan, Tally
from reconciler.core.plan_id import compute_plan_id
from reconciler.core.planning import lifecycle, temporary_names, unique_values
from reconciler.core.planning.clock import find_clock_changes
from reconciler.core.planning.external_ids import exclude_shared_ids
from reconciler.core.planning.guards.accounts import GAINS
from reconciler.core.planning.guards.approvals import apply_approvals, report_spent
from reconciler.core.planning.guards.context import AccountEvidence, GuardContext, RecentChange
from reconciler.core.planning.guards.evaluation import evaluate_guards
from reconciler.core.planning.matching import Matching, match_users
from reconciler.core.planning.ordering import order_changes
from reconciler.core.planning.ownership import check_ownership
from reconciler.core.planning.protection import AccountNames, ProtectedAccounts
from reconciler.core.policy import Approval, Policy
from reconciler.core.scope.scim_filter import Predicate
from reconciler.core.text import pluralize
from reconciler.core.values import fold_case

PLAN_LIFETIME = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class LiveState:
    """The result of the live read. `problem`: why it is incomplete or unreliable; None: it is complete."""

    users: Sequence[LiveUser]
    problem: str | None = None
    clock_problem: str | None = None
    """Why the clock of the plan cannot be relied on; None: it agrees with the service's."""


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """Everything a plan is built from, except the live state."""

    target: Target
    desired: Sequence[DesiredUser]
    mappings: Sequence[AttributeMapping]
    policy: Policy
    now: datetime
    version: str
    diagnostics: Sequence[Diagnostic] = ()
    unseen: str | None = None
    """Why users may be missing in `desired`: files that were not read. None: all users are there."""
    config_digest: str = ""
    commit: str | None = None
    recently_deleted: Mapping[str, date] = field(default_factory=dict)
    deactivated: Mapping[str, Deactivation] = field(default_factory=dict)
    """By live id, from receipts."""
    moved_from: str | None = None
    """The target of the applies on record, if none of them went to `target`."""
    recent: Sequence[RecentChange] = ()
    """What applies on record changed in the last 24 hours."""
    approval_date: date | None = None
    """The day that approvals are judged by; None: that of `now`."""
    recorded: Collection[str] = ()
    """Ids of the accounts that exist and are active, by the applies on record."""
    evidence: AccountEvidence | None = None
    """Which live accounts were created, adopted or desired here; None: not looked up."""
    names: Mapping[str, AccountNames] = field(default_factory=dict)
    """By live id, from receipts: every name an account had. Needed if a user is protected."""
    owned: Predicate = lambda _resource: True
    """The ownership filter: whether a live user is managed."""
    original_names: Mapping[str, str] = field(default_factory=dict)
    """By live id, from receipts: the user names before temporary ones."""
    only: Collection[str] = ()
    """Folded userPrincipalNames, userNames, externalIds or ids: plan these users only; empty: all."""

    @property
    def clock(self) -> lifecycle.Clock:
        """The clock of the lifecycle rules."""
        return lifecycle.Clock(self.now, self.deactivated)


def build_plan(request: PlanRequest, live: LiveState) -> Plan:
    """Build the plan. Never raises for anything in the data: a user that cannot be planned is a diagnostic."""
    matching = match_users(request.desired, live.users, request.mappings)
    draft = _PlanDraft(diagnostics=[*request.diagnostics, *matching.conflicts])
    unique = _choose_unique_values(matching, request, live)
    draft.diagnostics += unique.problems
    for user, found in matching.pairs:
        if found is not None:
            _plan_user(user, found, request, draft)
        elif _is_new(user):
            _plan_creation(user, unique, request, draft)
    keys = {fold_case(user.key) for user in request.desired}
    for found in sorted(matching.unclaimed, key=lambda user: user.id):
        _plan_unclaimed(found, _name_unclaimed(found, keys), request, draft)
    _withhold_changes(draft, request, matching, live)
    distinct, shared = exclude_shared_ids(draft.changes, live.users, request.mappings)
    draft.diagnostics += shared
    changes, conflicts = order_changes(distinct, live.users)
    draft.diagnostics += conflicts
    changes = _repair_temporary_names(changes, matching, request, live, draft)
    selected = _select_changes(changes, request.only) if request.only else changes
    # Removing a few users at a time must not get past a guard against removing all of them.
    guarded = changes if any(change.action in REMOVALS for change in selected) else selected
    protected = ProtectedAccounts(request.desired, live.users, request.policy, request.names)
    draft.diagnostics += protected.check_entries(changes)
    recognised = any(found is not None and found.managed for _, found in matching.pairs)
    context = replace(
        _build_guard_context(request, live, matching),
        changes=guarded,
        planned=changes,
        recognised=recognised,
        protected=protected.find_ids(),
    )
    return _assemble(request, live, _require_replacement(selected, live.users), context, draft)


def _build_guard_context(request: PlanRequest, live: LiveState, matching: Matching) -> GuardContext:
    """Return the context of the guards, without the changes."""
    unclaimed = {user.id for user in matching.unclaimed if user.active or user.id not in request.deactivated}
    return GuardContext(
        (),
        request.desired,
        [user for user in live.users if user.managed],
        live.problem,
        request.recently_deleted,
        request.moved_from,
        recent=request.recent,
        live=live.users,
        recorded=request.recorded,
        unclaimed=unclaimed,
        evidence=request.evidence,
    )


def _repair_temporary_names(
    changes: list[Change], matching: Matching, request: PlanRequest, live: LiveState, draft: _PlanDraft
) -> list[Change]:
    """Return the changes with those that give accounts their original names back."""
    hindrance = None if live.problem is None else "the live users could not be read completely"
    if not request.policy.permits(Action.UPDATE):
        hindrance = "lifecycle.actions in settings.yaml does not permit updates"
    desired = {found.id: user for user, found in matching.pairs if found is not None}
    repair = temporary_names.plan_repairs(
        temporary_names.RepairContext(changes, live.users, desired, request.original_names, hindrance)
    )
    draft.diagnostics += repair.diagnostics
    if not repair.changes:
        return changes
    return order_changes(temporary_names.without_repaired(changes, repair.changes), live.users)[0]


@dataclass(slots=True)
class _PlanDraft:
    """The changes, diagnostics and counts collected so far."""

    changes: list[Change] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    unchanged: int = 0
    unmanaged: int = 0
    kept: int = 0
    withheld: int = 0
    unplanned: int = 0
    """Removals withheld because a file that was not read may hold the user."""
    undated: int = 0
    dormant: int = 0
    """Users in scope whose accounts stay deactivated because the mapping of active does not reactivate them."""

    def add(self, change: Change | None) -> None:
        if change is None:
            self.unchanged += 1
        else:
            self.changes.append(change)

    def remove(self, decision: lifecycle.RemovalDecision) -> None:
        self.undated += decision.undated
        if decision.kept:
            self.kept += 1
        else:
            self.add(decision.change)


def _is_new(user: DesiredUser) -> bool:
    """Whether a user without a live account gets one."""
    return user.verdict.in_scope and not user.failed


def _choose_unique_values(matching: Matching, request: PlanRequest, live: LiveState) -> unique_values.ChosenValues:
    newcomers = (user for user, found in matching.pairs if found is None and _is_new(user))
    return unique_values.choose_values(newcomers, live.users, request.mappings, request.recently_deleted)


def _plan_user(user: DesiredUser, found: LiveUser, request: PlanRequest, draft: _PlanDraft) -> None:
    if user.failed:
        return
    if user.verdict.in_scope:
        _plan_update(user, found, request, draft)
    elif found.managed:
        draft.remove(lifecycle.decide_out_of_scope_removal(found, user, request.policy, request.clock))
    else:
        draft.unmanaged += 1


def _plan_update(user: DesiredUser, found: LiveUser, request: PlanRequest, draft: _PlanDraft) -> None:
    change = lifecycle.plan_update(user, found, request.mappings)
    problem = None if change is None else _check_update(change, found, request)
    if problem is None:
        draft.add(change)
        draft.dormant += lifecycle.stays_inactive(user, found, change)
    else:
        draft.diagnostics.append(problem)


def _check_update(change: Change, found: LiveUser, request: PlanRequest) -> Diagnostic | None:
    return lifecycle.check_immutable(change, request.mappings) or check_ownership(change, found, request.owned)


def _plan_creation(
    user: DesiredUser, unique: unique_values.ChosenValues, request: PlanRequest, draft: _PlanDraft
) -> None:
    chosen = unique.values.get(user.key, lifecycle.NO_ATTRIBUTES)
    if user.candidates and not chosen:
        return  # `unique.problems` has the error
    change = lifecycle.plan_create(user, chosen)
    if request.owned(build_resource(change.after)):
        draft.add(change)
        return
    summary = "the account would not be managed after its creation: the ownership filter excludes it"
    detail = "Give the user what the filter asks for, such as a value for externalId, or change `ownership`."
    draft.diagnostics.append(error(summary, detail, user.origin, change.address))


def _name_unclaimed(found: LiveUser, keys: set[str]) -> str:
    """Return the key of a live user without a desired one: its userName, plus its id if another user has that key."""
    key = found.user_name or found.id
    if fold_case(key) in keys:
        key = f"{key} (id {found.id})"
    keys.add(fold_case(key))
    return key


def _plan_unclaimed(found: LiveUser, key: str, request: PlanRequest, draft: _PlanDraft) -> None:
    if not found.managed:
        draft.unmanaged += 1
    elif found.unreadable is not None:
        summary = f"a live account without a desired user cannot be read: {found.unreadable}"
        draft.diagnostics.append(error(summary, "Correct it at the target.", None, format_user_address(key)))
    else:
        draft.remove(lifecycle.decide_unclaimed_removal(found, key, request.policy, request.clock))


def _withhold_changes(draft: _PlanDraft, request: PlanRequest, matching: Matching, live: LiveState) -> None:
    """Remove the changes that may not be made from the draft, with a warning for each kind."""
    if live.problem is not None:
        # A user that was not read looks new, and a removal needs a reliable read.
        _withhold_actions(draft, {Action.CREATE, *REMOVALS}, "the live users could not be read completely")
    if matching.unidentified:
        names = pluralize(len(matching.unidentified), "user")
        why = f"{names} could not be mapped, so their live accounts are unknown"
        _withhold_actions(draft, REMOVALS, why)
    if request.unseen is not None:
        draft.unplanned += _withhold_actions(draft, REMOVALS, request.unseen, error)
    if live.clock_problem is not None:
        _withhold_clock_changes(draft, request, live.clock_problem)
    forbidden = {action for action in Action if not request.policy.permits(action)}
    if forbidden:
        _withhold_actions(draft, forbidden, "lifecycle.actions in settings.yaml does not permit it")


def _withhold_clock_changes(draft: _PlanDraft, request: PlanRequest, why: str) -> None:
    """Withhold what a wrong clock could cause, with an error; if there is nothing of the kind, only warn."""
    resting = find_clock_changes(draft.changes, request.desired)
    count = _withhold(draft, lambda change: change.address in resting, why, error)
    draft.unplanned += count
    if not count:
        draft.diagnostics.append(warning(why, "Deletions and changes by date would be withheld. Set the clock."))


def _withhold_actions(
    draft: _PlanDraft, actions: Collection[Action], why: str, report: Callable[[str], Diagnostic] = warning
) -> int:
    """Remove the changes with one of `actions` from the draft, reported by kind; return their number."""
    return _withhold(draft, lambda change: change.action in actions, why, report)


def _withhold(
    draft: _PlanDraft, is_withheld: Callable[[Change], bool], why: str, report: Callable[[str], Diagnostic]
) -> int:
    kinds = Counter(change.action for change in draft.changes if is_withheld(change))
    draft.changes = [change for change in draft.changes if not is_withheld(change)]
    for action in Action:
        if kinds[action]:
            draft.diagnostics.append(report(f"{pluralize(kinds[action], action.value)} withheld: {why}"))
    draft.withheld += kinds.total()
    return kinds.total()


def _select_changes(changes: Sequence[Change], only: Collection[str]) -> list[Change]:
    """Select the changes of the named users and, transitively, the changes that those require."""
    by_address = {change.address: change for change in changes}
    waiting = [change for change in changes if not collect_names(change).isdisjoint(only)]
    chosen: set[str] = set()
    while waiting:
        change = waiting.pop()
        if change.address not in chosen:
            chosen.add(change.address)
            waiting.extend(by_address[address] for address in change.requires)
    return [change for change in changes if change.address in chosen]


def collect_names(change: Change) -> frozenset[str]:
    """Collect the folded names of the user of a change, before and after it."""
    names: list[object] = [change.key, change.live_id]
    names += [side.get(path) for side in (change.before, change.after) for path in ("userName", "externalId")]
    return frozenset(fold_case(name) for name in names if isinstance(name, str))


def _require_replacement(changes: Sequence[Change], live: Sequence[LiveUser]) -> list[Change]:
    """If a plan removes every active user, make each removal wait for one replacement.

    An active user then remains even if the apply fails halfway.
    """
    removed = {change.live_id for change in changes if change.action in REMOVALS}
    gained = [change for change in changes if change.action in GAINS and change.after.get("active") is not False]
    if not removed or not gained or any(user.managed and user.active and user.id not in removed for user in live):
        return list(changes)
    replacement = min(gained, key=lambda change: (change.action is not Action.CREATE, change.wave, change.address))
    return [
        replace(change, requires=(*change.requires, replacement.address)) if change.action in REMOVALS else change
        for change in changes
    ]


def _assemble(
    request: PlanRequest, live: LiveState, changes: Sequence[Change], context: GuardContext, draft: _PlanDraft
) -> Plan:
    _report_undated(draft)
    _report_dormant(draft)
    today = request.approval_date or request.now.date()
    draft.diagnostics += report_spent(request.policy.approvals, today)
    identity = compute_plan_id(request.target, changes)
    removals = sum(change.action in REMOVALS for change in changes)
    verdicts = apply_approvals(
        evaluate_guards(replace(context, selected=changes), request.policy),
        request.policy.approvals,
        identity,
        removals,
        today,
    )
    addresses = {item.address for item in draft.diagnostics if item.severity is Severity.ERROR and item.address}
    failed = len(addresses) + draft.unplanned
    return Plan(
        plan_id=identity,
        target=request.target,
        changes=tuple(changes),
        guards=verdicts,
        diagnostics=tuple(sorted(draft.diagnostics, key=_sort_key)),
        tally=Tally(draft.unchanged, draft.unmanaged, failed, draft.kept, draft.withheld, len(context.managed)),
        complete=live.problem is None,
        created_at=request.now,
        expires_at=request.now + PLAN_LIFETIME,
        reconciler_version=request.version,
        config_digest=request.config_digest,
        commit=request.commit,
    )


def _report_undated(draft: _PlanDraft) -> None:
    if draft.undated:
        summary = f"{pluralize(draft.undated, 'account')} deactivated since an unknown date: never deleted"
        detail = "lifecycle.delete_after_days needs the service's own date: meta.lastModified, and not in the future."
        draft.diagnostics.append(warning(summary, detail))


def _report_dormant(draft: _PlanDraft) -> None:
    if draft.dormant:
        summary = f"{pluralize(draft.dormant, 'user')} in scope whose accounts stay deactivated"
        detail = "The mapping of active does not apply always, or has no value: it reactivates no account."
        draft.diagnostics.append(warning(summary, detail))


def _sort_key(item: Diagnostic) -> tuple[str, str, int, int, str, str, str]:
    position = (item.origin.file, item.origin.line, item.origin.column) if item.origin else ("", 0, 0)
    return (item.severity.value, *position, item.summary, item.address or "", item.detail)


def reevaluate_guards(plan: Plan, approvals: Sequence[Approval], today: date) -> Plan:
    """Return the plan with its guards evaluated against `approvals` on `today`; earlier approvals do not count."""
    unapproved = (replace(item, approved=False, approved_by="", approval="") for item in plan.guards)
    return carry_over_approval(replace(plan, guards=tuple(unapproved)), approvals, today)


def carry_over_approval(plan: Plan, approvals: Sequence[Approval], today: date, approved: Plan | None = None) -> Plan:
    """Return the plan with further approvals, which may name the plan it is the remainder of (`approved`)."""
    named = approved or plan
    return replace(plan, guards=apply_approvals(plan.guards, approvals, named.plan_id, named.count(*REMOVALS), today))
