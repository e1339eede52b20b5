"""A small seed document."""

from collections.abc import Mapping
from typing import Any

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


CORE = "urn:ietf:params:scim:schemas:core:2.0:User"


FIVE: Mapping[str, Any] = {
    "domains": ["example.com"],
    "quirks": {"page_cap": 2, "patch_rejects": ["emails"]},
    "users": [
        {
            "schemas": [CORE, ENTERPRISE],
            "id": "GN-given",
            "userName": "ada@example.com",
            "externalId": "e1",
            "name": {"givenName": "Ada", "familyName": "Lovelace"},
            "active": True,
            "locale": "en_GB",
            "timezone": "Europe/London",
            "emails": [{"value": "ada@example.com", "type": "work", "primary": True, "display": "A"}],
            ENTERPRISE: {"employeeNumber": "0012", "costCenter": "1", "division": "D", "department": "Engineering"},
            "meta": {"resourceType": "User", "lastModified": "2026-01-02T03:04:05Z"},
        },
        {"userName": "grace@example.com", "active": False},
        {"userName": "o'brien+x@example.com", "name": {"givenName": "名", "familyName": "姓"}},
        {"userName": '"a b"@example.com'},
        {"userName": "Émile@EXAMPLE.com"},
    ],
    "accounts": [{"kind": kind, "userName": f"{kind}@example.com"} for kind in ("manual", "jit", "admin", "personal")],
    "deleted": [{"userName": "gone@example.com", "days_ago": 12.5}],
}
