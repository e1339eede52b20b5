"""Join a list of live users with desired users that arrive as rows: each is settled as soon as it is there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from reconciler.core.model import DesiredUser, LiveUser, Value
from reconciler.core.planning.blocks import Numbers, OpenBlock, SortedNumbers
from reconciler.core.planning.listed_table import NumberedUsers
from reconciler.core.planning.name_index import MOST_ROWS
from reconciler.core.planning.packed_pairs import PackedPairs, PackedUser, Packing
from reconciler.core.planning.settled_rows import SettledRows

_NUMBER_BITS = MOST_ROWS.bit_length() - 1
_HASH_MASK = (1 << (64 - _NUMBER_BITS)) - 1


class RowsReplacedError(Exception):
    """The rows that arrived do not count: all were read again, and are there."""


class ArrivedRows(NamedTuple):
    """Desired users that follow each other. `first`: the number of the first one."""

    first: int
    hashes: Sequence[int]
    """`hash` of each first matching value; 0 if there is none."""
    rows: Sequence[list[Any]]
    """Each begins with the first matching value."""


@runtime_checkable
class ArrivingRows(Protocol):
    """Desired users whose rows may still arrive."""

    @property
    def is_complete(self) -> bool:
        """Whether no more arrive."""

    def follow(self) -> Iterator[ArrivedRows]:
        """Yield the rows in order as they arrive, until all did. Raises what reading raises, or `RowsReplacedError`."""

    def read_user(self, number: int, /) -> DesiredUser:
        """Return a user whose row has arrived."""

    def has_first(self, number: int, value: Value, /) -> bool:
        """Whether a user whose row has arrived has this first matching value."""


class UserPacking(Packing, Protocol):
    """Has packed live users, and unpacks them."""

    def unpack(self, live_id: str, packed: PackedUser, /) -> LiveUser:
        """Return a packed user."""


class RowJoin:
    """Joins the users of a list with rows. Which pairs are settled does not depend on when the rows arrive."""

    def __init__(
        self,
        rows: ArrivingRows,
        users: NumberedUsers,
        packing: UserPacking,
        pairs: PackedPairs,
        settled: SettledRows,
        *,
        open_block: OpenBlock | None = None,
    ) -> None:
        self._rows = rows
        self._users = users
        self._packing = packing
        self._pairs = pairs
        self._settled = settled
        self._index = SortedNumbers(open_block)
        self._index.extend(self._list_hashes())
        self._seen = bytearray(len(users))
        """Whether a row came with the first matching value of a live user."""
        self._found = Numbers("I", open_block)
        """For each live user the number of the row that it is settled with, and 1; 0: none."""
        self._found.grow(len(users))

    def _list_hashes(self) -> Iterator[int]:
        """Yield the hash of the first matching value of each live user that has one, with its number."""
        for number in range(min(len(self._users), MOST_ROWS)):
            value = self._first_value(self._decode(number))
            if value is not None:
                yield (hash(value) & _HASH_MASK) << _NUMBER_BITS | number

    def _decode(self, live: int) -> LiveUser | list[Any]:
        user = self._users.get_user(live)
        assert not isinstance(user, int)  # noqa: S101 - nothing is settled before
        return self._packing.decode(user) if isinstance(user, bytes) else user

    def _first_value(self, user: LiveUser | list[Any]) -> Value | None:
        if isinstance(user, LiveUser):
            return user.match[0] if user.match else None
        return self._pairs.first_value(user)

    def run(self) -> None:
        """Join all rows, and put what is kept of the live users in their places."""
        for arrived in self._rows.follow():
            for number, (hashed, row) in enumerate(zip(arrived.hashes, arrived.rows, strict=True), arrived.first):
                if row[0] is not None:
                    self._join(number, hashed, row)
        for live in range(len(self._users)):
            found, user = self._found[live], self._users.get_user(live)
            if found:
                self._users.put(live, found - 1)
            elif isinstance(user, bytes):
                self._users.put(live, self._packing.unpack(self._users.get_id(live), user))

    def _join(self, number: int, hashed: int, row: list[Any]) -> None:
        decoded = ((live, self._decode(live)) for live in self._find(hashed))
        found = [(live, user) for live, user in decoded if self._matches(user, number, row)]
        if not found:
            return
        if self._seen[found[0][0]]:
            # Several desired users have this value: it says nothing.
            for live, _ in found:
                self._release(live)
            return
        for live, _ in found:
            self._seen[live] = True
        for live, user in found:
            if self._settle(live, user, number, row):
                self._found[live] = number + 1
                return

    def _find(self, hashed: int) -> Iterator[int]:
        """Return the live users whose first matching value may have this hash, in their order."""
        lowest = (hashed & _HASH_MASK) << _NUMBER_BITS
        found = self._index.find(lowest, lowest | (MOST_ROWS - 1))
        return (entry & (MOST_ROWS - 1) for entry in found)

    def _matches(self, user: LiveUser | list[Any], number: int, row: list[Any]) -> bool:
        """Whether a live user has the first matching value of a row."""
        value = self._first_value(user)
        if value.__class__ is str is row[0].__class__:
            return value == row[0]
        return value is not None and self._rows.has_first(number, value)

    def _settle(self, live: int, user: LiveUser | list[Any], number: int, row: list[Any]) -> bool:
        live_id = self._users.get_id(live)
        if not isinstance(user, LiveUser):
            pair = self._pairs.compare(user, number, row)
            if pair is not None and self._settled.settle_pair(live_id, pair):
                return True
            packed = self._users.get_user(live)
            assert isinstance(packed, bytes)  # noqa: S101 - it was decoded
            user = self._packing.unpack(live_id, packed)
        return self._settled.settle(user, self._rows.read_user(number), number)

    def _release(self, live: int) -> None:
        row = self._found[live]
        if row:
            self._settled.release(row - 1)
            self._found[live] = 0
