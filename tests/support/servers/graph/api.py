"""Which request is answered by which function."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial

import msgspec

from support.servers.graph import applications, deltas, directory_objects, groups, users
from support.servers.graph.calls import Answer, Call
from support.servers.graph.error_answers import GraphError, body_of, no_segment
from support.servers.graph.service import GraphService

Run = Callable[[str, str, dict[str, str], bytes], tuple[int, dict[str, str], bytes]]
_ID = r"([^/()']+)"
_CAST = r"(?:microsoft\.)?graph\.(\w+)"
"""Of the kind; Microsoft's SDKs write `graph.user`."""
_DELTA = r"(?:delta(?:\(\))?|microsoft\.graph\.delta(?:\(\))?)"
_ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", r"/users", users.list_users),
    ("GET", r"/users/\$count", users.count_users),
    ("GET", rf"/users/{_DELTA}", partial(deltas.delta, kind="user")),
    ("GET", rf"/users/{_ID}", users.get_user),
    ("GET", rf"/users/{_ID}/manager", users.get_manager),
    ("GET", r"/groups", groups.list_groups),
    ("GET", r"/groups/\$count", groups.count_groups),
    ("GET", rf"/groups/{_DELTA}", partial(deltas.delta, kind="group")),
    ("GET", rf"/groups/{_ID}", groups.get_group),
    ("GET", rf"/groups/{_ID}/(members|transitiveMembers)", groups.list_members),
    ("GET", rf"/groups/{_ID}/(members|transitiveMembers)/\$count", groups.count_members),
    ("GET", rf"/groups/{_ID}/(members|transitiveMembers)/{_CAST}", groups.list_members),
    ("GET", rf"/groups/{_ID}/(members|transitiveMembers)/{_CAST}/\$count", groups.count_members),
    ("GET", r"/servicePrincipals", applications.list_principals),
    ("GET", r"/servicePrincipals\(appId='([^']*)'\)", applications.get_principal_by_app),
    ("GET", rf"/servicePrincipals/{_ID}", applications.get_principal),
    ("GET", rf"/servicePrincipals/{_ID}/appRoleAssignedTo", applications.list_assigned),
    ("GET", rf"/servicePrincipals/{_ID}/synchronization/jobs", applications.list_jobs),
    ("GET", rf"/servicePrincipals/{_ID}/synchronization/jobs/{_ID}", applications.get_job),
    ("GET", rf"/servicePrincipals/{_ID}/synchronization/jobs/{_ID}/schema", applications.get_schema),
    ("GET", rf"/servicePrincipals/{_ID}/synchronization/secrets", applications.get_secrets),
    ("GET", r"/applications\(appId='([^']*)'\)", applications.get_application),
    ("GET", r"/auditLogs/provisioning", applications.list_provisioning),
    ("GET", r"/directory/deletedItems", directory_objects.list_deleted),
    ("GET", rf"/directory/deletedItems/{_CAST}", directory_objects.list_deleted),
    ("GET", rf"/directory/deletedItems/{_ID}", directory_objects.get_deleted),
    ("POST", r"/directoryObjects/getByIds", directory_objects.get_by_ids),
    ("POST", r"/directoryObjects/getAvailableExtensionProperties", directory_objects.list_extensions),
    ("GET", r"/directoryObjects/([0-9a-fA-F-]{36})", directory_objects.get_object),
    ("GET", r"/organization", directory_objects.get_organization),
)
_COMPILED = tuple((method, re.compile(pattern), handler) for method, pattern, handler in _ROUTES)


def answer(service: GraphService, call: Call, run: Run) -> Answer:
    """Answer a request that is authenticated; `run` answers the requests of a batch."""
    if (call.method, call.path) == ("POST", "/$batch"):
        return directory_objects.run_batch(call, run)
    known = False
    for method, pattern, handler in _COMPILED:
        match = pattern.fullmatch(call.path)
        if match is None:
            continue
        if method == call.method:
            return handler(service, call, *match.groups())
        known = True
    if known:
        raise GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")
    raise no_segment(call.path.rpartition("/")[2])


JSON = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
_DIAGNOSTIC = {
    "ServerInfo": {
        "DataCenter": "West Europe",
        "Slice": "E",
        "Ring": "5",
        "ScaleUnit": "003",
        "RoleInstance": "AM2PEPF0001",
    }
}


def encode(found: Answer | GraphError, client_request_id: str) -> tuple[int, dict[str, str], bytes]:
    """An answer with Graph's headers, as status, headers by lower-case name, and bytes."""
    request_id = str(uuid.uuid4())
    headers = {
        "content-type": JSON,
        "cache-control": "no-cache",
        "odata-version": "4.0",
        "strict-transport-security": "max-age=31536000",
        "request-id": request_id,
        "client-request-id": client_request_id or request_id,
        "x-ms-ags-diagnostic": json.dumps(_DIAGNOSTIC),
        "x-ms-resource-unit": "1",
    }
    if isinstance(found, GraphError):
        date = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S")
        body = msgspec.json.encode(body_of(found, date, request_id, headers["client-request-id"]))
        return found.status, {**headers, "content-type": "application/json", **found.headers}, body
    raw = found.body.encode() if isinstance(found.body, str) else msgspec.json.encode(found.body)
    return found.status, {**headers, **found.headers}, raw


def folded(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by lower-case name."""
    return {name.casefold(): value for name, value in headers.items()}
