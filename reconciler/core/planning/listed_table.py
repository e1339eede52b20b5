"""The users of a list by id, in its order: a dictionary, beyond a size numbers and bytes that may be on a disk."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, MutableMapping
from typing import Protocol

from reconciler.core.model import LiveUser
from reconciler.core.planning.blocks import Blob, Numbers, OpenBlock
from reconciler.core.planning.packed_pairs import PackedUser

ListedUser = LiveUser | PackedUser | int
"""A user of a list: as read, packed, or settled: then it is the number of its desired user."""

MOST_OBJECTS = 200_000
"""Users that a dictionary holds before they become numbers and bytes, if there is a block for them."""
_PLACE_BITS = 24
MOST_PLACES = (1 << _PLACE_BITS) - 1
_PLACE = (1 << _PLACE_BITS) - 1
_HASH = (1 << (64 - _PLACE_BITS)) - 1
_IDS = 64
"""Ids that are read at once."""
_LENGTH = 4
_TABLE_IN_MEMORY = 32 << 20
_FIRST_BITS = 16
"""Of the number of places in the first table."""
_ENTRIES = 4096
"""Of the table that are read at once."""
_OBJECT, _REMOVED, _PACKED = -1, -2, -3
"""What a number below 0 says: the user is an object, is removed, or packed from byte -(number - _PACKED) on."""


class ListedTable(MutableMapping[str, ListedUser]):
    """Users by id. `open_block` None: it stays a dictionary."""

    def __init__(self, open_block: OpenBlock | None = None, most: int | None = None) -> None:
        self._open = open_block
        self._most = MOST_OBJECTS if most is None else most
        self.clear()

    def clear(self) -> None:
        """Remove all users."""
        self._few: dict[str, ListedUser] = {}
        self._many: _Many | None = None

    def __len__(self) -> int:
        return len(self._few) if self._many is None else self._many.count

    def __contains__(self, live_id: object) -> bool:
        if self._many is None:
            return live_id in self._few
        return isinstance(live_id, str) and self._many.find(live_id) is not None

    def __getitem__(self, live_id: str) -> ListedUser:
        if self._many is None:
            return self._few[live_id]
        place = self._many.find(live_id)
        if place is None:
            raise KeyError(live_id)
        return self._many.get_user(place)

    def __setitem__(self, live_id: str, user: ListedUser) -> None:
        if self._many is None:
            self._few[live_id] = user
            if len(self._few) > self._most and self._open is not None:
                self._many = _Many(self._open)
                for each in self._few.items():
                    self._many.append(*each)
                self._few = {}
            return
        place = self._many.find(live_id)
        if place is None:
            self._many.append(live_id, user)
        else:
            self._many.put(place, user)

    def __delitem__(self, live_id: str) -> None:
        if self._many is None:
            del self._few[live_id]
            return
        place = self._many.find(live_id)
        if place is None:
            raise KeyError(live_id)
        self._many.remove(place)

    def __iter__(self) -> Iterator[str]:
        return iter(self._few) if self._many is None else (live_id for _, live_id in self._many.list_ids())

    def list_users(self) -> Iterator[tuple[str, ListedUser]]:
        """Yield all with their ids. They may be replaced meanwhile, and none added."""
        if self._many is None:
            yield from self._few.items()
            return
        for place, live_id in self._many.list_ids():
            yield live_id, self._many.get_user(place)

    def replace_users(self, replace: Callable[[str, ListedUser], ListedUser]) -> None:
        """Put what `replace` returns in the place of each user."""
        if self._many is None:
            for live_id, user in self._few.items():
                self._few[live_id] = replace(live_id, user)
            return
        for place, live_id in self._many.list_ids():
            before = self._many.get_user(place)
            after = replace(live_id, before)
            if after is not before:
                self._many.put(place, after)

    def number(self) -> NumberedUsers:
        """Return the users by number, in order; none is added or removed from then on."""
        return _Few(self._few) if self._many is None else self._many


class NumberedUsers(Protocol):
    """Users of a list by number, in order."""

    def __len__(self) -> int:
        """How many there are."""

    def get_id(self, number: int, /) -> str:
        """Return the id of a user."""

    def get_user(self, number: int, /) -> ListedUser:
        """Return a user."""

    def put(self, number: int, user: ListedUser, /) -> None:
        """Put a user in the place of another one."""


class _Few:
    """The users of a dictionary by number."""

    def __init__(self, users: dict[str, ListedUser]) -> None:
        self._users = users
        self._ids = list(users)

    def __len__(self) -> int:
        return len(self._ids)

    def get_id(self, number: int) -> str:
        return self._ids[number]

    def get_user(self, number: int) -> ListedUser:
        return self._users[self._ids[number]]

    def put(self, number: int, user: ListedUser) -> None:
        self._users[self._ids[number]] = user


class _Many:
    """Users as numbers and bytes, by place. What is an object stays one: few are.

    An id is found by a table of hashes with open addressing; it is compared itself.
    """

    def __init__(self, open_block: OpenBlock) -> None:
        self._open = open_block
        self._users = Numbers("q", open_block)
        self._packed = Blob(open_block)
        self._objects: dict[int, LiveUser] = {}
        self._ids = Blob(open_block)
        self._starts = array("Q")
        """Where each `_IDS` ids start; how long they are is in the bytes before."""
        self._last: list[str] = []
        """Ids that are not in the bytes yet."""
        self._read: tuple[int, list[str]] = (-1, [])
        """The ids that were read last, with their number."""
        self.count = 0
        self._bits = _FIRST_BITS
        self._table = self._make_table()

    def __len__(self) -> int:
        return len(self._users)

    def _make_table(self) -> Numbers:
        table = Numbers("Q", self._open, _TABLE_IN_MEMORY)
        table.grow(1 << self._bits)
        return table

    def append(self, live_id: str, user: ListedUser) -> None:
        """Add a user whose id is new."""
        place = len(self._users)
        if place >= MOST_PLACES or "\n" in live_id:
            raise ValueError("a user that cannot be kept")  # lists are shorter, and ids are printable
        self._users.append(self._encode(place, user))
        self._last.append(live_id)
        if len(self._last) == _IDS:
            content = "\n".join(self._last).encode("utf-8", "surrogatepass")
            self._starts.append(self._ids.append(len(content).to_bytes(_LENGTH, "big") + content))
            self._last = []
        self._add((hash(live_id) & _HASH) << _PLACE_BITS | place + 1)
        self.count += 1
        if 3 * len(self._users) > 2 << self._bits:
            self._enlarge()

    def _add(self, entry: int) -> None:
        table, mask = self._table, (1 << self._bits) - 1
        slot = entry >> _PLACE_BITS & mask
        while table[slot]:
            slot = slot + 1 & mask
        table[slot] = entry

    def _enlarge(self) -> None:
        before = self._table
        self._bits += 1
        self._table = self._make_table()
        for start in range(0, len(before), _ENTRIES):
            for entry in before.read(start, _ENTRIES):
                if entry:
                    self._add(entry)

    def find(self, live_id: str) -> int | None:
        """Return the place of a user; None if there is none with this id."""
        table, mask, hashed = self._table, (1 << self._bits) - 1, hash(live_id) & _HASH
        slot = hashed & mask
        while entry := table[slot]:
            place = (entry & _PLACE) - 1
            if entry >> _PLACE_BITS == hashed and self.get_id(place) == live_id and self._users[place] != _REMOVED:
                return place
            slot = slot + 1 & mask
        return None

    def get_id(self, number: int) -> str:
        """Return the id at a place."""
        block, within = divmod(number, _IDS)
        if block == len(self._starts):
            return self._last[within]
        if self._read[0] != block:
            self._read = block, self._read_ids(block)
        return self._read[1][within]

    def _read_ids(self, block: int) -> list[str]:
        start = self._starts[block]
        length = int.from_bytes(self._ids.read(start, _LENGTH), "big")
        return self._ids.read(start + _LENGTH, length).decode("utf-8", "surrogatepass").split("\n")

    def list_ids(self) -> Iterator[tuple[int, str]]:
        """Yield the places of all users, with their ids."""
        for place in range(len(self._users)):
            if self._users[place] != _REMOVED:
                yield place, self.get_id(place)

    def get_user(self, number: int) -> ListedUser:
        """Return the user at a place."""
        found = self._users[number]
        if found >= 0:
            return found
        if found == _OBJECT:
            return self._objects[number]
        start = _PACKED - found
        length = int.from_bytes(self._packed.read(start, _LENGTH), "big")
        return self._packed.read(start + _LENGTH, length)

    def put(self, number: int, user: ListedUser) -> None:
        """Put a user in the place of another one."""
        self._objects.pop(number, None)
        self._users[number] = self._encode(number, user)

    def _encode(self, place: int, user: ListedUser) -> int:
        if isinstance(user, int):
            return user
        if isinstance(user, bytes):
            return _PACKED - self._packed.append(len(user).to_bytes(_LENGTH, "big") + user)
        self._objects[place] = user
        return _OBJECT

    def remove(self, place: int) -> None:
        """Remove the user at a place."""
        self.put(place, _REMOVED)
        self.count -= 1
