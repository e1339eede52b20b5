"""Read users directly from the file: plain lists, single users and the three filters that Apple is known to support.

scim2-server sorts and serialises every user for each page, at almost a millisecond per user, and reads are a hundred
times more frequent than all other requests.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from reconciler.sandbox.http_messages import RefusalError, Request, Response, build_json_response
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.representation import build_list_response, represent
from reconciler.sandbox.store import Store
from reconciler.sandbox.user_table import UserRow

_PAGING = frozenset({"startindex", "count"})
# A field report has a client send the value without quotes.
_FILTER = re.compile(r'\s*(userName|externalId|id)\s+eq\s+("(?:[^"\\]|\\.)*"|[^\s"]+)\s*', re.IGNORECASE)


def is_listed_here(query: Mapping[str, str], quirks: Quirks) -> bool:
    """Whether this module lists the users; the protocol core handles the rest of RFC 7644."""
    return quirks.filters == "eq" or all(key.lower() in _PAGING for key in query)


def list_users(store: Store, request: Request, quirks: Quirks) -> Response:
    """Return a page of users, filtered or not. Raises RefusalError (400 invalidFilter, invalidValue)."""
    query = {key.lower(): value for key, value in request.query.items()}
    start = max(_parse_integer(query, "startindex", 1), 1)
    # RFC 7644 §3.4.2.4: a negative count is zero.
    count = min(max(_parse_integer(query, "count", quirks.page_cap), 0), quirks.page_cap)
    text = query.get("filter")
    if text is None:
        total, rows = _read_page(store, quirks, start - 1, count)
    else:
        found = _find_matching(store, text)
        total, rows = len(found), found[start - 1 :][:count]
    users = [represent(row, request.base_url, quirks) for row in rows]
    return build_json_response(200, build_list_response(users, total=total, start_index=start, quirks=quirks))


def read_user(store: Store, request: Request, identifier: str, quirks: Quirks) -> Response:
    """Return one user. Raises RefusalError (404)."""
    row = store.users.get(identifier)
    if row is None:
        raise RefusalError(404, f"User {identifier!r} not found")
    user = represent(row, request.base_url, quirks)
    return build_json_response(200, user, {"Content-Location": user["meta"]["location"]})


def _read_page(store: Store, quirks: Quirks, skip: int, count: int) -> tuple[int, list[UserRow]]:
    now = store.now().timestamp()
    # Field report: the list may lack accounts whose names are taken. Here those are the oldest ones.
    hidden = quirks.list_hides_n
    total = max(store.users.count(now=now) - hidden, 0)
    return total, store.users.list_page(now=now, skip=skip + hidden, count=count)


def _find_matching(store: Store, text: str) -> list[UserRow]:
    found = _FILTER.fullmatch(text)
    if found is None:
        raise RefusalError(400, f"Filter {text!r} is not supported", scim_type="invalidFilter")
    row = _look_up(store, found.group(1).lower(), _unquote(found.group(2)))
    if row is None or row.visible_from > store.now().timestamp():
        return []
    return [row]


def _look_up(store: Store, attribute: str, value: str) -> UserRow | None:
    if attribute == "username":
        return store.users.find_by_name(value)
    # RFC 7643 §3.1: id and externalId are case-exact.
    return store.users.get(value) if attribute == "id" else store.users.find_by_external_id(value)


def _unquote(text: str) -> str:
    if not text.startswith('"'):
        return text
    try:
        # RFC 7644 §3.4.2.2: a filter's strings are JSON strings.
        value: Any = json.loads(text)
        value.encode()
    except ValueError as error:
        raise RefusalError(400, f"{text} is not a JSON string", scim_type="invalidFilter") from error
    return str(value)


def _parse_integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name)
    if text is None:
        return default
    if not re.fullmatch(r"\s*[+-]?[0-9]{1,18}\s*", text):
        raise RefusalError(400, f"{name} can't be {text!r}", scim_type="invalidValue")
    return int(text)
