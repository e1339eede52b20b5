"""Read of users/ only the entries that differ from those of an earlier state, and those that a date concerns.

All files are read and hashed; only those that changed, and those with a date that passed, are parsed.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from itertools import islice

from reconciler.core.model import Diagnostic, Severity, SourceUser
from reconciler.core.values import fold_case
from reconciler.desired import schema
from reconciler.desired.directory import Directory
from reconciler.desired.look_alike_keys import UserKeys
from reconciler.desired.source_users import read_source_user
from reconciler.desired.text_search import MOST_SEARCHED, finds_any, finds_text, hides_text, is_searchable
from reconciler.desired.validation import LocatedModel
from reconciler.desired.yaml_nodes import YamlMapping
from reconciler.desired.yaml_reader import read_items
from reconciler.errors import FullPlanNeededError

MOST_BYTES = 32 * 1024 * 1024
"""Bytes of users files that are parsed, old and new ones together."""
MOST_DAYS = 14
MOST_FILES = 1_000
_SMALL = 4 * 1024 * 1024
_FAR = 16
_MOST_REREAD = 64
_PLAIN = frozenset({str, type(None)})
NAMES = ("userPrincipalName", "objectId")
_KEY = b"userPrincipalName"


@dataclass(frozen=True, slots=True)
class EarlierFiles:
    """The files of users/ in an earlier state: git's ids by name, and how to read some of them.

    `matches`: whether the bytes of a file have this id.
    """

    ids: Mapping[str, str]
    read: Callable[[Collection[str]], Mapping[str, bytes]]
    matches: Callable[[bytes, str], bool]


@dataclass(frozen=True, slots=True)
class _ReadEntry:
    """A user of a file that was parsed. `is_new`: the entry was not there. `is_dated`: a day passed that it names."""

    user: SourceUser
    is_new: bool
    is_dated: bool


@dataclass(slots=True)
class ChangedEntries(Directory):
    """A desired-state directory that reads the users whose entries changed since `earlier`.

    `passed`: the days that passed since then. Reading users raises `FullPlanNeededError`.
    """

    earlier: EarlierFiles | None = None
    passed: tuple[date, ...] = ()
    identifying: tuple[str, ...] = NAMES
    """The source attributes whose values tell users apart, as far as mappings.yaml names them directly."""
    settings: LocatedModel[schema.Settings] | None = None
    entries: int = 0
    """How many users there are in all files, at most: how often the key that each has is written."""
    referenced: set[str] = field(default_factory=set)
    """The folded names of users in scope.yaml and groups."""
    changed: list[SourceUser] = field(default_factory=list)
    """The users whose entries changed, or whose dates passed."""
    former: list[SourceUser] = field(default_factory=list)
    """The users of the entries that changed or are gone, as they were; those whose dates passed too."""
    former_digests: dict[str, str] = field(default_factory=dict)
    """The sha256 of the files that changed or are gone, as they were."""
    unchanged: list[SourceUser] = field(default_factory=list)
    """Users of changed files whose entries did not change."""
    kept: Collection[str] = ()
    """The files that did not change."""

    def find_unchanged(self) -> Iterator[SourceUser]:
        """Yield some users whose entries did not change, from files far apart first: neighbors may all be leavers."""
        yield from self.unchanged
        names, left = list(self.kept), _SMALL
        for name in islice(dict.fromkeys((*names[:: len(names) // _FAR or 1], *names)), _MOST_REREAD):
            content = self._reread(name)
            if len(content) <= left:
                left -= len(content)
                yield from _read_some(name, content)

    def list_earlier_digests(self) -> dict[str, str]:
        """Return the sha256 of each file of the earlier state, as far as the files outside of users/ did not change."""
        ids = self.earlier.ids if self.earlier is not None else {}
        kept = {name: digest for name, digest in self.digests.items() if not name.startswith("users/") or name in ids}
        return {**kept, **self.former_digests}

    def read_settings(self) -> LocatedModel[schema.Settings] | None:
        """Read settings.yaml, and keep it."""
        self.settings = Directory.read_settings(self)
        return self.settings

    def read_scope(self) -> LocatedModel[schema.ScopeEntry] | None:
        """Read scope.yaml, and note which users it names."""
        scope = Directory.read_scope(self)
        if scope is not None:
            self.referenced.update(map(fold_case, (*scope.value.assigned.users, *scope.value.excluded.users)))
        return scope

    def read_groups(self) -> list[LocatedModel[schema.GroupEntry]]:
        """Read all groups, and note which users they name."""
        groups = Directory.read_groups(self)
        self.referenced.update(fold_case(user) for group in groups for user in group.value.members.users)
        return groups

    def read_mappings(self) -> list[LocatedModel[schema.MappingEntry]]:
        """Read mappings.yaml, and note which attributes identify users."""
        rows = Directory.read_mappings(self)
        found = (row.value for row in rows if row.value.match or row.value.target in ("userName", "externalId"))
        self.identifying = (*NAMES, *(row.source for row in found if row.source is not None))
        return rows

    def read_users(self, keys: UserKeys | None = None) -> Iterator[SourceUser]:
        """Yield the users whose entries changed, in the order of file names and lines."""
        if self.earlier is None:
            raise FullPlanNeededError("there is no earlier state to compare with")
        # References to users, and attributes that no user has, cannot be judged by some users.
        self.unread.add("users")
        changed, kept = self._compare_files(self.earlier)
        old = self._read_former(self.earlier, kept)
        entries = list(self._read_entries(changed, old, keys or UserKeys()))
        self._check_names(entries, kept)
        self.changed = [entry.user for entry in entries if entry.is_new or entry.is_dated]
        yield from self.changed

    def _compare_files(self, earlier: EarlierFiles) -> tuple[dict[str, bytes], list[str]]:
        """Return the files that changed or have a day that passed, with their bytes, and the names of the others."""
        days = [day.isoformat().encode() for day in self.passed]
        changed: dict[str, bytes] = {}
        kept: list[str] = []
        size = 0
        for name in self._walk("users"):
            content, same = self._read_file(name, earlier)
            self.entries += content.count(_KEY)
            if same and not (days and (b"\\" in content or finds_text(content, days))):
                kept.append(name)
                continue
            changed[name] = content
            size += len(content)
            if size > MOST_BYTES:
                raise FullPlanNeededError("too many files of users/ changed, or have dates that passed")
        return changed, kept

    def _read_file(self, name: str, earlier: EarlierFiles) -> tuple[bytes, bool]:
        """Return the bytes of a file, and whether they are those of before: what those hold was checked then."""
        content = self._read_regular_file(name)
        if content is not None and name in earlier.ids and earlier.matches(content, earlier.ids[name]):
            self.digests[name] = hashlib.sha256(content).hexdigest()
            self.open_ended.update([] if content.endswith(b"\n") else [name])
            return content, True
        content = self._read(name)
        if content is None:
            raise FullPlanNeededError("a file of users/ cannot be read")
        return content, False

    def _read_former(self, earlier: EarlierFiles, kept: Collection[str]) -> Mapping[str, bytes]:
        names = earlier.ids.keys() - set(kept)
        if len(names) > MOST_FILES:
            raise FullPlanNeededError("too many files of users/ changed, or are gone")
        found = earlier.read(sorted(names))
        self.former_digests = {name: hashlib.sha256(content).hexdigest() for name, content in found.items()}
        return found

    def _read_entries(
        self, changed: Mapping[str, bytes], old: Mapping[str, bytes], keys: UserKeys
    ) -> Iterator[_ReadEntry]:
        """Yield each entry of the changed files, then note those that are not there any more."""
        problems: list[Diagnostic] = []
        before = {name: list(read_items(content, name, problems.append)) for name, content in old.items()}
        old_entries = [(_to_key(item), item) for items in before.values() for item in items]
        left = Counter(key for key, _ in old_entries)
        for name, content in changed.items():
            for item in read_items(content, name, self._report_unread, partial(self._describe_way_out, name, content)):
                user = read_source_user(item, self.report, keys)
                if user is None:
                    self.rejected.append(item)
                    continue
                key = _to_key(item)
                entry = _ReadEntry(user, is_new=left[key] <= 0, is_dated=self._is_dated(user))
                left[key] -= 1
                self.former += [user] if entry.is_dated and not entry.is_new else []
                yield entry
        for key, item in old_entries:
            if left[key] > 0:
                former = read_source_user(item, problems.append)
                self.former += [former] if former is not None else []
        if any(item.severity is Severity.ERROR for item in problems):
            raise FullPlanNeededError("the files of the last apply have errors")

    def _is_dated(self, user: SourceUser) -> bool:
        days = user.lifecycle.starts, user.lifecycle.expires
        return not set(self.passed).isdisjoint(days)

    def _check_names(self, entries: Sequence[_ReadEntry], kept: Collection[str]) -> None:
        """Check that no user that is left out has an identifying value that a changed one has now and had not."""
        had = {value for user in self.former for value in self._identify(user)}
        new = {value for entry in entries if entry.is_new for value in self._identify(entry.user)} - had
        others = [entry.user for entry in entries if not entry.is_new and not entry.is_dated]
        if any(not new.isdisjoint(self._identify(entry.user)) for entry in entries if not entry.is_new):
            raise FullPlanNeededError("a user got a name that another user has")
        if not all(map(is_searchable, new)):
            raise FullPlanNeededError("a user got a name that cannot be searched for in the other files")
        if kept and len(new) > MOST_SEARCHED:
            raise FullPlanNeededError(f"users got more than {MOST_SEARCHED} names, too many to search for")
        self.unchanged, self.kept = others, kept
        for name in kept if new else ():
            content = self._reread(name)
            if hides_text(content) or finds_any(content, new):
                raise FullPlanNeededError("another file of users/ may have a name that a user got")

    def _reread(self, name: str) -> bytes:
        digest = self.digests[name]
        content = self._read(name)
        if content is None or self.digests[name] != digest:
            raise FullPlanNeededError("files of users/ changed while they were read")
        return content

    def _identify(self, user: SourceUser) -> Iterator[str]:
        for attribute in self.identifying:
            value = user.attributes.get(attribute)
            if value is not None:
                yield fold_case(str(value))


def list_passed_days(since: date, today: date) -> tuple[date, ...]:
    """Return the days after `since` up to `today`. Raises `FullPlanNeededError` for too many, or a day to come."""
    count = (today - since).days
    if count < 0:
        raise FullPlanNeededError("the last apply was planned for a later day than today")
    if count > MOST_DAYS:
        raise FullPlanNeededError(f"the last apply is more than {MOST_DAYS} days old")
    return tuple(since + timedelta(days=day) for day in range(1, count + 1))


def _to_key(item: YamlMapping) -> Hashable:
    """Return what is equal for entries that are equal."""
    if _PLAIN.issuperset(map(type, item.values())):
        return tuple(sorted(item.items()))
    return json.dumps(item, sort_keys=True, ensure_ascii=True)


def _read_some(name: str, content: bytes) -> Iterator[SourceUser]:
    ignored: list[Diagnostic] = []
    users = (read_source_user(item, ignored.append) for item in read_items(content, name, ignored.append))
    return filter(None, users)
