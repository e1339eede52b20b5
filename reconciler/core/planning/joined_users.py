"""The users of a list, of which those that are as desired are numbers of desired users instead of objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol, overload, runtime_checkable

from reconciler.core.model import AttributeMapping, AttributePath, DesiredUser, LiveUser, Value
from reconciler.core.planning.diff import diff_user
from reconciler.core.planning.forms import has_capitals
from reconciler.core.planning.name_index import MOST_ROWS, NameIndex
from reconciler.core.planning.packed_pairs import Form, PackedPair, PackedPairs, PackedUser, Packing, PlainRows
from reconciler.core.planning.settling import (
    apply_form,
    build_live,
    find_form,
    find_linking_attribute,
    list_desired_names,
    may_settle,
)
from reconciler.core.values import fold_case

SettledUser = bytes
"""A settled live user: the number of its desired user, that of its form, then `meta.lastModified`."""

_ROW_BYTES, _FORM_BYTES = 4, 3
_MOST_FORMS = 100_000
"""Differences that are kept, some 400 bytes each. A directory has one for each locale, for example."""
_FASTER = 4
_SETTLED = 1
CAPITALS = 2
"""What `list_rows` says of a desired user with a settled account whose userName has capitals."""


@runtime_checkable
class RowFinder(Protocol):
    """Desired users that are found by their first matching value."""

    def find(self, value: Value, /) -> int | None:
        """Return the number of the user that has it; None if none or several have."""


class UserPacking(Packing, Protocol):
    """Has packed live users, and unpacks them."""

    def unpack(self, live_id: str, packed: PackedUser, /) -> LiveUser:
        """Return a packed user."""


def find_rows(desired: Sequence[DesiredUser]) -> Callable[[Value], int | None]:
    """Return the function that finds the number of a desired user by its first matching value, as `RowFinder` does."""
    if isinstance(desired, RowFinder):
        return desired.find
    rows: dict[Value, int | None] = {}
    for row, user in enumerate(desired):
        value = user.match[0] if user.match else None
        if value is not None:
            rows[value] = None if value in rows else row
    return rows.get


class JoinedUsers(Sequence[LiveUser]):
    """The users of a list in its order, by id. Those that equal their desired users are built again at each access.

    `desired`: the desired users by number, each the same at each access. `mappings`: empty: no user is settled.
    `keeps`: whether a user with these attributes stays as it is although it could be settled.
    """

    def __init__(
        self,
        desired: Sequence[DesiredUser],
        mappings: Sequence[AttributeMapping],
        keeps: Callable[[AbstractSet[AttributePath]], bool] = lambda _paths: False,
    ) -> None:
        self.desired = desired
        self.mappings = mappings
        self._linking = find_linking_attribute(mappings)
        self.names = NameIndex()
        self.paths: set[AttributePath] = set()
        """The attributes that settled accounts have, and perhaps some that other accounts have."""
        self.by_id: Mapping[str, LiveUser] = _UsersById(self)
        self._keeps = keeps
        self._users: dict[str, LiveUser | SettledUser] = {}
        self._taken = bytearray()
        self._forms: list[Form] = [()]
        self._numbers: dict[Form, int | None] = {(): 0}

    @classmethod
    def join(
        cls, desired: Sequence[DesiredUser], live: Iterable[LiveUser], mappings: Sequence[AttributeMapping]
    ) -> Sequence[LiveUser]:
        """Return live users with those settled that are as desired; all as they are if an id comes twice."""
        users = list(live)
        joined = cls(desired, mappings)
        joined.take({user.id: user for user in users})
        return joined if len(joined) == len(users) else users

    def take(self, users: dict[str, LiveUser | PackedUser], packing: UserPacking | None = None) -> None:
        """Take over the users of a list; nothing else may use them then. `packing`: has packed those that are."""
        find = find_rows(self.desired) if self._linking is not None else None
        pairs = None
        if self._linking is not None and packing is not None and isinstance(self.desired, PlainRows):
            pairs = PackedPairs(self.desired, packing, self._linking)
        for live_id, packed in users.items():
            user = packed
            if isinstance(packed, bytes):
                assert packing is not None  # noqa: S101 - it has packed them
                pair = pairs.find(packed) if pairs is not None else None
                if pair is not None and self._is_free(pair.row) and self._numbers.get(pair.form) is not None:
                    users[live_id] = self._settle_pair(live_id, pair) or packing.unpack(live_id, packed)
                    continue
                user = packing.unpack(live_id, packed)
            assert isinstance(user, LiveUser)  # noqa: S101 - it is packed or not
            value = user.match[0] if user.match else None
            row = find(value) if find is not None and value is not None else None
            users[live_id] = user if row is None else self._settle(user, row)
        self._users = users

    def correct(self, users: Mapping[str, LiveUser | None]) -> None:
        """Put users in the place of those with the same ids, or at the end; None removes one."""
        for live_id, user in users.items():
            row = self.find_row(live_id)
            if row is not None:
                self._taken[row] = 0
            if user is None:
                self._users.pop(live_id, None)
            else:
                self._users[live_id] = user

    def _settle(self, user: LiveUser, row: int) -> LiveUser | SettledUser:
        """Return a user settled with a desired one, or as it is."""
        if self._linking is None or not self._is_free(row):
            return user
        desired = self.desired[row]
        form = self._number_form(desired, user) if may_settle(desired, user, self._linking) else None
        if form is None or self._keeps(user.attributes.keys()):
            return user
        self._take_row(row, user.user_name, list_desired_names(desired) | {fold_case(user.id)})
        self.paths.update(user.attributes)
        return _pack(user.last_modified, row, form)

    def _settle_pair(self, live_id: str, pair: PackedPair) -> SettledUser | None:
        """Do what `_settle` does with a pair whose form has a number; None: the user stays as it is."""
        form = self._numbers[pair.form]
        if form is None or self._keeps(pair.paths):
            return None
        pair.names.add(fold_case(live_id))
        self._take_row(pair.row, pair.user_name, pair.names)
        self.paths.update(pair.paths)
        return _pack(pair.last_modified, pair.row, form)

    def _is_free(self, row: int) -> bool:
        """Whether a desired user can have a settled account, and has none."""
        return row < MOST_ROWS and not (row < len(self._taken) and self._taken[row])

    def _take_row(self, row: int, user_name: str, names: Iterable[str]) -> None:
        if row >= len(self._taken):
            self._taken.extend(bytes(max(row + 1 - len(self._taken), len(self._taken))))
        self._taken[row] = CAPITALS if has_capitals(user_name) else _SETTLED
        self.names.add(names, row)

    def _number_form(self, desired: DesiredUser, user: LiveUser) -> int | None:
        """Return the number of how the attributes differ; None if that is to be changed, or cannot be kept."""
        form = find_form(desired.attributes, user.attributes)
        if form in self._numbers:
            return self._numbers[form]
        if len(self._numbers) >= _MOST_FORMS:
            return None
        # What is to be changed depends on the attributes that differ alone.
        number = None if diff_user(desired, user, self.mappings) else len(self._forms)
        if number is not None:
            self._forms.append(form)
        self._numbers[form] = number
        return number

    def find_settled(self, value: Value, level: int) -> int | None:
        """Return the last desired user with a settled account and this matching value; None if there is none."""
        rows = self.names.find({fold_case(str(value))})
        found = (row for row in rows if self._taken[row] and self.desired[row].match[level] == value)
        return max(found, default=None)

    def list_desired(self, rows: bytearray) -> Iterator[tuple[int, DesiredUser]]:
        """Yield the desired users that have no settled account by `rows`, with their numbers."""
        if rows.count(0) * _FASTER > len(rows):
            # One after another they are read faster than by number.
            yield from ((row, user) for row, user in enumerate(self.desired) if not rows[row])
            return
        yield from ((row, self.desired[row]) for row, settled in enumerate(rows) if not settled)

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[LiveUser]:
        return map(self._build, self._users.items())

    @overload
    def __getitem__(self, place: int) -> LiveUser: ...
    @overload
    def __getitem__(self, place: slice) -> list[LiveUser]: ...
    def __getitem__(self, place: int | slice) -> LiveUser | list[LiveUser]:
        items = list(self._users.items())
        return self._build(items[place]) if isinstance(place, int) else list(map(self._build, items[place]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def _build(self, item: tuple[str, LiveUser | SettledUser]) -> LiveUser:
        live_id, user = item
        if not isinstance(user, bytes):
            return user
        row, form, last_modified = _unpack(user)
        desired = self.desired[row]
        return build_live(desired, live_id, last_modified, apply_form(desired.attributes, self._forms[form]))

    def get(self, live_id: str) -> LiveUser | None:
        """Return the user with this id; None if there is none."""
        found = self._users.get(live_id)
        return None if found is None else self._build((live_id, found))

    def list_ids(self) -> Collection[str]:
        """Return the ids."""
        return self._users.keys()

    def find_row(self, live_id: str) -> int | None:
        """Return the number of the desired user that the user with this id is settled with; None if it is not."""
        found = self._users.get(live_id)
        return _unpack(found)[0] if isinstance(found, bytes) else None

    def list_rows(self) -> bytearray:
        """Return, by the number of the desired user, what is not 0 if it has a settled account."""
        count = len(self.desired)
        return self._taken[:count] + bytes(max(0, count - len(self._taken)))

    def list_open(self) -> Iterator[LiveUser]:
        """Yield the users that are not settled."""
        return (user for user in self._users.values() if not isinstance(user, bytes))

    def split(self, rows: bytearray) -> Iterator[LiveUser]:
        """Yield the users that are not settled with one of the desired users of which `rows` says so."""
        for live_id, user in self._users.items():
            if not isinstance(user, bytes):
                yield user
            elif not rows[int.from_bytes(user[:_ROW_BYTES], "big")]:
                yield self._build((live_id, user))

    def list_settled(self, rows: bytearray) -> Iterator[tuple[str, int]]:
        """Yield the ids of the others, with the numbers of their desired users."""
        for live_id, user in self._users.items():
            if isinstance(user, bytes):
                row = int.from_bytes(user[:_ROW_BYTES], "big")
                if rows[row]:
                    yield live_id, row


class _UsersById(Mapping[str, LiveUser]):
    """The users of a list by id, each built when it is looked up."""

    def __init__(self, joined: JoinedUsers) -> None:
        self._joined = joined

    def __getitem__(self, live_id: str) -> LiveUser:
        found = self._joined.get(live_id)
        if found is None:
            raise KeyError(live_id)
        return found

    def __contains__(self, live_id: object) -> bool:
        return live_id in self._joined.list_ids()

    def __iter__(self) -> Iterator[str]:
        return iter(self._joined.list_ids())

    def __len__(self) -> int:
        return len(self._joined)


def list_live_ids(users: Sequence[LiveUser]) -> Iterable[str]:
    """Return the ids of live users, without building settled ones."""
    return users.list_ids() if isinstance(users, JoinedUsers) else (user.id for user in users)


def list_open_users(users: Sequence[LiveUser]) -> Iterable[LiveUser]:
    """Return the live users that are not settled."""
    return users.list_open() if isinstance(users, JoinedUsers) else users


def _pack(last_modified: str | None, row: int, form: int) -> SettledUser:
    modified = (last_modified or "").encode("utf-8", "surrogatepass")
    return row.to_bytes(_ROW_BYTES, "big") + form.to_bytes(_FORM_BYTES, "big") + modified


def _unpack(user: SettledUser) -> tuple[int, int, str | None]:
    """Return the number of the desired user, that of the form, and `meta.lastModified`."""
    start = _ROW_BYTES + _FORM_BYTES
    modified = user[start:].decode("utf-8", "surrogatepass")
    return int.from_bytes(user[:_ROW_BYTES], "big"), int.from_bytes(user[_ROW_BYTES:start], "big"), modified or None
