"""/directory/deletedItems, /directoryObjects, /organization, $batch."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from support.servers.graph.calls import Answer, Call
from support.servers.graph.error_answers import GraphError, bad_request, not_found, unsupported_query
from support.servers.graph.groups import member_row
from support.servers.graph.pages import context_of, numbered, page, start_of
from support.servers.graph.rows import row
from support.servers.graph.service import GraphService
from support.servers.graph.users import READ_USERS

_READ_ALL = ("Directory.Read.All", "Directory.ReadWrite.All")
_MOST_IDS = 1000
_MOST_REQUESTS = 20


def list_deleted(service: GraphService, call: Call, cast: str | None = None) -> Answer:
    """Deleted users or groups; the cast is mandatory."""
    kind = cast or ""
    if kind not in {"user", "group"}:
        raise unsupported_query("The type of the deleted items must be given.")
    call.need(*(READ_USERS if kind == "user" else ("Group.Read.All", *_READ_ALL)))
    service.check_page(call)
    call.allow("$select", "$top", "$count", "$skiptoken")
    names = call.selected(kind)
    deleted = [service.tenant.objects.get(found) for found in service.tenant.order[kind]]
    rows = [row(entry, names) for entry in deleted if entry is not None and entry.deleted is not None]
    context = context_of(f"{kind}s", names, selected="$select" in call.query)
    return Answer(page(call, context, numbered(rows, start_of(call)), service.size(call), service.page_generation))


def get_deleted(service: GraphService, call: Call, key: str) -> Answer:
    call.need(*READ_USERS, *_READ_ALL)
    entry = service.tenant.objects.get(key.casefold())
    if entry is None or entry.deleted is None:
        raise not_found(key)
    names = call.selected(entry.kind, listed=False)
    return Answer(
        {"@odata.context": f"{call.base}/$metadata#directoryObjects/$entity", **row(entry, names, typed=True)}
    )


def get_object(service: GraphService, call: Call, key: str) -> Answer:
    call.need(*_READ_ALL)
    entry = service.tenant.find(key)
    if entry is None:
        raise not_found(key)
    return Answer({"@odata.context": f"{call.base}/$metadata#directoryObjects/$entity", **member_row(call, entry, ())})


def get_by_ids(service: GraphService, call: Call) -> Answer:
    """Up to 1,000 ids; unknown ones are silently left out, and no query option is allowed."""
    call.need(*_READ_ALL)
    call.allow()
    asked = call.document()
    ids, kinds = asked.get("ids"), asked.get("types") or []
    if not isinstance(ids, list) or not ids or len(ids) > _MOST_IDS:
        raise bad_request(f"Invalid value specified for property 'ids': 1 to {_MOST_IDS} are allowed.")
    found = (service.tenant.find(str(one)) for one in dict.fromkeys(ids))
    rows = [member_row(call, entry, ()) for entry in found if entry is not None and (not kinds or entry.kind in kinds)]
    return Answer({"@odata.context": f"{call.base}/$metadata#directoryObjects", "value": rows})


def list_extensions(service: GraphService, call: Call) -> Answer:
    call.need("Application.Read.All", *_READ_ALL)
    call.allow()
    call.document()
    context = f"{call.base}/$metadata#extensionProperties"
    return Answer({"@odata.context": context, "value": service.tenant.extensions})


def get_organization(service: GraphService, call: Call) -> Answer:
    """The tenant; its verified domains need a permission that an import does not."""
    tenant = service.tenant
    may = call.has("Organization.Read.All", *_READ_ALL)
    domains = [
        {"capabilities": "Email", "isDefault": place == 0, "isInitial": place == 0, "name": name, "type": "Managed"}
        for place, name in enumerate(tenant.domains)
    ]
    shown = {"id": tenant.id, "displayName": tenant.name, "verifiedDomains": domains if may else []}
    return Answer({"@odata.context": f"{call.base}/$metadata#organization", "value": [shown]})


def run_batch(
    call: Call, run: Callable[[str, str, dict[str, str], bytes], tuple[int, dict[str, str], bytes]]
) -> Answer:
    """Up to 20 requests, answered in reverse order: no order is promised."""
    requests = call.document().get("requests")
    if not isinstance(requests, list) or not 1 <= len(requests) <= _MOST_REQUESTS:
        raise bad_request(f"Number of batch request steps exceeds the maximum value of {_MOST_REQUESTS}.", "BadRequest")
    ids = [str(one.get("id")).casefold() for one in requests]
    if len(set(ids)) != len(ids):
        raise bad_request("Request Ids should be unique (case-insensitive).", "BadRequest")
    responses: dict[str, dict[str, Any]] = {}
    for one in requests:
        after = one.get("dependsOn") or []
        if any(responses[other]["status"] >= 400 for other in after if other in responses):
            failed = {"error": {"code": "FailedDependency", "message": "The request depends on one that failed."}}
            responses[one["id"]] = {"id": one["id"], "status": 424, "headers": {}, "body": failed}
            continue
        responses[one["id"]] = {"id": one["id"], **_batched(call, run, one)}
    return Answer({"responses": list(reversed(responses.values()))})


def _batched(call: Call, run: Callable[..., tuple[int, dict[str, str], bytes]], one: dict[str, Any]) -> dict[str, Any]:
    url = str(one.get("url", ""))
    if not url.startswith("/"):
        raise GraphError(400, "BadRequest", f"Invalid url: {url}")
    body = json.dumps(one["body"]).encode() if "body" in one else b""
    status, headers, raw = run(str(one.get("method", "GET")), f"/{call.version}{url}", one.get("headers") or {}, body)
    kind = headers.get("content-type", "")
    shown: Any = json.loads(raw) if "json" in kind else base64.b64encode(raw).decode()
    return {"status": status, "headers": {name.title(): value for name, value in headers.items()}, "body": shown}
