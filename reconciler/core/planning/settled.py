"""Users whose live accounts are as desired: a plan changes nothing about them, so it needs no objects for them.

Of such a pair only the live id, the number of the desired user and `meta.lastModified` are kept, with a number for how
values differ in form (`ja_JP`, `ja-JP`); the live user is built again from the desired one where it is needed. A pair
that anything else in a plan can touch is opened again (`reopening`), so a plan with settled pairs is the plan without
them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from reconciler.core.model import AttributePath, LiveUser
from reconciler.core.planning.joined_users import JoinedUsers
from reconciler.core.planning.settled_rows import CAPITALS


@dataclass(frozen=True, slots=True)
class SettledPairs:
    """What a plan needs of the pairs that it has no objects for: users in scope with managed and active accounts.

    `rows`: of `JoinedUsers.list_rows`, for these pairs alone.
    """

    source: JoinedUsers | None = None
    rows: bytearray = field(default_factory=bytearray)
    count: int = field(init=False, default=0)
    """How many there are."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "count", len(self.rows) - self.rows.count(0))

    @property
    def capitals(self) -> int:
        """How many have a userName with capitals."""
        return self.rows.count(CAPITALS)

    @property
    def paths(self) -> Collection[AttributePath]:
        """The attributes that accounts have."""
        return self.source.paths if self.source is not None else ()

    def __contains__(self, live_id: str) -> bool:
        row = self.source.find_row(live_id) if self.source is not None else None
        return row is not None and bool(self.rows[row])

    def list_ids(self) -> Iterator[str]:
        """Yield the live ids."""
        return (live_id for live_id, _ in self._list())

    def list_users(self) -> Iterator[LiveUser]:
        """Yield the live users, each built when it is reached."""
        return (user for live_id, _ in self._list() if (user := self._get(live_id)) is not None)

    def _list(self) -> Iterator[tuple[str, int]]:
        return self.source.list_settled(self.rows) if self.source is not None else iter(())

    def _get(self, live_id: str) -> LiveUser | None:
        return self.source.get(live_id) if self.source is not None else None


NOTHING_SETTLED = SettledPairs()
