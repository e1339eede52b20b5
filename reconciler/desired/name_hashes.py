"""The names of a million users as 8 bytes each: whether one is used twice, and whether one is not there.

Equal names have equal hashes, so a name that is used twice is always seen. Two names with one hash look like one that
is used twice, after which names are compared themselves.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b
from operator import eq

from reconciler.core.model import SourceUser
from reconciler.core.planning.blocks import OpenBlock, SortedNumbers
from reconciler.core.values import fold_case
from reconciler.desired.directory import Directory
from reconciler.desired.references import check_group_references
from reconciler.desired.scope import CompiledScope
from reconciler.desired.users import list_names

SIZE = 8
"""Bytes of a hash."""


class NameHashes:
    """Names of users, userPrincipalName and objectId, by their hashes. What is wrong with them is for others to say.

    `open_block`: where those of very many users are kept; None: in memory.
    """

    def __init__(self, directory: Directory, open_block: OpenBlock | None = None) -> None:
        self._directory = directory
        self._known = SortedNumbers(open_block)
        self._current: list[int] = []

    def register(self, user: SourceUser) -> bool:
        """Register the user's names. It is always true: see `is_unique`."""
        self._current += {hash_name(name) for _, name in list_names(user)}
        return True

    def take(self) -> bytes:
        """Return the hashes that were registered since this was called last."""
        column = array("Q", sorted(self._current))
        self._current = []
        self._known.extend(column)
        return column.tobytes()

    def add(self, column: bytes) -> None:
        """Add what `take` returned in another run. Raises `ValueError` if it did not."""
        self._known.extend(read_column(column))

    def is_unique(self, scope: CompiledScope) -> bool:
        """Whether no name that was added is used twice, and all those that `scope` references were added."""
        wanted = {hash_name(fold_case(name)) for name, _ in scope.users}
        if any(next(self._known.find(each, each), None) is None for each in wanted):
            return False
        return not any(any(map(eq, part, part[1:])) for part in self._known.list_parts())

    def report_taken(self) -> None:
        """Report nothing: no name is known to be taken."""

    def check_references(self, scope: CompiledScope) -> None:
        """Report references to unknown groups. Those to users are known: `is_unique` was true."""
        check_group_references(self._directory, scope)


def read_column(column: bytes) -> Sequence[int]:
    """Return the hashes of a column. Raises `ValueError` if it is none."""
    hashes = array("Q", column)
    if any(map(int.__gt__, hashes, hashes[1:])):
        raise ValueError("hashes that are not in order")
    return hashes


def hash_name(name: str) -> int:
    """Return the hash of a case-folded name."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=SIZE).digest(), "big")
