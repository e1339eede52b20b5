"""Builders for tests: each returns a complete, valid value; a test passes what it is about by keyword."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from typing import Any

from reconciler.core import paths
from reconciler.core.model import (
    IN_SCOPE,
    AttributeMapping,
    Attributes,
    DesiredUser,
    Diagnostic,
    Lifecycle,
    LiveUser,
    Origin,
    ScopeReason,
    Severity,
    SourceUser,
    Target,
    Value,
    Verdict,
)
from reconciler.core.plan import Action, ActionReason, Change, Plan
from reconciler.core.plan_id import compute_plan_id
from reconciler.core.planning.joined_users import JoinedUsers
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.planning.mapping import build_constant_rule, build_direct_rule, find_attribute
from reconciler.core.planning.ordering import order_changes
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.policy import Policy
from reconciler.core.profile import Attribute, Comparison, Confidence, TargetProfile
from reconciler.core.scope.filters import ScopingFilter
from reconciler.core.scope.groups import GroupMembers
from reconciler.core.scope.scim_filter import DEFAULT_OWNERSHIP, Predicate, compile_filter
from reconciler.core.values import parse_value, to_comparable
from reconciler.desired import schema
from reconciler.desired.scoping_filters import compile_filters
from reconciler.desired.validation import LocatedModel
from reconciler.expressions.default_active import compile_active_rule
from reconciler.profiles import PROFILES

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
TODAY = NOW.date()
APPLE = PROFILES["apple-business-manager"]
SCIM = PROFILES["scim"]
TARGET = Target("apple-business-manager", "https://federation.apple.com/feeds/business/scim")
ENTERPRISE = paths.ENTERPRISE
DEPARTMENT = f"{ENTERPRISE}:department"
OWNED = compile_filter(DEFAULT_OWNERSHIP)


# --- scope --------------------------------------------------------------------


def filters_of(
    *written: Mapping[str, Any], groups: Mapping[str, GroupMembers] | None = None, today: date = TODAY
) -> tuple[ScopingFilter, ...]:
    """Scoping filters as `filters:` of scope.yaml has them; `groups` by folded name."""
    found: list[Diagnostic] = []
    named = [{"name": f"filter {number}", **each} for number, each in enumerate(written)]
    located = LocatedModel(schema.ScopeEntry.model_validate({"sync": "all", "filters": named}), None)
    compiled = compile_filters(located, groups or {}, today, found.append)
    assert [item for item in found if item.severity is Severity.ERROR] == []
    return compiled.filters


def filter_of(*clauses: Mapping[str, Any], **keys: Any) -> ScopingFilter:
    """One scoping filter of these clauses; `groups` and `today` as for `filters_of`, other keys are the filter's."""
    context = {key: keys.pop(key) for key in ("groups", "today") if key in keys}
    return filters_of({"clauses": clauses, **keys}, **context)[0]


# --- mappings -----------------------------------------------------------------


def attribute(path: str = "title", comparison: Comparison = Comparison.EXACT, **facets: Any) -> Attribute:
    """A row of a made-up profile."""
    return Attribute(path, "a test", Confidence.DOCUMENTED, comparison, **facets)


def mapping(target: str, source: str | None = None, *, profile: TargetProfile = APPLE, **row: Any) -> AttributeMapping:
    """One row of mappings.yaml, compiled. `value=` makes it a constant, `rule=` and `inputs=` anything else."""
    path = paths.parse(target)
    found = find_attribute(profile, str(path), path.unfiltered)
    assert found is not None, target
    fixed = row.pop("value", None)
    rule = row.pop("rule", None)
    if rule is None and fixed is None:
        row["direct"] = source or target
    rule = rule or (build_constant_rule(fixed) if fixed is not None else build_direct_rule(source or target))
    inputs = row.pop("inputs", (source,) if source else ())
    default = parse_value(found, row.pop("default", None))
    return AttributeMapping(found, rule, inputs, default, **row)


def mappings(*extra: AttributeMapping, profile: TargetProfile = APPLE) -> tuple[AttributeMapping, ...]:
    """externalId and userName (matching, in this order), active, names, department; `extra` replaces or adds."""
    active = compile_active_rule("Not([IsSoftDeleted])")
    usual = (
        mapping("externalId", "objectId", profile=profile, match=1),
        mapping("userName", "userPrincipalName", profile=profile, match=2),
        mapping("active", profile=profile, rule=active, default="True"),
        mapping("name.givenName", "givenName", profile=profile),
        mapping("name.familyName", "surname", profile=profile),
        mapping("enterprise:department", "department", profile=profile),
    )
    rows = {row.target: row for row in (*usual, *extra)}
    return tuple(rows.values())


MAPPINGS = mappings()


# --- people -------------------------------------------------------------------


def name_of(who: str) -> str:
    """The user name of `who`: `ada` is ada@example.com."""
    return who if "@" in who else f"{who}@example.com"


def source_user(
    who: str = "ada",
    *,
    line: int = 1,
    starts: date | None = None,
    expires: date | None = None,
    protected: bool = False,
    **attributes: Any,
) -> SourceUser:
    """A person as written; keywords set or (None) leave out source attributes."""
    values: dict[str, Any] = {
        "userPrincipalName": name_of(who),
        "objectId": f"id-{who}",
        "givenName": who.capitalize(),
        "surname": "Lovelace",
        "department": "Engineering",
        **attributes,
    }
    values = {name: value for name, value in values.items() if value is not None}
    return SourceUser(values, Origin("users/people.yaml", line, 3), Lifecycle(starts, expires, protected))


def values_of(who: str = "ada", **changed: Value | None) -> dict[str, Value]:
    """All mapped attributes of `who`; keywords set some of them, by path or by the short names below; None: none."""
    short = {
        "external_id": "externalId",
        "user_name": "userName",
        "given": "name.givenName",
        "family": "name.familyName",
        "department": DEPARTMENT,
    }
    values: dict[str, Value | None] = {
        "externalId": f"id-{who}",
        "userName": name_of(who),
        "active": True,
        "name.givenName": who.capitalize(),
        "name.familyName": "Lovelace",
        DEPARTMENT: "Engineering",
    }
    values |= {short.get(name, name): value for name, value in changed.items()}
    return {path: value for path, value in values.items() if value is not None}


def match_of(values: Mapping[str, Value]) -> tuple[Value | None, ...]:
    """The matching values of a user by `MAPPINGS`, as they are compared."""
    return tuple(to_comparable(row.attribute, values.get(row.target)) for row in MAPPINGS if row.match)


def desired(
    who: str = "ada",
    *,
    key: str | None = None,
    line: int = 1,
    verdict: Verdict = IN_SCOPE,
    starts: date | None = None,
    expires: date | None = None,
    protected: bool = False,
    failed: bool = False,
    create_only: Attributes | None = None,
    **changed: Value | None,
) -> DesiredUser:
    """A desired user; keywords as for `values_of`."""
    values = values_of(who, **changed)
    used = values if verdict.in_scope and not failed else {}
    return DesiredUser(
        key=key or str(values.get("userName", name_of(who))),
        match=match_of(values),
        origin=Origin("users/people.yaml", line, 3),
        anchor=match_of({**values, **(create_only or {})})[0],
        attributes=used,
        create_only=create_only or {},
        verdict=verdict,
        lifecycle=Lifecycle(starts, expires, protected),
        failed=failed,
    )


OUT = Verdict(ScopeReason.DISABLED, "accountEnabled is false")


def live(
    who: str = "ada",
    *,
    id: str | None = None,  # noqa: A002 - SCIM's name
    last_modified: str | None = None,
    unreadable: str | None = None,
    managed: bool | None = None,
    adoptable: bool | None = None,
    **changed: Value | None,
) -> LiveUser:
    """A live user under the default ownership filter; keywords as for `values_of`."""
    values = values_of(who, **changed)
    external_id = values.get("externalId")
    owned = external_id is not None if managed is None else managed
    return LiveUser(
        id=id or f"live-{who}",
        user_name=str(values.get("userName", "")),
        external_id=None if external_id is None else str(external_id),
        active=values.get("active") is not False,
        attributes=values,
        managed=owned,
        adoptable=(not owned and external_id is None) if adoptable is None else adoptable,
        match=match_of(values),
        last_modified=last_modified,
        unreadable=unreadable,
    )


def resource(who: str = "ada", **changed: Any) -> dict[str, Any]:
    """A SCIM User as JSON; keywords set or (None) leave out top-level attributes."""
    user = {
        "schemas": [paths.CORE, ENTERPRISE],
        "id": f"live-{who}",
        "externalId": f"id-{who}",
        "userName": name_of(who),
        "active": True,
        "name": {"givenName": who.capitalize(), "familyName": "Lovelace"},
        ENTERPRISE: {"department": "Engineering"},
        **changed,
    }
    return {name: value for name, value in user.items() if value is not None}


def reader(
    rows: Sequence[AttributeMapping] = MAPPINGS, *, profile: TargetProfile = APPLE, owned: Predicate = OWNED
) -> LiveReader:
    """A reader of live users."""
    return LiveReader(profile, rows, owned)


# --- plans --------------------------------------------------------------------


def change(
    who: str = "ada",
    action: Action = Action.UPDATE,
    *,
    before: Mapping[str, Value] | None = None,
    after: Mapping[str, Value] | None = None,
    **fields: Any,
) -> Change:
    """A change of `who`. Left out, `before` and `after` are `values_of(who)`, or nothing for a create and a delete."""
    usual_before = {} if action is Action.CREATE else values_of(who)
    usual_after = {} if action is Action.DELETE else values_of(who)
    settled = {
        "key": name_of(who),
        "reason": ActionReason.ATTRIBUTES_DIFFER,
        "detail": "a test",
        "live_id": None if action is Action.CREATE else f"live-{who}",
        **fields,
    }
    return Change(
        action=action,
        before=usual_before if before is None else before,
        after=usual_after if after is None else after,
        **settled,
    )


def rename(who: str, to: str, action: Action = Action.UPDATE, **fields: Any) -> Change:
    """`who` gets the user name of `to`."""
    before = values_of(who)
    return change(who, action, before=before, after={**before, "userName": name_of(to)}, **fields)


def request(
    people: Iterable[DesiredUser] = (), *, rows: Sequence[AttributeMapping] = MAPPINGS, **fields: Any
) -> PlanRequest:
    """Return the request of a plan, without the live users."""
    settled: dict[str, Any] = {"target": TARGET, "policy": Policy(), "now": NOW, "version": "0.1.0", **fields}
    return PlanRequest(desired=list(people), mappings=rows, **settled)


def plan_of(
    people: Iterable[DesiredUser] = (), accounts: Iterable[LiveUser] = (), *, problem: str | None = None, **others: Any
) -> Plan:
    """The plan for these desired and live users, with settled pairs and without; keywords as for `request`."""
    made, state = request(people, **others), LiveState(list(accounts), problem)
    plan = build_plan(made, state)
    joined = JoinedUsers.join(made.desired, state.users, made.mappings)
    assert every_field(build_plan(made, replace(state, users=joined))) == every_field(plan)
    return plan


def every_field(plan: Plan) -> dict[str, Any]:
    """The fields of a plan, with those that do not count when plans are compared."""
    accounts = [guard.accounts for guard in plan.guards]
    return {**{each.name: getattr(plan, each.name) for each in fields(Plan)}, "accounts of guards": accounts}


def plan_with(*changes: Change, accounts: Iterable[LiveUser] = (), **fields: Any) -> Plan:
    """A plan of exactly these changes, in execution order."""
    ordered, conflicts = order_changes(changes, accounts)
    assert not conflicts, conflicts
    return replace(plan_of(), plan_id=compute_plan_id(TARGET, ordered), changes=tuple(ordered), **fields)
