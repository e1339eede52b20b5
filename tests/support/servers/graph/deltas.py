"""/users/delta and /groups/delta.

A token says up to which change its owner knows the tenant. A round lists what changed since, as it is now, page by
page; its deltaLink says where the round began, so that what changes meanwhile comes again.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from support.servers.graph.calls import Answer, Call
from support.servers.graph.error_answers import GraphError, bad_request, unsupported_query
from support.servers.graph.groups import READ_GROUPS
from support.servers.graph.page_tokens import seal, unseal
from support.servers.graph.pages import context_of
from support.servers.graph.properties import PROPERTIES, is_extension
from support.servers.graph.rows import type_name, value_of
from support.servers.graph.service import DeltaEnd, GraphService
from support.servers.graph.tenant import Change, DirectoryObject
from support.servers.graph.users import READ_USERS

_NAVIGATION = {"user": "manager", "group": "members"}
_READ = {"user": READ_USERS, "group": READ_GROUPS}
_MEMBERS_ON_PAGE = 20


@dataclass(slots=True)
class _Since:
    """What happened to one object in a round's window."""

    whole: bool = False
    """It was created or restored, or is listed for the first time: everything is shown."""
    names: set[str] = field(default_factory=set)
    before: dict[str, Any] = field(default_factory=dict)
    relations: dict[str, None] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        self.whole |= not change.names
        self.names |= change.names
        self.before = {**change.before, **self.before}
        if change.relation:
            self.relations[change.relation] = None


@dataclass(slots=True)
class _Round:
    """A round under way. `entries`: id, and whether the row shows what was in place of what is."""

    kind: str
    selected: tuple[str, ...]
    since: dict[str, _Since]
    entries: list[tuple[str, bool]]
    next: dict[str, Any]
    """What the deltaLink says."""


def delta(service: GraphService, call: Call, kind: str) -> Answer:
    """One page of a round of `kind`, user or group."""
    call.need(*_READ[kind])
    for name in ("$expand", "$orderby", "$top", "$search", "$count"):
        if name in call.query:
            raise unsupported_query(f"{name} is not supported by delta queries.")
    if "$skiptoken" in call.query:
        token = _unsealed(service, call, call.query["$skiptoken"])
        return _page(service, call, int(token["round"]), int(token["at"]))
    return _page(service, call, _begin(service, call, kind), 0)


def _unsealed(service: GraphService, call: Call, text: str) -> dict[str, Any]:
    content = unseal(text)
    if content is None:
        raise bad_request("Badly formed token.", "Request_BadRequest")
    if content["generation"] == service.delta_generation:
        return content
    if service.delta_end is DeltaEnd.GONE:
        location = f"{call.base}{call.path}?$deltatoken="
        message = "Resync required. Please do a full enumeration."
        raise GraphError(410, "resyncRequired", message, {"location": location})
    raise GraphError(400, "syncStateNotFound", "The sync state generation is not found; restart the synchronization.")


def _begin(service: GraphService, call: Call, kind: str) -> int:
    """Open a round and return its number."""
    text = call.query.get("$deltatoken", "")
    token = _unsealed(service, call, text) if text not in {"", "latest"} else None
    changes = service.tenant.changes[kind]
    if token is None:
        selected, since = _selected(call, kind), _first(service, kind)
        content = {"kind": kind, "selected": selected, "since": len(changes), "before": 0, "late": {}}
        if text == "latest":
            since = {}
    else:
        selected = tuple(token["selected"])
        since, late = _window(service, token, changes)
        content = {**token, "before": token["since"], "since": len(changes), "late": late}
    content["generation"] = service.delta_generation
    number = len(service.rounds)
    service.rounds[number] = _Round(kind, selected, since, _entries(service, since, number), content)
    return number


def _selected(call: Call, kind: str) -> tuple[str, ...]:
    navigation = _NAVIGATION[kind]
    names = call.names() or (*call.selected(kind), *(("members",) if kind == "group" else ()))
    for name in names:
        if name != navigation and name not in PROPERTIES[kind] and not is_extension(name):
            raise GraphError(501, "NotImplemented", f"'{name}' is not supported by delta queries.")
    return ("id", *(name for name in names if name != "id"))


def _first(service: GraphService, kind: str) -> dict[str, _Since]:
    tenant = service.tenant
    return {
        found: _Since(whole=True)
        for found in tenant.order[kind]
        if (entry := tenant.objects.get(found)) is not None
        and (entry.deleted is None or service.habits.removed_in_first_round)
    }


def _window(
    service: GraphService, token: Mapping[str, Any], changes: Sequence[Change]
) -> tuple[dict[str, _Since], dict[str, int]]:
    """What changed since the token, and what of it comes a round late: id -> from which change on."""
    habits = service.habits
    start = token["before"] if habits.replays else token["since"]
    since: dict[str, _Since] = {}
    for change in changes[start:]:
        since.setdefault(change.id, _Since()).add(change)
    for found, place in token["late"].items():
        since[found] = _Since()
        for change in changes[place:]:
            if change.id == found:
                since[found].add(change)
    late = {}
    if habits.late:
        chance = _chance(habits.seed, len(changes), token["since"])
        late = {found: start for found in since if found not in token["late"] and chance.random() < habits.late}
    selected = set(token["selected"])
    shown = {found: one for found, one in since.items() if found not in late and (one.whole or one.names & selected)}
    return shown, late


def _chance(*seeds: int) -> random.Random:
    return random.Random(" ".join(map(str, seeds)))  # noqa: S311 - a test can be repeated


def _entries(service: GraphService, since: Mapping[str, _Since], number: int) -> list[tuple[str, bool]]:
    habits = service.habits
    chance = _chance(habits.seed, number)
    entries = [(found, False) for found in since]
    if habits.shuffled:
        chance.shuffle(entries)
    if habits.duplicates:
        again = [found for found in since if chance.random() < 0.5]
        # What was comes before what is: the last row of a round counts.
        entries = [
            *((found, True) for found in again),
            *entries,
            *((found, False) for found in again if chance.random() < 0.5),
        ]
    return entries


def _page(service: GraphService, call: Call, number: int, start: int) -> Answer:
    found = service.rounds.get(number)
    if found is None:
        raise bad_request("Badly formed token.")
    context = context_of(f"{found.kind}s", found.selected, selected="$select" in call.query)
    body: dict[str, Any] = {"@odata.context": f"{call.base}/$metadata#{context}"}
    end = start + service.delta_page
    if end < len(found.entries):
        token = {"round": number, "at": end, "generation": service.delta_generation}
        body["@odata.nextLink"] = f"{call.base}{call.path}?$skiptoken={seal(token)}"
    else:
        body["@odata.deltaLink"] = f"{call.base}{call.path}?$deltatoken={seal(found.next)}"
    minimal = "return=minimal" in call.headers.get("prefer", "")
    body["value"] = [
        shown
        for entry_id, old in found.entries[start:end]
        for shown in _rows(service, found, entry_id, old=old, minimal=minimal)
    ]
    return Answer(body)


def _rows(service: GraphService, found: _Round, entry_id: str, *, old: bool, minimal: bool) -> list[dict[str, Any]]:
    tenant, since = service.tenant, found.since[entry_id]
    entry = tenant.objects.get(entry_id)
    if entry is None or entry.deleted is not None:
        reason = "changed" if entry is not None else "deleted"
        return [] if service.habits.silent_deletions else [{"id": entry_id, "@removed": {"reason": reason}}]
    shown = _properties(entry, found.selected, since, old=old, minimal=minimal)
    navigation = _NAVIGATION[found.kind]
    if navigation not in found.selected or old or not (since.whole or navigation in since.names):
        return [shown]
    if found.kind == "user":
        return [{**shown, **_manager(service, entry_id, since)}]
    return _with_members(service, entry_id, since, shown)


def _properties(
    entry: DirectoryObject, selected: Sequence[str], since: _Since, *, old: bool, minimal: bool
) -> dict[str, Any]:
    """What was ever set of the selected properties; minimal: what changed."""
    names = [
        name
        for name in selected
        if name == "id" or (name in entry.properties and (since.whole or not minimal or name in since.names))
    ]
    shown = {name: value_of(entry, name) for name in names}
    if old:
        shown.update({name: value for name, value in since.before.items() if name in shown})
    return shown


def _manager(service: GraphService, user: str, since: _Since) -> dict[str, Any]:
    tenant = service.tenant
    now = tenant.managers.get(user)
    gone = [before for before in since.relations if before != now]
    entries: list[dict[str, Any]] = [
        {"@odata.type": type_name("user"), "id": before, "@removed": {"reason": "deleted"}} for before in gone
    ]
    if now is not None and tenant.find(now) is not None:
        entries.append({"@odata.type": type_name(tenant.objects[now].kind), "id": now})
    return {"manager@delta": entries} if entries else {}


def _with_members(service: GraphService, group: str, since: _Since, shown: dict[str, Any]) -> list[dict[str, Any]]:
    """A group with its members, over several rows when there are many."""
    tenant = service.tenant
    wanted = [*(tenant.members[group] if since.whole else ()), *since.relations]
    entries = []
    for member in dict.fromkeys(wanted):
        entry = tenant.objects.get(member)
        kind = entry.kind if entry is not None else tenant.purged[member]
        typed: dict[str, Any] = {"@odata.type": type_name(kind), "id": member}
        entries.append(typed if member in tenant.members[group] else {**typed, "@removed": {"reason": "deleted"}})
    parts = [entries[start : start + _MEMBERS_ON_PAGE] for start in range(0, len(entries), _MEMBERS_ON_PAGE)]
    return [{**shown, "members@delta": part} for part in parts] or [shown]
