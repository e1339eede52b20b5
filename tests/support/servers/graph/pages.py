"""Pages of lists: the links are opaque and hold what the first request asked for, without its headers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any
from urllib.parse import quote

from support.servers.graph.calls import Call
from support.servers.graph.page_tokens import seal


def link(base: str, path: str, name: str, content: Mapping[str, Any], query: Mapping[str, str]) -> str:
    """A nextLink or deltaLink: the request's parameters again, and the token."""
    kept = {key: value for key, value in query.items() if key not in {"$skiptoken", "$deltatoken"}}
    parts = [f"{key}={quote(value, safe=',()=')}" for key, value in {**kept, name: seal(dict(content))}.items()]
    return f"{base}{path}?{'&'.join(parts)}"


def page(
    call: Call, context: str, rows: Iterable[tuple[int, dict[str, Any]]], size: int, generation: int
) -> dict[str, Any]:
    """One page of `rows`, which come with the place to go on from; the count is not part of it."""
    taken = list(islice(rows, size + 1))
    body: dict[str, Any] = {"@odata.context": f"{call.base}/$metadata#{context}"}
    if len(taken) > size:
        content = {"at": taken[size - 1][0], "advanced": call.advanced, "generation": generation}
        body["@odata.nextLink"] = link(call.base, call.path, "$skiptoken", content, call.query)
    body["value"] = [row for _, row in taken[:size]]
    return body


def start_of(call: Call) -> int:
    """Where the page begins."""
    token = call.token
    return int(token["at"]) if token is not None else 0


def numbered(rows: Sequence[dict[str, Any]], start: int) -> Iterable[tuple[int, dict[str, Any]]]:
    """The rows of a list from `start` on, each with the place behind it."""
    return ((place + 1, rows[place]) for place in range(start, len(rows)))


def context_of(entity_set: str, names: Sequence[str], *, selected: bool, expanded: str = "") -> str:
    """The part of `@odata.context` behind `#`."""
    shown = [*(names if selected else ()), *([expanded] if expanded else ())]
    return f"{entity_set}({','.join(shown)})" if shown else entity_set
