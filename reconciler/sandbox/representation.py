"""The SCIM representation of a stored user: Apple omits some of its attributes."""

from collections.abc import Mapping
from typing import Any

from reconciler.sandbox.attributes import CORE, ENTERPRISE, schemas_of
from reconciler.sandbox.http_messages import LIST_SCHEMA
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.user_table import UserRow

# RFC 7643 §4.1.1: `returned: never`.
_NEVER_RETURNED = "password"


def build_location(base_url: str, identifier: str) -> str:
    """Return a user's URL."""
    return f"{base_url}/Users/{identifier}"


def represent(row: UserRow, base_url: str, quirks: Quirks) -> dict[str, Any]:
    """Return the SCIM JSON of a stored user, as sent."""
    meta = {
        "resourceType": row.type,
        "created": row.created,
        "lastModified": row.modified,
        "location": build_location(base_url, row.id),
    }
    if quirks.etag:
        meta["version"] = row.version
    kept = {key: value for key, value in row.body.items() if key not in ("schemas", _NEVER_RETURNED)}
    return apply_quirks(
        {"schemas": row.body.get("schemas") or schemas_of(row.body), "id": row.id, **kept, "meta": meta}, quirks
    )


def apply_quirks(user: Mapping[str, Any], quirks: Quirks) -> dict[str, Any]:
    """Return a user's SCIM JSON without what Apple omits."""
    sent = dict(user)
    if quirks.lowercase_username and isinstance(sent.get("userName"), str):
        sent["userName"] = sent["userName"].lower()
    # Field report: `active` is there when it is false only. RFC 7643 gives it no default: absent is not false.
    if quirks.omit_active_when_true and sent.get("active") is True:
        del sent["active"]
    if quirks.omit_primary and isinstance(sent.get("emails"), list):
        sent["emails"] = [_drop_primary(email) for email in sent["emails"]]
    if ENTERPRISE in sent and not sent[ENTERPRISE]:
        del sent[ENTERPRISE]
        sent["schemas"] = [urn for urn in sent.get("schemas", [CORE]) if urn != ENTERPRISE]
    return sent


def _drop_primary(email: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in email.items() if key != "primary"}


def build_list_response(users: list[dict[str, Any]], *, total: int, start_index: int, quirks: Quirks) -> dict[str, Any]:
    """Return a ListResponse (RFC 7644 §3.4.2) under the quirks."""
    body: dict[str, Any] = {"schemas": [LIST_SCHEMA], "totalResults": total, "startIndex": start_index}
    if quirks.items_per_page != "absent":
        body["itemsPerPage"] = len(users) if quirks.items_per_page == "ok" else 0
    if users or not quirks.resources_absent_when_empty:
        body["Resources"] = users
    return body
