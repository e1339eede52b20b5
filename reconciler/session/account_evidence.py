"""Evidence that an account to be removed was created, adopted or desired here: the record, then git's history."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from reconciler.core.model import Diagnostic, LiveUser, Severity
from reconciler.core.plan import Plan
from reconciler.core.planning.guards.accounts import FOREIGN_ACCOUNTS
from reconciler.core.planning.guards.context import AccountEvidence
from reconciler.core.planning.planner import build_plan
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.values import fold_case
from reconciler.desired.directory import Directory
from reconciler.desired.layout import is_read
from reconciler.desired.source_users import read_source_user
from reconciler.desired.yaml_reader import read_items
from reconciler.git.history_search import SearchQuery, search_history
from reconciler.session.session import Session

_KEYS = ("objectId", "userPrincipalName")
_IDENTIFYING = frozenset({"externalId", "userName"})


def plan_with_evidence(request: PlanRequest, live: LiveState, session: Session) -> tuple[Plan, PlanRequest]:
    """Return the plan and the request it was made from.

    Git's history is read only if the accounts of the record are not enough for a guard.
    """
    plan = build_plan(request, live)
    missing = next((guard.accounts for guard in plan.guards if guard.name == FOREIGN_ACCOUNTS and not guard.passed), ())
    if not missing or request.evidence is None:
        return plan, request
    # The settings of tenants are alike: git could take one that left the fleet for where this one was before.
    anchor = "settings.yaml" if Directory(session.workspace.state).place is None else None
    found = search_history(session.workspace.state, _build_query(request, live, frozenset(missing), anchor))
    known = frozenset(request.evidence.known) | found.found
    request = replace(request, evidence=AccountEvidence(known, found.problem))
    return build_plan(request, live), request


def _build_query(request: PlanRequest, live: LiveState, missing: Collection[str], anchor: str | None) -> SearchQuery:
    values: dict[str, frozenset[str]] = {}
    for user in live.users:
        if user.id in missing:
            for value in _identify(user):
                values[value] = values.get(value, frozenset()) | {user.id}
    rows = [row for row in request.mappings if row.match or row.target in _IDENTIFYING]
    keys = tuple(dict.fromkeys([*_KEYS, *(name for row in rows for name in row.inputs)]))
    return SearchQuery(
        ("users",), anchor, keys, values, fold_case, is_read, lambda content: _read_values(content, keys)
    )


def _read_values(content: bytes, keys: Collection[str]) -> Iterator[str]:
    """Yield the values that the users of an earlier version of a file have for `keys`.

    None if it has an error: then it was in no desired state that could be applied.
    """
    problems: list[Diagnostic] = []
    users = [read_source_user(item, problems.append) for item in read_items(content, "users", problems.append)]
    if any(item.severity is Severity.ERROR for item in problems):
        return
    for user in users:
        values = map(user.attributes.get, keys) if user is not None else ()
        yield from (value for value in values if isinstance(value, str))


def _identify(user: LiveUser) -> Iterator[str]:
    """Yield the folded values that identify an account in the desired state."""
    for value in (user.external_id, user.user_name, *user.match):
        if isinstance(value, str) and value:
            yield fold_case(value)
