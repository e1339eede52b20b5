"""The discovery documents of the fake server (RFC 7643 §5 and §6)."""

from typing import Any

from support.servers.patching import CORE, ENTERPRISE
from support.servers.server_faults import ServerFaults

NAMES = frozenset({"ServiceProviderConfig", "ResourceTypes"})
_CONFIG = "urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"
_TYPE = "urn:ietf:params:scim:schemas:core:2.0:ResourceType"
_LIST = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def document(name: str, base_url: str, faults: ServerFaults) -> dict[str, Any]:
    return _config(base_url, faults) if name == "ServiceProviderConfig" else _resource_types(base_url)


def schemas(**row: Any) -> dict[str, Any]:
    """Return the answer to /Schemas, with `row` in the row of userName."""
    name = {"name": "userName", "type": "string", "required": True, "caseExact": False, "uniqueness": "server", **row}
    user = {"id": CORE, "name": "User", "attributes": [{"name": "title", "uniqueness": "none"}, name]}
    others = [{"id": ENTERPRISE, "attributes": [{"name": "department", "uniqueness": "none"}]}]
    return {"schemas": [_LIST], "totalResults": 2, "Resources": [user, *others]}


def _config(base_url: str, faults: ServerFaults) -> dict[str, Any]:
    return {
        "schemas": [_CONFIG],
        "patch": {"supported": True},
        "bulk": {"supported": False, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": faults.filter_unsupported is None, "maxResults": faults.page_cap or 1000},
        "changePassword": {"supported": False},
        "sort": {"supported": False},
        "etag": {"supported": not faults.no_etag},
        "authenticationSchemes": [
            {"type": "oauthbearertoken", "name": "Bearer token", "description": "A bearer token (RFC 6750)"}
        ],
        "meta": {"resourceType": "ServiceProviderConfig", "location": f"{base_url}/ServiceProviderConfig"},
    }


def _resource_types(base_url: str) -> dict[str, Any]:
    user = {
        "schemas": [_TYPE],
        "id": "User",
        "name": "User",
        "endpoint": "/Users",
        "schema": CORE,
        "schemaExtensions": [{"schema": ENTERPRISE, "required": False}],
        "meta": {"resourceType": "ResourceType", "location": f"{base_url}/ResourceTypes/User"},
    }
    return {"schemas": [_LIST], "totalResults": 1, "startIndex": 1, "itemsPerPage": 1, "Resources": [user]}
