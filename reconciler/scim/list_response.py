"""Parse a ListResponse (RFC 7644 §3.4.2): a page of users."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.core.untrusted_values import parse_count
from reconciler.errors import TargetError
from reconciler.scim.cursor_paging import parse_next_cursor
from reconciler.scim.listed_users import NO_TOTAL, Page

_LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"


def parse_page(body: Mapping[str, Any]) -> Page:
    """Parse a ListResponse, its keys in any case. Raises `TargetError` if it is none.

    The total may be missing (RFC 9865 §2), if the answer says that it is a ListResponse.
    """
    keys = {key.casefold(): value for key, value in body.items()}
    total = parse_count(keys.get("totalresults"))
    schemas = keys.get("schemas")
    is_list = isinstance(schemas, list) and _LIST_RESPONSE in schemas
    if total is None and ("totalresults" in keys or not is_list):
        raise TargetError(NO_TOTAL)
    resources = keys.get("resources") or []
    if not isinstance(resources, list) or not {dict}.issuperset(map(type, resources)):
        raise TargetError("the service lists users that are not JSON objects")
    return Page(total, resources, *parse_next_cursor(keys.get("nextcursor")))
