"""Read users from Microsoft Graph: all pages of the tenant, or by id where that is fewer requests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import TypeAlias

from reconciler.core.untrusted_values import parse_moment
from reconciler.core.values import fold_case
from reconciler.errors import SourceError
from reconciler.sources.attributes import AttributeSelection, UnusableValueError, flatten_row, strip_guest_name
from reconciler.sources.graph.client import encode_text
from reconciler.sources.graph.pages import Row
from reconciler.sources.graph.permissions import Permission, describe_grant
from reconciler.sources.graph.rows import (
    PAGE,
    GraphReader,
    build_path,
    check_count,
    list_rows,
    read_object_id,
)
from reconciler.sources.snapshot import Person

IDS_AT_ONCE = 15
"""Operands of one `in`: https://learn.microsoft.com/graph/filter-query-parameter"""
_PAGE_WITH_MANAGER = 100
"""Rows of a page with `$expand`, whatever `$top` says."""
_INDEX_LAG = timedelta(hours=1)
"""A user deleted longer ago is no longer in the index behind `$count`."""
DELETED_USERS = "/directory/deletedItems/microsoft.graph.user"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A user of whom a value that decides is missing or unusable, and why. The user's entry stays as it is."""

    object_id: str
    name: str
    why: str


_Converted: TypeAlias = "Person | Doubt | str"
"""A user that is wanted, one in doubt, or the folded id of one that is not wanted."""


@dataclass(frozen=True, slots=True)
class ReadUsers:
    """Users by folded id: those that are wanted, and ids of others that exist.

    `keys`: the properties that came; `lacking`: properties that were not in every row, and parts that were not in
    every property, as "property.part".
    """

    people: Mapping[str, Person]
    doubts: Mapping[str, Doubt]
    others: frozenset[str]
    keys: frozenset[str]
    lacking: frozenset[str] = frozenset()

    @property
    def incomplete(self) -> tuple[str, ...]:
        """What some users lack although others have it, which is no value but an incomplete answer. Sorted."""
        return tuple(sorted(each for each in self.lacking if each in self.keys or "." in each))

    def knows(self, object_id: str) -> bool:
        """Whether a user with this folded id was read."""
        return object_id in self.people or object_id in self.doubts

    def name_of(self, object_id: str) -> str:
        """Return the userPrincipalName, folded, of a user that was read."""
        found = self.people.get(object_id) or self.doubts[object_id]
        return fold_case(found.name)

    def join(self, more: ReadUsers) -> ReadUsers:
        """Return the users of both reads."""
        return ReadUsers(
            {**self.people, **more.people},
            {**self.doubts, **more.doubts},
            self.others | more.others,
            self.keys | more.keys,
            self.lacking | more.lacking,
        )


class UserRows:
    """Converts rows of users, from lists and from delta queries. `wanted` None: all of them."""

    def __init__(self, selection: AttributeSelection, wanted: Collection[str] | None = None) -> None:
        self.keys: set[str] = set()
        """The properties that came."""
        self._lacking: set[str] = set()
        self._selection = selection
        self._constant, self._parts = selection.constant, selection.parts
        self._wanted = wanted

    def convert(self, row: Row) -> _Converted:
        """Convert one row. Raises `SourceError` for one that shows that nothing of it may be read."""
        object_id = read_object_id(row, "a user")
        if not row.keys() <= self.keys:
            self.keys.update(row)
        self._note_lacking(row)
        name = row.get("userPrincipalName")
        if not isinstance(name, str) or not name:
            # Not an error of Graph, but what it shows to an app that may only know that the user exists.
            raise SourceError(
                f"Microsoft Graph lists the user {object_id} without a userPrincipalName: the app may not read users",
                describe_grant([Permission.USERS]),
            )
        if self._wanted is not None and object_id not in self._wanted:
            return object_id
        try:
            values = flatten_row(row, self._selection)
        except UnusableValueError as exc:
            return Doubt(object_id, strip_guest_name(name), f"{exc}")
        if "accountEnabled" not in values:
            return Doubt(object_id, strip_guest_name(name), "accountEnabled is null in Microsoft Entra ID")
        return Person(values)

    def _note_lacking(self, row: Row) -> None:
        if not row.keys() >= self._constant:
            self._lacking.update(self._constant - row.keys())
        for name, part in self._parts:
            value = row.get(name)
            if isinstance(value, dict) and part not in value:
                self._lacking.add(f"{name}.{part}")

    def collect(self, converted: Iterable[_Converted]) -> ReadUsers:
        """Sort converted rows by what they are."""
        people: dict[str, Person] = {}
        doubts: dict[str, Doubt] = {}
        others = set()
        for each in converted:
            match each:
                case Person():
                    people[each.object_id.casefold()] = each
                case Doubt():
                    doubts[each.object_id] = each
                case _:
                    others.add(each)
        return ReadUsers(people, doubts, frozenset(others), frozenset(self.keys), frozenset(self._lacking))


def read_users(
    reader: GraphReader,
    selection: AttributeSelection,
    wanted: frozenset[str] | None,
    now: datetime,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> ReadUsers:
    """Read the users with the folded ids `wanted`, or all. Ids that do not exist are left out: the caller explains.

    Raises `ChangedDuringReadError` if a list may be incomplete, and `SourceError`.
    """
    total = reader.count("/users/$count")
    if wanted is not None and ceil(len(wanted) / IDS_AT_ONCE) < ceil(total / page_size(selection)):
        return read_users_by_id(reader, selection, wanted)
    rows = UserRows(selection, wanted)
    path = _build_users_path(selection, top=str(PAGE))
    converted = list_rows(reader, path, rows.convert, lambda done: progress(done, total))
    _check_total(reader, len(converted), total, now)
    return rows.collect(converted)


def page_size(selection: AttributeSelection) -> int:
    """Return how many rows a page of users has."""
    return _PAGE_WITH_MANAGER if selection.with_manager else PAGE


def read_users_by_id(reader: GraphReader, selection: AttributeSelection, wanted: Collection[str]) -> ReadUsers:
    """Read the users with these folded ids, 15 a request. Ids that do not exist are left out."""
    rows = UserRows(selection, frozenset(wanted))
    found = [
        each
        for some in split_ids(wanted)
        for each in list_rows(reader, _build_users_path(selection, filter=filter_ids(some)), rows.convert)
    ]
    read = rows.collect(found)
    if read.others:
        raise SourceError(
            f"Microsoft Graph lists the user {min(read.others)} that was not asked for: it ignores the filter",
            "Please report this with the cloud that is read.",
        )
    return read


def split_ids(ids: Collection[str]) -> Iterator[Sequence[str]]:
    """Split ids for `filter_ids`."""
    ordered = sorted(ids)
    return (ordered[start : start + IDS_AT_ONCE] for start in range(0, len(ordered), IDS_AT_ONCE))


def filter_ids(ids: Iterable[str]) -> str:
    """Return the filter for objects with these ids, encoded."""
    return f"id%20in%20({','.join(map(encode_text, ids))})"


def _build_users_path(selection: AttributeSelection, **options: str) -> str:
    expand = {"expand": "manager($select=id)"} if selection.with_manager else {}
    return build_path("/users", select=",".join(selection.properties), **expand, **options)


def _check_total(reader: GraphReader, listed: int, before: int, now: datetime) -> None:
    after = reader.count("/users/$count")
    short = listed < min(before, after)
    check_count("users", listed, before, after, explained=_count_recent_deletions(reader, now) if short else 0)


def _count_recent_deletions(reader: GraphReader, now: datetime) -> int:
    """Count the users deleted so recently that `$count` can still have them."""
    path = build_path(DELETED_USERS, select="id,deletedDateTime", top=str(PAGE))
    return sum(list_rows(reader, path, lambda row: _is_recent(row.get("deletedDateTime"), now)))


def _is_recent(value: object, now: datetime) -> bool:
    when = parse_moment(value)
    return when is not None and now - when < _INDEX_LAG
