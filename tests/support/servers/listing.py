"""`GET /Users`: filter, order, page, and how users are shown, each with its faults."""

import hashlib
import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from support.servers.cursors import Cursors
from support.servers.patching import CORE, ENTERPRISE, MULTI_VALUED, Refused, User, bad
from support.servers.server_faults import ServerFaults

LIST_RESPONSE = "urn:ietf:params:scim:api:messages:2.0:ListResponse"
DEFAULT_COUNT = 100

_CLAUSE = re.compile(r'(?P<attribute>[\w:.]+)\s+(?P<operator>\w+)\s+(?P<value>"(?:[^"\\]|\\.)*")')
_AND = re.compile(r"\s+and\s+", re.IGNORECASE)
_FILTERABLE = {"username": "userName", "externalid": "externalId", "id": "id"}


def matching(users: Sequence[User], filter_text: str, *, case_exact: bool = False) -> list[User]:
    """The users `attribute eq "value"` is true for; several such clauses joined by `and`. `case_exact`: of userName."""
    clauses = _clauses(filter_text.strip())
    return [user for user in users if all(_equal(user, *clause, case_exact=case_exact) for clause in clauses)]


def _clauses(text: str) -> list[tuple[str, str]]:
    clauses, position = [], 0
    while True:
        match = _CLAUSE.match(text, position)
        if match is None:
            raise bad(f"cannot read the filter: {text}", "invalidFilter")
        attribute = _FILTERABLE.get(match["attribute"].removeprefix(f"{CORE}:").lower())
        if attribute is None or match["operator"].lower() != "eq":
            raise bad(f"only userName, externalId, id and eq can be filtered by: {text}", "invalidFilter")
        clauses.append((attribute, json.loads(match["value"])))
        position = match.end()
        if position == len(text):
            return clauses
        joint = _AND.match(text, position)
        if joint is None:
            raise bad(f"cannot read the filter: {text}", "invalidFilter")
        position = joint.end()


def _equal(user: User, attribute: str, value: str, *, case_exact: bool) -> bool:
    own = user.get(attribute)
    # RFC 7643 §4.1.1 and §3.1: userName is not caseExact, id and externalId are.
    folds = attribute == "userName" and not case_exact
    return own is not None and (own.lower() == value.lower() if folds else own == value)


def listed(users: Sequence[User], faults: ServerFaults) -> list[User]:
    """The users as a list without a filter has them, with the faults of which users it shows as whom."""
    if faults.empty_lie:
        return []
    shown = [user for user in users if user["userName"] != faults.hide_in_lists]
    if faults.rotate_user_names:
        shown = _rotated(shown, "userName")
    if faults.rotate_external_ids:
        shown = _rotated(shown, "externalId")
    if faults.inactive_in_lists:
        shown = [{**user, "active": False} for user in shown]
    if faults.repeat_in_lists:
        shown[-1:] = shown[:1]
    return shown


def _rotated(users: Sequence[User], name: str) -> list[User]:
    following = [*users[1:], *users[:1]]
    return [{**user, name: other[name]} for user, other in zip(users, following, strict=True)]


def ordered(users: Sequence[User], faults: ServerFaults, turn: int) -> list[User]:
    result = list(users)
    if faults.newest_first:
        result.reverse()
    if faults.ids_as_text:
        result.sort(key=lambda user: str(user["id"]))
    if faults.unstable_order:
        random.Random(f"{faults.seed}/{turn}").shuffle(result)  # noqa: S311
    return result


@dataclass(frozen=True, slots=True)
class Page:
    users: Sequence[User]
    total: int
    start: int
    by_cursor: bool = False
    next_cursor: Any = None


def page(users: Sequence[User], query: Mapping[str, str], faults: ServerFaults, cursors: Cursors | None) -> Page:
    if cursors is None:
        return _page_by_index(users, query, faults)
    if not cursors.serves(query):
        return _page_by_index(users, query, faults)
    if "startIndex" in query and cursors.faults.index == "works too":
        found = _page_by_index(users, query, faults)
        return replace(found, next_cursor=cursors.page(users, {})[1])
    shown, cursor = cursors.page(users, query)
    total = len(users) if faults.claim_total is None else faults.claim_total
    return Page(shown, total, 1, by_cursor=True, next_cursor=None if cursors.hides(query) else cursor)


def _page_by_index(users: Sequence[User], query: Mapping[str, str], faults: ServerFaults) -> Page:
    asked_start, count = _window(query, faults)
    total = len(users)
    beyond = faults.first_page_past_end and asked_start > total
    start = 1 if faults.ignore_start_index or beyond else asked_start
    end = start - 1 + count
    shown = list(users[start - 1 : end if faults.cap_depth is None else min(end, faults.cap_depth)])
    number = (start - 1) // count + 1 if count else 0
    if number == faults.short_page:
        shown = shown[:-1]
    if number == faults.duplicate_on_page and start > 1 and shown:
        shown[0] = users[start - 2]
    if faults.cap_total is not None:
        total = min(total, faults.cap_total)
    total = total if faults.claim_total is None else faults.claim_total
    return Page(shown, total, asked_start if faults.echo_start_index else start)


def _window(query: Mapping[str, str], faults: ServerFaults) -> tuple[int, int]:
    # RFC 7644 §3.4.2.4: below 1 is 1, a negative count is 0.
    start = max(1, _integer(query, "startIndex", 1))
    count = max(0, _integer(query, "count", DEFAULT_COUNT))
    if faults.reject_count_above is not None and count > faults.reject_count_above:
        raise Refused(faults.reject_status, f"count is {faults.reject_count_above} at most", "invalidValue")
    return start, count if faults.page_cap is None else min(count, faults.page_cap)


def _integer(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not re.fullmatch(r"-?\d{1,9}", text):
        raise bad(f"{name} is not a whole number: {text}", "invalidValue")
    return int(text)


def list_response(shown: Page, faults: ServerFaults, base_url: str) -> dict[str, Any]:
    users = [view(user, faults, base_url, in_list=True) for user in shown.users]
    total: int | str = str(shown.total) if faults.total_as_string else shown.total
    body: dict[str, Any] = {
        "schemas": [LIST_RESPONSE],
        "totalResults": total,
        "startIndex": shown.start,
        "itemsPerPage": len(users),
        "resources" if faults.resources_lowercase else "Resources": users,
    }
    if shown.next_cursor is not None:
        body["nextCursor"] = shown.next_cursor
    if faults.total_missing or (shown.by_cursor and faults.cursors is not None and faults.cursors.no_total):
        del body["totalResults"]
    if faults.omit_items_per_page:
        del body["itemsPerPage"]
    if faults.resources_missing_when_empty and not users:
        body.pop("resources", None)
        body.pop("Resources", None)
    return body


def view(user: User, faults: ServerFaults, base_url: str, *, in_list: bool = False) -> User:
    """The user as the service shows it."""
    shown = dict(user)
    if faults.drop_enterprise_in_lists and in_list and shown.pop(ENTERPRISE, None):
        shown["schemas"] = [s for s in shown["schemas"] if s != ENTERPRISE]
    if shown.get("active") is True and faults.omit_active_when_true:
        del shown["active"]
    elif "active" in shown and faults.active_as_string:
        shown["active"] = str(shown["active"])
    if faults.active_as_string:
        shown.update(_write_primary_as_text(shown))
    shown.pop("password", None)
    shown["meta"] = _meta(user, faults, base_url, shown)
    if faults.omit_meta:
        del shown["meta"]
    if faults.id_as_integer and str(shown["id"]).isdigit():
        shown["id"] = int(shown["id"])
    if user["userName"] == faults.user_without_id:
        del shown["id"]
    return shown


def _write_primary_as_text(shown: User) -> User:
    return {
        name: [{**part, "primary": str(part["primary"])} if "primary" in part else part for part in parts]
        for name, parts in shown.items()
        if name in MULTI_VALUED
    }


def _meta(user: User, faults: ServerFaults, base_url: str, shown: User) -> dict[str, Any]:
    meta = {**user.get("meta", {}), "location": f"{base_url}/Users/{user['id']}"}
    version = etag(user, faults, shown)
    return meta if version is None else {**meta, "version": version}


def etag(user: User, faults: ServerFaults, shown: User) -> str | None:
    """The entity tag: of what is stored, so that it changes when a test edits `users`."""
    if faults.no_etag:
        return None
    source = {k: v for k, v in shown.items() if k != "meta"} if faults.body_hash_etag_ignores_if_match else user
    digest = hashlib.sha256(repr(source).encode()).hexdigest()
    return f'W/"{digest[:16]}"'
