"""Build a plan from desired and live users: match, plan each user, order, guard. Pure: same inputs, same plan."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import timedelta

from reconciler.core.model import (
    DesiredUser,
    Diagnostic,
    LiveUser,
    ScopeReason,
    Severity,
    error,
    format_user_address,
)
from reconciler.core.patch import build_resource
from reconciler.core.plan import REMOVALS, Action, Change, Plan, Tally
from reconciler.core.plan_id import compute_plan_id
from reconciler.core.planning import lifecycle, temporary_names, unique_values
from reconciler.core.planning.draft import PlanDraft
from reconciler.core.planning.element_matching import match_elements
from reconciler.core.planning.entry_protection import EntryProtection, judge_entries
from reconciler.core.planning.external_ids import exclude_shared_ids
from reconciler.core.planning.forms import FormDifferences, keeps_case
from reconciler.core.planning.freed_names import plan_freed_names
from reconciler.core.planning.guards.accounts import gains_active_user
from reconciler.core.planning.guards.approvals import apply_approvals, report_spent
from reconciler.core.planning.guards.context import Elsewhere, GuardContext
from reconciler.core.planning.guards.evaluation import evaluate_guards
from reconciler.core.planning.lost_accounts import disbelieve_hidden, find_lost_accounts, list_linked
from reconciler.core.planning.matching import Matching, match_users
from reconciler.core.planning.omitted_active import SettledUsers, settle_omitted_active
from reconciler.core.planning.ordering import order_changes
from reconciler.core.planning.ownership import check_ownership
from reconciler.core.planning.population import note_population
from reconciler.core.planning.protection import ProtectedAccounts
from reconciler.core.planning.relinking import report_unused
from reconciler.core.planning.reopening import set_aside
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.planning.seen_accounts import note_seen
from reconciler.core.planning.unconfirmed_writes import report_unconfirmed
from reconciler.core.planning.unseen_accounts import explain_hidden, report_awaited, report_unshown
from reconciler.core.planning.unshown_activity import doubt_activity
from reconciler.core.planning.user_selection import select_changes
from reconciler.core.planning.withholding import withhold_changes, withhold_doubtful_removals
from reconciler.core.policy import Removal
from reconciler.core.values import fold_case

PLAN_LIFETIME = timedelta(days=7)
_UNASSIGNED_NAMED = 3


def build_plan(request: PlanRequest, live: LiveState) -> Plan:
    """Build the plan. Never raises for anything in the data: a user that cannot be planned is a diagnostic."""
    request, live = set_aside(request, live)
    live = disbelieve_hidden(request.recorded, live, request.replaced)
    matching, settled, draft = _match(request, live)
    live = replace(live, users=settled.users)
    _draft_changes(matching, request, live, draft)
    changes = _exclude_conflicts(matching, request, live, draft)
    changes = _repair_temporary_names(changes, matching, request, live, draft)
    selected = select_changes(changes, request.only) if request.only else changes
    protected = ProtectedAccounts(request.desired, live.users, request.policy, request.names)
    draft.diagnostics += protected.check_entries(changes)
    entries = _judge_entries(protected, matching, request, live, selected)
    context = replace(
        _build_guard_context(request, live, matching, protected),
        # Removing a few users at a time must not get past a guard against removing all of them.
        changes=changes if any(change.action in REMOVALS for change in selected) else selected,
        planned=changes,
        without_entry=entries.without_entry,
    )
    known = [*live.users, *context.elsewhere.live] if context.elsewhere.live else live.users
    plan = _assemble(request, live, _require_replacement(selected, replace(live, users=known)), context, draft)
    seen = note_seen(matching.pairs, live, request, changes=bool(plan.changes))
    return replace(plan, protection=entries.note, omitted_active=settled.meaning, seen=seen)


def match_accounts(request: PlanRequest, live: LiveState) -> tuple[Matching, LiveState]:
    """Return the matches and the live users of a plan, with what is settled about those without `active`."""
    live = disbelieve_hidden(request.recorded, live, request.replaced)
    matching = match_users(request.desired, live.users, request.mappings, request.policy.relink)
    doubt_activity(matching, request.doubtful)
    settled = settle_omitted_active(matching, live.users, live.inactive, request.settled_forms)
    return matching, replace(live, users=settled.users)


def _match(request: PlanRequest, live: LiveState) -> tuple[Matching, SettledUsers, PlanDraft]:
    """Match users and settle what the service leaves out of accounts; the draft has what is to be reported about it."""
    others = live.settled
    matching = match_users(request.desired, live.users, request.mappings, request.policy.relink, others.count)
    doubt_activity(matching, request.doubtful)
    settled = settle_omitted_active(matching, live.users, live.inactive, request.settled_forms, others.count)
    pairs, doubts = match_elements(matching.pairs, settled.users, request.mappings, others.paths)
    matching = replace(matching, pairs=pairs)
    diagnostics = [*request.diagnostics, *matching.conflicts, *settled.problems, *doubts]
    draft = PlanDraft(diagnostics=diagnostics, unchanged=others.count)
    case_is_kept = keeps_case(matching.pairs, settled.users, request.settled_forms, others.capitals)
    draft.forms = FormDifferences(request.mappings, request.settled_forms, case_is_kept)
    draft.activity = settled.doubts
    return matching, settled, draft


def _draft_changes(matching: Matching, request: PlanRequest, live: LiveState, draft: PlanDraft) -> None:
    """Draft the change of each user and each account by itself, and withhold those that may be made by mistake."""
    unique = _choose_unique_values(matching, request, live)
    draft.diagnostics += unique.problems
    _plan_users(matching, unique, request, live, draft)
    keys = {fold_case(user.key) for user in request.desired}
    for found in sorted(matching.unclaimed, key=lambda user: user.id):
        _plan_unclaimed(found, _name_unclaimed(found, keys), request, draft)
    report_unconfirmed(matching, request.unconfirmed, request.policy, request.mappings, draft)
    report_unshown(live.unshown, request.policy, draft)
    _free_names(matching, request, draft)
    _finish_relinking(matching, request, live, draft)
    withhold_changes(draft, request, live)


def _plan_users(
    matching: Matching, unique: unique_values.ChosenValues, request: PlanRequest, live: LiveState, draft: PlanDraft
) -> None:
    """Plan every desired user that is in no conflict."""
    awaiting: list[DesiredUser] = []
    for user, found in matching.pairs:
        if found is not None and found.id in live.hidden:
            _plan_hidden(user, found, request, live, draft)
        elif found is not None:
            _plan_user(user, found, request, draft, relinked=found.id in matching.relinked)
        elif user.key in live.awaited and _is_new(user):
            awaiting.append(user)
        elif _is_new(user):
            _plan_creation(user, unique, request, draft)
    report_awaited(awaiting, live.awaited, draft)


def _judge_entries(
    protected: ProtectedAccounts, matching: Matching, request: PlanRequest, live: LiveState, selected: Sequence[Change]
) -> EntryProtection:
    by_entries, noted = protected.find_ids_by_entries(), frozenset(request.noted)
    return judge_entries(
        matching.pairs, live.users, noted=noted, protected=by_entries, mappings=request.mappings, changes=selected
    )


def _build_guard_context(
    request: PlanRequest, live: LiveState, matching: Matching, protected: ProtectedAccounts
) -> GuardContext:
    """Return the context of the guards, without the changes."""
    unclaimed = {user.id for user in matching.unclaimed if user.active or user.id not in request.deactivated}
    matched = {found.id for _, found in matching.pairs if found is not None}
    elsewhere = request.elsewhere or Elsewhere()
    return GuardContext(
        (),
        [*request.desired, *elsewhere.desired] if elsewhere.desired else request.desired,
        [user for user in (*live.users, *elsewhere.live) if user.managed],
        live.problem,
        request.recently_deleted,
        request.moved_from,
        recent=request.recent,
        protected=protected.find_ids(),
        misnamed=protected.find_misnamed(),
        unresolved=protected.find_unresolved() if request.unreadable else (),
        live=[*live.users, *elsewhere.live] if elsewhere.live else live.users,
        lost=find_lost_accounts(request.recorded, live),
        there=list_linked(live) & (matched | frozenset(request.recorded)),
        unclaimed=unclaimed,
        unnamed={user.id for user in live.users if user.id in live.hidden and not user.user_name},
        evidence=request.evidence,
        settled=live.settled,
        elsewhere=elsewhere,
    )


def _finish_relinking(matching: Matching, request: PlanRequest, live: LiveState, draft: PlanDraft) -> None:
    """Create no second account for a person whose account `relink.ids` names; say when `relink` is not needed."""
    if matching.open_relink:
        why = "a row of relink.ids names an account whose user is not in users/, and any new user may be that person"
        draft.unplanned += draft.withhold_actions({Action.CREATE}, why, error)
    failed = any(item.severity is Severity.ERROR for item in draft.diagnostics)
    if request.policy.relink and not matching.relinked and live.problem is None and not failed:
        draft.diagnostics.append(report_unused(request.policy.relink))


def _free_names(matching: Matching, request: PlanRequest, draft: PlanDraft) -> None:
    """Add the renames of leavers whose user names other users need; their accounts are kept otherwise."""
    renames = plan_freed_names(draft.changes, matching, request.mappings)
    planned = {change.live_id for change in draft.changes}
    added = [change for account, change in renames.items() if account not in planned]
    draft.changes += added
    if request.policy.out_of_scope is Removal.KEEP:
        draft.kept -= len(added)
    else:
        draft.unchanged -= sum(change.live_id not in draft.activity.left for change in added)


def _exclude_conflicts(matching: Matching, request: PlanRequest, live: LiveState, draft: PlanDraft) -> list[Change]:
    """Return the changes that can be made together, in order, without removals of what may be a user's account."""
    changes, conflicts = _settle(draft.changes, request, live)
    if withhold_doubtful_removals(draft, request, matching, conflicts):
        changes, conflicts = _settle(draft.changes, request, live)
    draft.diagnostics += conflicts
    return changes


def _settle(changes: list[Change], request: PlanRequest, live: LiveState) -> tuple[list[Change], list[Diagnostic]]:
    distinct, shared = exclude_shared_ids(changes, live.users, request.mappings)
    ordered, conflicts = order_changes(distinct, live.users)
    return ordered, [*shared, *conflicts]


def _repair_temporary_names(
    changes: list[Change], matching: Matching, request: PlanRequest, live: LiveState, draft: PlanDraft
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
    ordered, conflicts = order_changes(temporary_names.without_repaired(changes, repair.changes), live.users)
    draft.diagnostics += conflicts
    return ordered


def _is_new(user: DesiredUser) -> bool:
    """Whether a user without a live account gets one."""
    return user.verdict.in_scope and not user.failed


def _choose_unique_values(matching: Matching, request: PlanRequest, live: LiveState) -> unique_values.ChosenValues:
    newcomers = (user for user, found in matching.pairs if found is None and _is_new(user))
    return unique_values.choose_values(newcomers, live.users, request.mappings, request.recently_deleted)


def _plan_user(user: DesiredUser, found: LiveUser, request: PlanRequest, draft: PlanDraft, *, relinked: bool) -> None:
    if user.failed:
        return
    if user.verdict.in_scope:
        _plan_update(user, found, request, draft, relinked=relinked)
    elif found.managed:
        draft.remove(lifecycle.decide_out_of_scope_removal(found, user, request.policy, request.clock))
    else:
        draft.unmanaged += 1


def _plan_hidden(user: DesiredUser, found: LiveUser, request: PlanRequest, live: LiveState, draft: PlanDraft) -> None:
    """Plan the return of an account that the service does not show: nothing else about it can be compared."""
    if not user.verdict.in_scope or user.failed:
        return
    change = lifecycle.plan_update(user, found, request.mappings)
    if change is None or change.action is not Action.REACTIVATE:
        draft.add(None)
        draft.dormant += lifecycle.stays_inactive(user, found, change)
    else:
        draft.add(replace(change, detail=explain_hidden(live.hidden[found.id], named=bool(found.user_name))))


def _plan_update(user: DesiredUser, found: LiveUser, request: PlanRequest, draft: PlanDraft, *, relinked: bool) -> None:
    change = lifecycle.plan_update(user, found, request.mappings, relinked=relinked, forms=draft.forms)
    problem = None if change is None else _check_update(change, found, request)
    if problem is None:
        draft.add(change)
        draft.dormant += lifecycle.stays_inactive(user, found, change)
    else:
        draft.diagnostics.append(problem)


def _check_update(change: Change, found: LiveUser, request: PlanRequest) -> Diagnostic | None:
    return lifecycle.check_immutable(change, request.mappings) or check_ownership(change, found, request.owned)


def _plan_creation(
    user: DesiredUser, unique: unique_values.ChosenValues, request: PlanRequest, draft: PlanDraft
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


def _plan_unclaimed(found: LiveUser, key: str, request: PlanRequest, draft: PlanDraft) -> None:
    if not found.managed:
        draft.unmanaged += 1
    elif found.unreadable is not None:
        summary = f"a live account without a desired user cannot be read: {found.unreadable}"
        draft.diagnostics.append(error(summary, "Correct it at the target.", None, format_user_address(key)))
    else:
        draft.remove(lifecycle.decide_unclaimed_removal(found, key, request.policy, request.clock))


def _require_replacement(changes: Sequence[Change], live: LiveState) -> list[Change]:
    """If a plan removes every active user, make each removal wait for one replacement.

    An active user then remains even if the apply fails halfway.
    """
    removed = {change.live_id for change in changes if change.action in REMOVALS}
    gained = [change for change in changes if gains_active_user(change)]
    others = (user.id for user in live.users if user.managed and user.active)
    if not removed or not gained or live.settled.count or any(live_id not in removed for live_id in others):
        return list(changes)
    replacement = min(gained, key=lambda change: (change.action is not Action.CREATE, change.wave, change.address))
    return [
        replace(change, requires=(*change.requires, replacement.address)) if change.action in REMOVALS else change
        for change in changes
    ]


def _assemble(
    request: PlanRequest, live: LiveState, changes: Sequence[Change], context: GuardContext, draft: PlanDraft
) -> Plan:
    draft.report_accounts()
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
    unassigned = _list_unassigned(request)
    return Plan(
        plan_id=identity,
        target=request.target,
        changes=tuple(changes),
        guards=verdicts,
        diagnostics=_sort_diagnostics(draft.diagnostics, request.only),
        tally=replace(_count_users(draft), managed=context.count_managed(), unassigned=len(unassigned)),
        complete=live.problem is None,
        created_at=request.now,
        expires_at=request.now + PLAN_LIFETIME,
        reconciler_version=request.version,
        config_digest=request.config_digest,
        commit=request.commit,
        unassigned=tuple(unassigned[:_UNASSIGNED_NAMED]),
        provisioning=request.provisioning,
        population=note_population(request, live, context, draft, changes),
    )


def _count_users(draft: PlanDraft) -> Tally:
    """Count the users that the plan does not change, by the reason."""
    addresses = {item.address for item in draft.diagnostics if item.severity is Severity.ERROR and item.address}
    return Tally(
        unchanged=draft.unchanged,
        unmanaged=draft.unmanaged,
        failed=len(addresses) + draft.unplanned,
        kept=draft.kept,
        withheld=draft.withheld,
        other_case=draft.forms.user_names,
    )


def _list_unassigned(request: PlanRequest) -> list[str]:
    """List the users that no assignment covers, sorted: a user that is added to the files only gets no account."""
    keys = (user.key for user in request.desired if user.verdict.reason is ScopeReason.NOT_ASSIGNED)
    selected = frozenset(map(fold_case, request.only))
    return sorted(key for key in keys if not selected or fold_case(key) in selected)


def _sort_diagnostics(diagnostics: Sequence[Diagnostic], only: Collection[str]) -> tuple[Diagnostic, ...]:
    """Sort by severity and place. Users that were asked for come first: of many alike errors, the first is shown."""
    named = {fold_case(format_user_address(name)) for name in only}
    ordered = sorted(diagnostics, key=_sort_key)
    if named:
        ordered.sort(key=lambda item: (item.severity.value, fold_case(item.address or "") not in named))
    return tuple(ordered)


def _sort_key(item: Diagnostic) -> tuple[str, str, int, int, str, str, str]:
    position = (item.origin.file, item.origin.line, item.origin.column) if item.origin else ("", 0, 0)
    return (item.severity.value, *position, item.summary, item.address or "", item.detail)
