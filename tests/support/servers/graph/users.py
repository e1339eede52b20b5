"""/users"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from support.servers.graph.calls import Answer, Call
from support.servers.graph.error_answers import bad_request, not_found, unsupported_query
from support.servers.graph.filters import parse_filter
from support.servers.graph.pages import context_of, page, start_of
from support.servers.graph.rows import row, type_name
from support.servers.graph.service import GraphService
from support.servers.graph.tenant import DirectoryObject

READ_USERS = ("User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All")
_MANAGER = re.compile(r"manager(?:\(\$select=(?P<names>[\w,]+)\))?")
_EXPANDED_PAGE = 100
_EXPANDED = ("id", "displayName", "userPrincipalName")


def list_users(service: GraphService, call: Call) -> Answer:
    call.need(*READ_USERS)
    service.check_page(call)
    call.allow("$select", "$expand", "$filter", "$top", "$count", "$orderby", "$skiptoken")
    names, expanded = call.selected("user"), _expanded(call)
    size = min(service.size(call), _EXPANDED_PAGE) if expanded else service.size(call)
    found = _rows(service, call, names, expanded)
    shown = f"manager({','.join(expanded)})" if expanded else ""
    context = context_of("users", names, selected="$select" in call.query, expanded=shown)
    body = page(call, context, found, size, service.page_generation)
    if call.counted and call.token is None:
        keep = _filter(call)
        count = sum(1 for user in service.tenant.living("user") if keep(user))
        body = {"@odata.context": body.pop("@odata.context"), "@odata.count": count, **body}
    return Answer(body)


def _rows(
    service: GraphService, call: Call, names: tuple[str, ...], expanded: tuple[str, ...]
) -> Iterator[tuple[int, dict[str, Any]]]:
    tenant, keep = service.tenant, _filter(call)
    order = _ordered(service, call)
    for place in range(start_of(call), len(order)):
        user = tenant.objects.get(order[place])
        if user is None or user.deleted is not None or not keep(user):
            continue
        shown = row(user, names)
        if expanded:
            _add_manager(service, user, expanded, shown)
        yield place + 1, shown


def _ordered(service: GraphService, call: Call) -> list[str]:
    tenant = service.tenant
    order = call.query.get("$orderby", "")
    if not order:
        return tenant.order["user"]
    if order not in {"displayName", "userPrincipalName"} or ("$filter" in call.query and not call.advanced):
        raise unsupported_query()
    return [user.id for user in sorted(tenant.living("user"), key=lambda user: str(user.properties.get(order)))]


def _filter(call: Call) -> Any:
    if "$filter" not in call.query:
        return lambda _: True
    matches = parse_filter(call.query["$filter"], advanced=call.counted)
    return lambda user: matches({"id": user.id, **user.properties})


def _expanded(call: Call) -> tuple[str, ...]:
    text = call.query.get("$expand", "")
    if not text:
        return ()
    match = _MANAGER.fullmatch(text)
    if match is None:
        raise bad_request(f"Parsing OData Select and Expand failed: '{text}' cannot be expanded.", "BadRequest")
    return tuple((match["names"] or ",".join(_EXPANDED)).split(","))


def _add_manager(service: GraphService, user: DirectoryObject, names: tuple[str, ...], shown: dict[str, Any]) -> None:
    boss = service.tenant.find(service.tenant.managers.get(user.id, ""))
    if boss is not None:
        shown["manager"] = {"@odata.type": type_name(boss.kind), **row(boss, names)}


def count_users(service: GraphService, call: Call) -> Answer:
    call.need(*READ_USERS)
    if not call.advanced:
        raise bad_request("$count is not currently supported.")
    keep = _filter(call)
    return text_count(sum(1 for user in service.tenant.living("user") if keep(user)))


def text_count(number: int) -> Answer:
    """The answer to `/$count`."""
    return Answer(str(number), headers={"content-type": "text/plain"})


def find_user(service: GraphService, key: str) -> DirectoryObject:
    """The living user of an id or a userPrincipalName."""
    found = service.tenant.find(key)
    if found is None or found.kind != "user":
        found = service.tenant.user_named(key)
    if found is None:
        raise not_found(key)
    return found


def get_user(service: GraphService, call: Call, key: str) -> Answer:
    call.need(*READ_USERS)
    call.allow("$select", "$expand")
    names, expanded = call.selected("user", listed=False), _expanded(call)
    user = find_user(service, key)
    context = context_of("users", names, selected="$select" in call.query) + "/$entity"
    shown = {"@odata.context": f"{call.base}/$metadata#{context}", **row(user, names)}
    if expanded:
        _add_manager(service, user, expanded, shown)
    return Answer(shown)


def get_manager(service: GraphService, call: Call, key: str) -> Answer:
    call.need(*READ_USERS)
    call.allow("$select")
    boss = service.tenant.find(service.tenant.managers.get(find_user(service, key).id, ""))
    if boss is None:
        raise not_found("manager")
    context = f"{call.base}/$metadata#directoryObjects/$entity"
    return Answer({"@odata.context": context, **row(boss, call.selected(boss.kind, listed=False), typed=True)})
