"""Find out what became of users and groups that are not where they were: only what Microsoft Graph itself confirms.

A user who is missing from a list may be deleted, or may be somewhere else; the list alone does not say. Neither does a
404: an objectId of another directory has the same answer as a user who was deleted for good. So a user is gone only if
the tenant shows that it had the user: among the deleted ones, which it keeps for 30 days. The same is true of groups.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from reconciler.core.text import pluralize
from reconciler.errors import SourceError
from reconciler.sources.graph.errors import GraphError
from reconciler.sources.graph.pages import Row
from reconciler.sources.graph.people import DELETED_USERS, filter_ids, split_ids
from reconciler.sources.graph.permissions import Permission, describe_grant
from reconciler.sources.graph.rows import (
    PAGE,
    ChangedDuringReadError,
    GraphReader,
    build_path,
    is_object_id,
    list_rows,
    read_object_id,
)

MAX_FILTERED = 3_000
"""Users, and groups, asked for by filter in a run. More than that stay unconfirmed: a tenant that moved, not people who
left."""
MAX_ASKED = 500
"""Users asked for one by one in a run, because no list has them."""


_DELETED_GROUPS = "/directory/deletedItems/microsoft.graph.group"


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What Graph says of users, by folded id. Only `living` and `deleted` are evidence: the tenant has or had the user.

    `deleted`: among the deleted users, so they can be restored; `unknown`: no user, and no deleted one, has this id.
    """

    living: frozenset[str] = frozenset()
    deleted: frozenset[str] = frozenset()
    unknown: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class GroupEvidence:
    """What Graph says of groups, by folded id. `proved`: the tenant has them, or shows to have deleted them.

    `unsure`: those that were not asked for, or not answered, each with the reason as a sentence.
    """

    proved: frozenset[str] = frozenset()
    unsure: Mapping[str, str] = field(default_factory=dict)


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


def confirm_deleted_groups(reader: GraphReader, ids: Collection[str]) -> None:
    """Check that groups with these folded ids, which are assigned or members but not found, are deleted groups.

    A 404 alone would take all their members for not assigned. Raises `SourceError`, also without the permission to
    list deleted groups, which nothing else needs.
    """
    unassign = "Or remove the group from where it is assigned or a member in Microsoft Entra admin center."
    try:
        deleted = _list_deleted_groups(reader)
    except GraphError as exc:
        if exc.status != httpx.codes.FORBIDDEN:
            raise
        raise SourceError(
            f"the group {min(ids)} is assigned or in a group, but not found: the app may not list deleted groups",
            f"{describe_grant([Permission.DELETED_GROUPS])} {unassign}",
        ) from exc
    left = sorted(set(ids) - deleted)
    if left:
        raise SourceError(
            f"the group {left[0]} is assigned or in a group, but neither exists nor is deleted",
            f"Lists can lag some minutes behind changes: run the same command again later. {unassign}",
        )


def find_groups(reader: GraphReader, ids: Sequence[str]) -> GroupEvidence:
    """Find out about groups with these folded ids, the most important ones first.

    The answers are only evidence. So the first request that is refused or fails ends the questions, but not the import.
    Raises `SourceError` if the token is refused, or there is none.
    """
    usable = [each for each in ids if is_object_id(each)]
    asked = set(usable[:MAX_FILTERED])
    unsure = dict.fromkeys(set(ids).difference(usable), "Not asked for: the objectId is not one of Microsoft Entra ID.")
    beyond = f"Not asked for: an import asks for {pluralize(MAX_FILTERED, 'group')}, assigned ones first."
    unsure |= dict.fromkeys(usable[MAX_FILTERED:], beyond)
    found: set[str] = set()
    try:
        for some in split_ids(asked):
            path = build_path("/groups", select="id", filter=filter_ids(some))
            found.update(list_rows(reader, path, _read_group_id))
        if not asked <= found:
            found |= _list_deleted_groups(reader)
    except (GraphError, ChangedDuringReadError) as exc:
        if isinstance(exc, GraphError) and exc.status == httpx.codes.UNAUTHORIZED:
            raise
        why = (
            f"The question failed: {exc.summary}; it needs {Permission.DELETED_GROUPS}, and the next import asks again."
        )
        unsure |= dict.fromkeys(asked - found, why)
    return GroupEvidence(frozenset(found & asked), unsure)


def _list_living(reader: GraphReader, ids: Collection[str]) -> frozenset[str]:
    return frozenset(
        each
        for some in split_ids(ids)
        for each in list_rows(reader, build_path("/users", select="id", filter=filter_ids(some)), _read_user_id)
    )


def _list_deleted(reader: GraphReader) -> frozenset[str]:
    return frozenset(list_rows(reader, build_path(DELETED_USERS, select="id", top=str(PAGE)), _read_user_id))


def _list_deleted_groups(reader: GraphReader) -> frozenset[str]:
    return frozenset(list_rows(reader, build_path(_DELETED_GROUPS, select="id", top=str(PAGE)), _read_group_id))


def _read_user_id(row: Row) -> str:
    return read_object_id(row, "a user")


def _read_group_id(row: Row) -> str:
    return read_object_id(row, "a group")
