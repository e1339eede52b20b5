"""Explain one user from file to account: source, scope, match, mapping, live values, planned action.

It uses the same rules, compiled mappings and plan as `plan` does, so both always agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from reconciler.core.model import (
    AttributeMapping,
    AttributePath,
    DesiredUser,
    Diagnostic,
    Flow,
    LiveUser,
    RulePart,
    ScopeReason,
    Severity,
    SourceUser,
    SourceValue,
    Value,
    format_user_address,
    select_matching_rows,
)
from reconciler.core.plan import Change, Plan
from reconciler.core.planning.lifecycle import stays_inactive
from reconciler.core.planning.mapping import MappingError, find_value_error
from reconciler.core.policy import Policy, Removal
from reconciler.core.scope.trace import Trace
from reconciler.core.values import InvalidValueError, fold_case, parse_value


@dataclass(frozen=True, slots=True)
class MatchLookup:
    """One matching attribute: the desired value in comparable form, and the ids of live users that have it."""

    path: AttributePath
    value: Value | None
    live_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MappedRow:
    """The result of one attribute mapping for one user.

    `candidates`: the values that a unique attribute can get on create. `problem`: why there is no usable value.
    `parts`: how the value of an expression came about.
    """

    path: AttributePath
    rule: str
    inputs: Mapping[str, SourceValue | None]
    value: Value | None
    flow: str
    default: Value | None
    live: Value | None
    candidates: tuple[Value, ...] = ()
    problem: str | None = None
    parts: RulePart | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """What the plan does, and why. `change` None: nothing; `blocked_by`: messages of blocking guards."""

    change: Change | None
    explanation: str
    blocked_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Everything known about one user; `decision` None: the live service was not read.

    `removal`: the setting lifecycle.out_of_scope, if it concerns the user.
    """

    name: str
    source: SourceUser | None
    scope: Trace | None
    lookups: tuple[MatchLookup, ...]
    rows: tuple[MappedRow, ...]
    live: LiveUser | None
    decision: Decision | None
    diagnostics: tuple[Diagnostic, ...] = ()
    removal: Removal | None = None


def find_removal_setting(user: DesiredUser | None, policy: Policy) -> Removal | None:
    """Return the removal setting of a user out of scope; None if in scope or if scope could not be decided."""
    if user is None or user.verdict.in_scope or user.verdict.reason is ScopeReason.UNJUDGED:
        return None
    return policy.out_of_scope


def find_desired(name: str, users: Iterable[DesiredUser]) -> DesiredUser | None:
    """Find the desired user called `name`: by key or any identifying value, case-insensitively."""
    wanted = fold_case(name)
    return next((user for user in users if wanted in _collect_names(user)), None)


def _collect_names(user: DesiredUser) -> set[str]:
    values = [*user.match, user.attributes.get("userName"), user.attributes.get("externalId")]
    return {fold_case(user.key), *(fold_case(str(value)) for value in values if value is not None)}


def find_live(name: str, users: Iterable[LiveUser]) -> LiveUser | None:
    """Find the live user called `name`: by userName, externalId or id, case-insensitively."""
    wanted = fold_case(name)
    for user in users:
        if any(each and fold_case(each) == wanted for each in (user.user_name, user.external_id, user.id)):
            return user
    return None


def is_activity_unknown(live: LiveUser) -> bool:
    """Whether nothing shows that the account is active: what the plan left open has no value."""
    return live.omits_active and "active" not in live.attributes


def look_up_matches(
    user: DesiredUser, live: Iterable[LiveUser], mappings: Sequence[AttributeMapping]
) -> tuple[MatchLookup, ...]:
    """Look up the live users with each matching value, by precedence."""
    rows = select_matching_rows(mappings)
    hits: list[list[str]] = [[] for _ in rows]
    for found in live:
        for level, value in enumerate(user.match):
            if value is not None and found.match[level] == value:
                hits[level].append(found.id)
    return tuple(
        MatchLookup(row.target, value, tuple(sorted(ids)))
        for row, value, ids in zip(rows, user.match, hits, strict=True)
    )


def map_rows(user: SourceUser, mappings: Iterable[AttributeMapping], live: LiveUser | None) -> tuple[MappedRow, ...]:
    """Map one user by each row, in scope or not."""
    return tuple(_map_row(user, row, live) for row in mappings)


def _map_row(user: SourceUser, row: AttributeMapping, live: LiveUser | None) -> MappedRow:
    value, problem = None, None
    candidates: tuple[Value, ...] = ()
    try:
        result = row.rule(user.attributes)
        if row.unique:
            candidates = result if isinstance(result, tuple) else ()
        else:
            value = parse_value(row.attribute, result)
    except (MappingError, InvalidValueError) as exc:
        problem = str(exc)
    if isinstance(value, str):
        problem = find_value_error(row.attribute, value)
    return MappedRow(
        path=row.target,
        rule=row.rule_text,
        inputs={name: user.attributes.get(name) for name in row.inputs},
        value=value,
        flow=_describe_flow(row),
        default=row.default,
        live=live.attributes.get(row.target) if live else None,
        candidates=candidates,
        problem=problem,
        parts=row.explain(user.attributes) if row.explain else None,
    )


def _describe_flow(row: AttributeMapping) -> str:
    if row.clear:
        return "no value clears the target's"
    match row.flow:
        case Flow.ALWAYS:
            return "always"
        case Flow.CREATE:
            return "on create only"
        case Flow.IF_EMPTY:
            return "only where the target has none"


# --- the decision ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DecisionContext:
    """The input of `explain_decision`. `permitted`: the plan as if lifecycle.actions permitted every action."""

    key: str
    desired: DesiredUser | None
    live: LiveUser | None
    plan: Plan
    permitted: Plan
    policy: Policy


def explain_decision(case: DecisionContext) -> Decision:
    """Explain what happens to the user, or why nothing does."""
    change = _find_change(case, case.plan)
    if change is not None:
        return Decision(change, change.detail, tuple(guard.message for guard in case.plan.guards if guard.blocks))
    if any(item.severity is Severity.ERROR for item in select_diagnostics(case)):
        return Decision(None, "none: see the errors; the account is left untouched")
    if case.desired is not None and not case.desired.verdict.in_scope and select_diagnostics(case):
        return Decision(None, "none: out of scope, and the live account belongs to another user: see the warning")
    withheld = _find_change(case, case.permitted)
    if withheld is not None:
        return Decision(None, f"none: {withheld.action.value} is needed, but withheld{_explain_withholding(case.plan)}")
    return Decision(None, f"none: {_explain_no_change(case)}")


def _find_change(case: DecisionContext, plan: Plan) -> Change | None:
    identity = case.live.id if case.live else None
    return next(
        (change for change in plan.changes if change.key == case.key or (identity and change.live_id == identity)), None
    )


def select_diagnostics(case: DecisionContext) -> tuple[Diagnostic, ...]:
    """Select the plan's diagnostics about this user."""
    return tuple(item for item in case.plan.diagnostics if item.address == format_user_address(case.key))


def _explain_withholding(plan: Plan) -> str:
    reasons = [item.summary for item in plan.diagnostics if item.address is None and " withheld: " in item.summary]
    return f" ({'; '.join(reasons)})" if reasons else ""


_DORMANT = "; the account stays deactivated, because the mapping of active has no value, or its `apply` is not `always`"


def _explain_no_change(case: DecisionContext) -> str:
    live, desired = case.live, case.desired
    if desired is not None and desired.verdict.in_scope:
        dormant = live is not None and stays_inactive(desired, live, None)
        return f"nothing differs{_DORMANT if dormant else ''}"
    if live is None:
        return "out of scope, and not in the target"
    if not live.managed:
        return "the live account is not managed (ownership in settings.yaml)"
    setting, mode = ("out_of_scope", case.policy.out_of_scope) if desired else ("removed", case.policy.removed)
    if mode is Removal.KEEP:
        return f"lifecycle.{setting} in settings.yaml is keep"
    if is_activity_unknown(live):
        return "only the record says that the account is deactivated; `plan` shows the way out"
    days = case.policy.delete_after_days
    later = "" if days is None else f"; it is deleted {days} days after its deactivation (lifecycle.delete_after_days)"
    return f"the account is deactivated already{later}"
