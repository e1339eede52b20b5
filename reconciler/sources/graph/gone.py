"""Find out what became of users that are not where they were: only what Microsoft Graph itself confirms.

A user who is missing from a list may be deleted, or may be somewhere else; the list alone does not say. Neither does a
404: an objectId of another directory has the same answer as a user who was deleted for good. So a user is gone only if
the tenant shows that it had the user: among the deleted ones, which it keeps for 30 days.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from reconciler.sources.graph.pages import Row
from reconciler.sources.graph.people import DELETED_USERS, filter_ids, split_ids
from reconciler.sources.graph.rows import PAGE, GraphReader, build_path, is_object_id, list_rows, read_object_id

MAX_FILTERED = 3_000
"""Users asked for by filter in a run. More than that stay unconfirmed: a tenant that moved, not people who left."""
MAX_ASKED = 500
"""Users asked for one by one in a run, because no list has them."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What Graph says of users, by folded id. Only `living` and `deleted` are evidence: the tenant has or had the user.

    `deleted`: among the deleted users, so they can be restored; `unknown`: no user, and no deleted one, has this id.
    """

    living: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()


def find_whereabouts(reader: GraphReader, ids: Sequence[str], living: Collection[str] = ()) -> Whereabouts:
    """Find out about users with these ids, the most important ones first. `living`: folded ids that a list just had.

    A user counts as unknown if neither a filter, nor the deleted users, nor a request for exactly this id has it.
    Raises `SourceError`; ids that are no UUID are not asked for.
    """
    ordered = list(dict.fromkeys(each.casefold() for each in ids if is_object_id(each)))
    asked = set(ordered)
    found = asked.intersection(living)
    asked = set([each for each in ordered if each not in found][:MAX_FILTERED]) | found
    found |= _list_living(reader, asked - found)
    left = asked - found
    deleted = _list_deleted(reader) & left if left else frozenset()
    unknown = set()
    for each in [each for each in ordered if each in left and each not in deleted][:MAX_ASKED]:
        if reader.find(build_path(f"/users/{each}", select="id")) is None:
            unknown.add(each)
        else:
            found.add(each)
    return Whereabouts(frozenset(found), frozenset(deleted), frozenset(unknown))


def _list_living(reader: GraphReader, ids: Collection[str]) -> frozenset[str]:
    return frozenset(
        each
        for some in split_ids(ids)
        for each in list_rows(reader, build_path("/users", select="id", filter=filter_ids(some)), _read_user_id)
    )


def _list_deleted(reader: GraphReader) -> frozenset[str]:
    return frozenset(list_rows(reader, build_path(DELETED_USERS, select="id", top=str(PAGE)), _read_user_id))


def _read_user_id(row: Row) -> str:
    return read_object_id(row, "a user")
