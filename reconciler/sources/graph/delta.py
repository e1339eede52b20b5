"""Read users by what changed since the last read (`import entra --delta`): an optimisation, never another result.

Graph's delta only says *which* users may have changed; what they are now is read by id, as always. So rows that come
twice, in any order, late or without their values do not matter, and neither does a removal that is not one: a user
that is reported as removed is asked for like the others. Assignments and members are listed completely in every read.
Wherever a doubt is left, everything is read.

https://learn.microsoft.com/graph/delta-query-overview
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import TypeAlias

from reconciler.core.text import pluralize
from reconciler.desired.source_settings import EntraSource
from reconciler.sources.attributes import AttributeSelection, Form, is_directory_extension
from reconciler.sources.graph.clouds import choose_hosts
from reconciler.sources.graph.delta_cache import (
    CachedDoubt,
    CacheKey,
    DeltaCache,
    NoCacheError,
    check_place,
    read_cache,
    write_cache,
)
from reconciler.sources.graph.errors import GraphError
from reconciler.sources.graph.pages import Row
from reconciler.sources.graph.people import (
    DELETED_USERS,
    IDS_AT_ONCE,
    Doubt,
    ReadUsers,
    page_size,
    read_users,
    read_users_by_id,
)
from reconciler.sources.graph.rows import PAGE, GraphReader, build_path, list_rows, read_object_id
from reconciler.sources.snapshot import Person

Progress: TypeAlias = Callable[[int, int], None]
_NO_DELTA = frozenset({400, 404, 405, 501})
"""Of tenants and properties that have no delta."""
_NO_LINK = frozenset({400, 404, 410})
"""Of a link that has expired: 400 syncStateNotFound, or 410 to begin from scratch."""


@dataclass(frozen=True, slots=True)
class _Changes:
    """Folded ids of users that may have changed, and of those reported as removed; the link to what comes next."""

    present: frozenset[str]
    removed: frozenset[str]
    link: str


class DeltaUsers:
    """Reads users as `read_users` does, once by what changed since `cache`, and everything if it is called again.

    `cache` None: `reason` says why there is none. Afterwards `outcome` says for readers how the users were read, and
    `next` is the cache for the next read; None if this directory has no delta.
    """

    def __init__(self, key: CacheKey, cache: DeltaCache | None, reason: str = "") -> None:
        self._key = key
        self._cache = cache
        self._reason = reason
        self.outcome = ""
        self.next: DeltaCache | None = None

    def __call__(
        self,
        reader: GraphReader,
        selection: AttributeSelection,
        wanted: frozenset[str] | None,
        now: datetime,
        progress: Progress = lambda _done, _total: None,
    ) -> ReadUsers:
        """Read the users with the folded ids `wanted`, or all. Raises as `read_users` does."""
        cache, self._cache, self.next = self._cache, None, None
        if cache is not None:
            self._reason = "the first read by delta was contradicted"
            try:
                return self._read_changes(reader, selection, wanted, cache)
            except NoCacheError as exc:
                self._reason = str(exc)
        return self._read_all(reader, selection, wanted, now, progress)

    def _read_all(
        self,
        reader: GraphReader,
        selection: AttributeSelection,
        wanted: frozenset[str] | None,
        now: datetime,
        progress: Progress,
    ) -> ReadUsers:
        # The link comes first: what changes while the list is read is reported the next time.
        link = _begin(reader, selection)
        deleted = _list_deleted(reader, selection) if link is not None else frozenset()
        users = read_users(reader, selection, wanted, now, progress)
        self.outcome = f"Everything was read: {self._reason}."
        if link is None:
            self.outcome += " The next read will be complete too: Microsoft Graph has no delta for this selection here."
        else:
            deleted |= _list_deleted(reader, selection)
            self.next = self._keep(users, began=now, link=link, deleted=deleted)
        return users

    def _read_changes(
        self, reader: GraphReader, selection: AttributeSelection, wanted: frozenset[str] | None, cache: DeltaCache
    ) -> ReadUsers:
        before = reader.count("/users/$count")
        changes = _list_changes(reader, cache.link)
        if selection.with_manager and changes.present & (cache.deleted | changes.removed):
            raise NoCacheError("a deleted user was restored, and may be the manager of users that did not change")
        known = _restore(cache, selection)
        stale = _find_stale(known, cache, changes)
        again = stale if wanted is None else (wanted & stale) | frozenset(x for x in wanted if not known.knows(x))
        if again and ceil(len(again) / IDS_AT_ONCE) > ceil(before / page_size(selection)):
            raise NoCacheError(f"{pluralize(len(again), 'user')} changed, so that a full read is faster")
        users = _without(known, again, wanted).join(read_users_by_id(reader, selection, again))
        if users.incomplete:
            raise NoCacheError("some users have properties that others lack")
        _check_sparse(selection, users)
        if wanted is None:
            _check_total(len(users.people) + len(users.doubts), before, reader.count("/users/$count"))
        self.outcome = (
            f"Only users that changed since the last import were read: {_count_changes(changes)}."
            f" The last full read was on {cache.began:%Y-%m-%d at %H:%M} UTC."
        )
        self.next = self._keep(
            users,
            began=cache.began,
            link=changes.link,
            deleted=cache.deleted | changes.removed | _list_deleted(reader, selection),
            touched=changes.present | changes.removed,
        )
        return users

    def _keep(
        self,
        users: ReadUsers,
        *,
        began: datetime,
        link: str,
        deleted: frozenset[str],
        touched: frozenset[str] = frozenset(),
    ) -> DeltaCache:
        return DeltaCache(
            key=self._key,
            began=began,
            link=link,
            keys=tuple(sorted(users.keys)),
            people=[dict(person.attributes) for person in users.people.values()],
            doubts=tuple(CachedDoubt(each.object_id, each.name, each.why) for each in users.doubts.values()),
            deleted=deleted,
            touched=touched,
        )


class DeltaFile:
    """The file of `--delta` in one import: opened before the read, saved once the files are written.

    Raises `SourceError` where git would take it in.
    """

    def __init__(self, path: Path) -> None:
        check_place(path)
        self._path = path
        self._users: DeltaUsers | None = None

    def open(self, source: EntraSource, selection: AttributeSelection, now: datetime) -> DeltaUsers:
        """Return the reader of users for this file, which may be missing, foreign or too old."""
        key = CacheKey(
            host=choose_hosts(source.cloud).graph.base_url,
            tenant=source.tenant,
            application=source.application,
            users=source.users,
            attributes=tuple(sorted(selection.names)),
        )
        try:
            self._users = DeltaUsers(key, read_cache(self._path, key, now))
        except NoCacheError as exc:
            self._users = DeltaUsers(key, None, str(exc))
        return self._users

    @property
    def outcome(self) -> str:
        """How the users were read, for readers."""
        return self._users.outcome if self._users is not None else ""

    def save(self) -> None:
        """Write the file for the next import, if this directory has delta. Raises `PlanFileError`."""
        if self._users is not None and self._users.next is not None:
            write_cache(self._path, self._users.next)


# --- requests -------------------------------------------------------------------


def _begin(reader: GraphReader, selection: AttributeSelection) -> str | None:
    """Return the link to what changes from now on; None if this directory has no delta for these properties."""
    names = [*selection.properties, *(["manager"] if selection.with_manager else [])]
    path = build_path("/users/delta", select=",".join(names), deltatoken="latest")
    try:
        return reader.read_list(path, lambda _row: None).delta_link
    except GraphError as exc:
        if exc.status in _NO_DELTA:
            return None
        raise


def _list_changes(reader: GraphReader, link: str) -> _Changes:
    """Raises `NoCacheError` if Graph no longer knows the link."""
    try:
        found = reader.read_list(link, _read_change)
    except GraphError as exc:
        if exc.status in _NO_LINK:
            raise NoCacheError("Microsoft Graph no longer knows the link to the changes") from exc
        raise
    if found.delta_link is None:
        raise NoCacheError("the list of changes has no end")
    present = frozenset(object_id for object_id, removed in found.rows if not removed)
    removed = frozenset(object_id for object_id, removed in found.rows if removed)
    return _Changes(present, removed, found.delta_link)


def _read_change(row: Row) -> tuple[str, bool]:
    return read_object_id(row, "a change of a user"), "@removed" in row


def _list_deleted(reader: GraphReader, selection: AttributeSelection) -> frozenset[str]:
    """Return the users that can come back, and be managers again; none if no managers are read.

    Delta does not always report a deletion before the user is back, so it is asked for in each read.
    """
    if not selection.with_manager:
        return frozenset()
    path = build_path(DELETED_USERS, select="id", top=str(PAGE))
    return frozenset(list_rows(reader, path, lambda row: read_object_id(row, "a deleted user")))


# --- what is known --------------------------------------------------------------


def _restore(cache: DeltaCache, selection: AttributeSelection) -> ReadUsers:
    """Return the users of the last read. Raises `NoCacheError` for one without an objectId."""
    people = {}
    for attributes in cache.people:
        person = Person(attributes)
        if not person.object_id or not person.name:
            raise NoCacheError("the file has a user without an objectId or userPrincipalName")
        people[person.object_id.casefold()] = person
    doubts = {each.object_id: Doubt(each.object_id, each.name, each.why) for each in cache.doubts}
    keys = frozenset(cache.keys)
    return ReadUsers(people, doubts, frozenset(), keys, selection.constant - keys)


def _find_stale(known: ReadUsers, cache: DeltaCache, changes: _Changes) -> frozenset[str]:
    """Return the users to read again.

    Those that changed now or in the read before, since a replica can lag behind the change that delta reports; and
    those whose manager was removed, which is no change of theirs.
    """
    reports = {
        object_id
        for object_id, person in known.people.items()
        if str(person.attributes.get("manager", "")).casefold() in changes.removed
    }
    return changes.present | changes.removed | cache.touched | reports


def _without(users: ReadUsers, again: Collection[str], wanted: Collection[str] | None) -> ReadUsers:
    """Return the users that are wanted and not read again."""

    def stays(object_id: str) -> bool:
        return object_id not in again and (wanted is None or object_id in wanted)

    people = {object_id: person for object_id, person in users.people.items() if stays(object_id)}
    doubts = {object_id: doubt for object_id, doubt in users.doubts.items() if stays(object_id)}
    return ReadUsers(people, doubts, frozenset(), users.keys, users.lacking)


def _check_sparse(selection: AttributeSelection, users: ReadUsers) -> None:
    """Check that each property that only some rows have occurs: else only a full read shows whether Graph returns it.

    Raises `NoCacheError`.
    """
    found: set[str] = set()
    for person in users.people.values():
        found.update(person.attributes)
    for name in _sparse(selection):
        if name not in found:
            raise NoCacheError(f"no user has the attribute {name}")


def _sparse(selection: AttributeSelection) -> Iterator[str]:
    for each in selection.attributes:
        if each.form is Form.REFERENCE or is_directory_extension(each.name):
            yield each.name


def _check_total(known: int, before: int, after: int) -> None:
    """Check that no user was overlooked. Raises `NoCacheError`."""
    if not min(before, after) <= known <= max(before, after):
        raise NoCacheError(f"{known:,} users are known after the changes, but Microsoft Graph counts {after:,}")


def _count_changes(changes: _Changes) -> str:
    count = len(changes.present | changes.removed)
    return pluralize(count, "user") if count else "none"
