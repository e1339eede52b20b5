"""The users of a list, of which those that are as desired are numbers of desired users instead of objects."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, overload, runtime_checkable

from reconciler.core.model import AttributeMapping, AttributePath, DesiredUser, LiveUser, Value
from reconciler.core.planning.arriving_rows import ArrivingRows, RowJoin, RowsReplacedError, UserPacking
from reconciler.core.planning.blocks import OpenBlock
from reconciler.core.planning.listed_table import ListedTable, ListedUser
from reconciler.core.planning.name_index import NameIndex
from reconciler.core.planning.packed_pairs import PackedPairs, PackedUser, PlainRows
from reconciler.core.planning.settled_rows import Lacks, SettledRows
from reconciler.core.values import fold_case

_FASTER = 4
"""How many times faster users are read one after another than by number."""

_Join = Callable[[str, LiveUser | PackedUser], LiveUser | int]


@runtime_checkable
class RowFinder(Protocol):
    """Desired users that are found by their first matching value."""

    def find(self, value: Value, /) -> int | None:
        """Return the number of the user that has it; None if none or several have."""


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
    `packing`: has packed those of the list that are packed. `lacks`: whether an account with these attributes lacks
    some. `open_block`: where a list that is too large for the memory is kept; None: it has to fit.
    """

    def __init__(
        self,
        desired: Sequence[DesiredUser],
        mappings: Sequence[AttributeMapping],
        packing: UserPacking | None = None,
        *,
        lacks: Lacks = lambda _paths: False,
        open_block: OpenBlock | None = None,
    ) -> None:
        self.desired = desired
        self.mappings = mappings
        self.by_id: Mapping[str, LiveUser] = _UsersById(self)
        # A protocol takes longer to check than a user to settle.
        self._arriving = desired if isinstance(desired, ArrivingRows) else None
        self._packing = packing
        self._open = open_block
        self._settled = SettledRows(desired, mappings, lacks, open_block)
        self._users = ListedTable(open_block)
        self._join: _Join | None = None

    @property
    def names(self) -> NameIndex:
        """The names and identifiers of settled pairs, and perhaps of some that were."""
        return self._settled.names

    @property
    def paths(self) -> Collection[AttributePath]:
        """The attributes that settled accounts have, and perhaps some that other accounts have."""
        return self._settled.paths

    @classmethod
    def join(
        cls, desired: Sequence[DesiredUser], live: Iterable[LiveUser], mappings: Sequence[AttributeMapping]
    ) -> Sequence[LiveUser]:
        """Return live users with those settled that are as desired; all as they are if an id comes twice."""
        users = list(live)
        joined = cls(desired, mappings)
        joined.take({user.id: user for user in users})
        return joined if len(joined) == len(users) else users

    def open_table(self) -> ListedTable:
        """Return an empty table to read the list into; forget what was settled."""
        self._users = ListedTable(self._open)
        self._settled.clear()
        return self._users

    def settle(self, live_id: str, user: ListedUser) -> ListedUser:
        """Return what is kept of a user while the list is read: of one that is as desired, if all rows are there."""
        if self._join is None:
            if self._arriving is None or not self._arriving.is_complete:
                return user
            self._join = self._find_join()
            self._join_all(self._join)
        return user if isinstance(user, int) else self._join(live_id, user)

    def take(self, users: Mapping[str, ListedUser]) -> None:
        """Take the users of the list: those in the table of `open_table`, or others."""
        if users is not self._users:
            self._users = ListedTable(self._open)
            self._users.update(users)
        if self._join is not None or not self._take_while_rows_arrive():
            self._join_all(self._join or self._find_join())

    def _join_all(self, join: _Join) -> None:
        self._users.replace_users(lambda live_id, user: user if isinstance(user, int) else join(live_id, user))

    def _take_while_rows_arrive(self) -> bool:
        """Join the rows that are still arriving, as they do. Returns whether that is done."""
        pairs, packing, arriving = self._find_pairs(), self._packing, self._arriving
        if pairs is None or packing is None or arriving is None or arriving.is_complete:
            return False
        try:
            RowJoin(arriving, self._users.number(), packing, pairs, self._settled, open_block=self._open).run()
        except RowsReplacedError:
            self._settled.clear()
            return False
        return True

    def _find_pairs(self) -> PackedPairs | None:
        """Return what compares packed users; None if nothing does."""
        linking = self._settled.linking
        if linking is None or self._packing is None or not isinstance(self.desired, PlainRows):
            return None
        return PackedPairs(self.desired, self._packing, linking)

    def _find_join(self) -> _Join:
        """Return the function that joins one user of the list with the desired users, which are all there."""
        pairs, packing, settled = self._find_pairs(), self._packing, self._settled
        find = find_rows(self.desired) if settled.linking is not None else None

        def join(live_id: str, user: LiveUser | PackedUser) -> LiveUser | int:
            if isinstance(user, bytes):
                assert packing is not None  # noqa: S101 - it has packed them
                pair = pairs.find(user) if pairs is not None else None
                if pair is not None and settled.settle_pair(live_id, pair):
                    return pair.row
                user = packing.unpack(live_id, user)
            value = user.match[0] if user.match else None
            row = find(value) if find is not None and value is not None else None
            if row is None or not settled.is_free(row):
                return user
            return row if settled.settle(user, self.desired[row], row) else user

        return join

    def correct(self, users: Mapping[str, LiveUser | None]) -> None:
        """Put users in the place of those with the same ids, or at the end; None removes one."""
        for live_id, user in users.items():
            row = self.find_row(live_id)
            if row is not None:
                self._settled.release(row)
            if user is None:
                self._users.pop(live_id, None)
            else:
                self._users[live_id] = user

    def find_settled(self, value: Value, level: int) -> int | None:
        """Return the last desired user with a settled account and this matching value; None if there is none."""
        rows = self.names.find({fold_case(str(value))})
        found = (row for row in rows if self._settled.is_settled(row) and self.desired[row].match[level] == value)
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
        return map(self._build, self._users.list_users())

    @overload
    def __getitem__(self, place: int) -> LiveUser: ...
    @overload
    def __getitem__(self, place: slice) -> list[LiveUser]: ...
    def __getitem__(self, place: int | slice) -> LiveUser | list[LiveUser]:
        items = list(self._users.list_users())
        return self._build(items[place]) if isinstance(place, int) else list(map(self._build, items[place]))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def _build(self, item: tuple[str, ListedUser]) -> LiveUser:
        live_id, user = item
        if isinstance(user, int):
            return self._settled.build(live_id, user)
        assert isinstance(user, LiveUser)  # noqa: S101 - what was packed is settled or unpacked
        return user

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
        return found if isinstance(found, int) else None

    def list_rows(self) -> bytearray:
        """Return, by the number of the desired user, what is not 0 if it has a settled account."""
        return self._settled.list_taken(len(self.desired))

    def list_open(self) -> Iterator[LiveUser]:
        """Yield the users that are not settled."""
        return (user for _, user in self._users.list_users() if isinstance(user, LiveUser))

    def list_lacking(self, judge: Callable[[LiveUser], bool]) -> bytearray:
        """Return, by place in the list, 1 for a user that lacks attributes: `judge` says so of those not settled."""
        lacking = self._settled.is_lacking
        return bytearray(
            lacking(user) if isinstance(user, int) else judge(self._build((live_id, user)))
            for live_id, user in self._users.list_users()
        )

    def list_open_if(self, judge: Callable[[LiveUser], bool]) -> bytearray:
        """Return, by place in the list, 1 for each user that is not settled and that `judge` accepts."""
        return bytearray(isinstance(user, LiveUser) and judge(user) for _, user in self._users.list_users())

    def pick(self, places: Sequence[int]) -> list[LiveUser]:
        """Return the users at some places in the list, in the order of `places`."""
        wanted = set(places)
        found = {place: item for place, item in enumerate(self._users.list_users()) if place in wanted}
        return [self._build(found[place]) for place in places]

    def split(self, rows: bytearray) -> Iterator[LiveUser]:
        """Yield the users that are not settled with one of the desired users of which `rows` says so."""
        for live_id, user in self._users.list_users():
            if not (isinstance(user, int) and rows[user]):
                yield self._build((live_id, user))

    def list_settled(self, rows: bytearray) -> Iterator[tuple[str, int]]:
        """Yield the ids of the others, with the numbers of their desired users."""
        for live_id, user in self._users.list_users():
            if isinstance(user, int) and rows[user]:
                yield live_id, user


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
