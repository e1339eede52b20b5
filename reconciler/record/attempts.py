"""The changes that an apply attempted, by its receipt. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import overload

from reconciler.core.plan import is_not_started
from reconciler.record.timestamps import LONG_AGO


@dataclass(frozen=True, slots=True)
class Attempt:
    """One change in one apply, by its receipt. `digest`: the same for the same change."""

    address: str
    action: str
    digest: str
    result: str
    message: str
    time: datetime
    live_id: str | None = None

    @property
    def not_started(self) -> bool:
        """Whether the apply was to send it when it was interrupted: it is one of `ApplyRun.left`."""
        return is_not_started(self.result, self.message)


class LateAttempts(Sequence[Attempt]):
    """Attempts that are loaded when they are looked at. `latest`: the time of the last one."""

    __slots__ = ("_count", "_load", "latest")

    def __init__(self, count: int, latest: datetime, load: Callable[[], tuple[Attempt, ...]]) -> None:
        self._count = count
        self._load = load
        self.latest = latest

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Attempt]:
        return iter(self._load())

    @overload
    def __getitem__(self, place: int) -> Attempt: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Attempt, ...]: ...
    def __getitem__(self, place: int | slice) -> Attempt | tuple[Attempt, ...]:
        return self._load()[place]

    def __eq__(self, other: object) -> bool:
        return self._load() == tuple(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]


def find_latest(attempts: Sequence[Attempt]) -> datetime:
    """Return the time of the last attempt; `LONG_AGO` if there is none."""
    if isinstance(attempts, LateAttempts):
        return attempts.latest
    return max((each.time for each in attempts), default=LONG_AGO)
