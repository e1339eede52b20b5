"""/groups, and their members."""

from __future__ import annotations

from typing import Any

from support.servers.graph.calls import Answer, Call
from support.servers.graph.error_answers import bad_request, denied, not_found, unsupported_query
from support.servers.graph.filters import parse_filter
from support.servers.graph.pages import context_of, numbered, page, start_of
from support.servers.graph.rows import limited_row, names_for, row
from support.servers.graph.service import GraphService
from support.servers.graph.tenant import DirectoryObject
from support.servers.graph.users import READ_USERS, text_count

READ_GROUPS = (
    "GroupMember.Read.All", "GroupMember.ReadWrite.All", "Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All",
    "Directory.ReadWrite.All",
)  # fmt: skip
_READ_HIDDEN = "Member.Read.Hidden"


def list_groups(service: GraphService, call: Call) -> Answer:
    call.need(*READ_GROUPS)
    service.check_page(call)
    call.allow("$select", "$filter", "$top", "$count", "$skiptoken")
    names = call.selected("group")
    groups = list(service.tenant.living("group"))
    if "$filter" in call.query:
        matches = parse_filter(call.query["$filter"], advanced=call.counted)
        groups = [group for group in groups if matches({"id": group.id, **group.properties})]
    rows = numbered([row(group, names) for group in groups], start_of(call))
    context = context_of("groups", names, selected="$select" in call.query)
    body = page(call, context, rows, service.size(call), service.page_generation)
    if call.counted and call.token is None:
        body = {"@odata.context": body.pop("@odata.context"), "@odata.count": len(groups), **body}
    return Answer(body)


def count_groups(service: GraphService, call: Call) -> Answer:
    call.need(*READ_GROUPS)
    if not call.advanced:
        raise bad_request("$count is not currently supported.")
    return text_count(sum(1 for _ in service.tenant.living("group")))


def get_group(service: GraphService, call: Call, key: str) -> Answer:
    call.need(*READ_GROUPS)
    call.allow("$select")
    group, names = _find(service, key), call.selected("group", listed=False)
    context = context_of("groups", names, selected="$select" in call.query) + "/$entity"
    return Answer({"@odata.context": f"{call.base}/$metadata#{context}", **row(group, names)})


def _find(service: GraphService, key: str) -> DirectoryObject:
    group = service.tenant.find(key)
    if group is None or group.kind != "group":
        raise not_found(key)
    return group


def list_members(service: GraphService, call: Call, key: str, relation: str, cast: str | None = None) -> Answer:
    """`relation`: members or transitiveMembers; `cast`: a kind such as user; an advanced query."""
    call.need(*READ_GROUPS)
    service.check_page(call)
    call.allow("$select", "$top", "$count", "$filter", "$skiptoken")
    if "$filter" in call.query or (cast is not None and not call.counted):
        raise unsupported_query("Request not supported: OData cast requires ConsistencyLevel: eventual and $count.")
    ids = _member_ids(service, call, key, relation)
    if cast is not None:
        call.selected(cast)
    names = call.names()
    rows = (
        (place + 1, member_row(call, entry, names, typed=cast is None))
        for place in range(start_of(call), len(ids))
        if (entry := _shown(service, ids[place], cast)) is not None
    )
    entity_set = "directoryObjects" if cast is None else f"{cast}s"
    context = context_of(entity_set, names, selected=bool(names))
    body = page(call, context, rows, service.size(call), service.page_generation)
    if call.counted and call.token is None:
        count = sum(1 for found in ids if _shown(service, found, cast) is not None)
        body = {"@odata.context": body.pop("@odata.context"), "@odata.count": count, **body}
    return Answer(body)


def member_row(call: Call, entry: DirectoryObject, selected: tuple[str, ...], *, typed: bool = True) -> dict[str, Any]:
    """One object among others: of a kind that the token may not read only type and id are shown."""
    names = names_for(entry, selected)
    if entry.kind in {"user", "orgContact"} and not call.has(*READ_USERS):
        return limited_row(entry, names)
    if entry.kind == "group" and not call.has(*READ_GROUPS):
        return limited_row(entry, names)
    if entry.kind == "device" and not call.has("Device.Read.All", "Directory.Read.All"):
        return limited_row(entry, names)
    return row(entry, ("id", *(name for name in names if name != "id")), typed=typed)


def _member_ids(service: GraphService, call: Call, key: str, relation: str) -> list[str]:
    """The members, deleted ones too: the place of one does not move while a client reads."""
    group = _find(service, key)
    if group.properties.get("visibility") == "HiddenMembership" and not call.has(_READ_HIDDEN):
        if service.hidden_as_empty:
            return []
        raise denied()
    if relation == "members":
        return list(service.tenant.members[group.id])
    return [entry.id for entry in service.tenant.transitive_members(group.id)]


def _shown(service: GraphService, found: str, cast: str | None) -> DirectoryObject | None:
    entry = service.tenant.find(found)
    return entry if entry is not None and (cast is None or entry.kind == cast) else None


def count_members(service: GraphService, call: Call, key: str, relation: str, cast: str | None = None) -> Answer:
    call.need(*READ_GROUPS)
    if not call.advanced:
        raise bad_request("$count is not currently supported.")
    ids = _member_ids(service, call, key, relation)
    return text_count(sum(1 for found in ids if _shown(service, found, cast) is not None))
