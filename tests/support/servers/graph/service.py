"""What all answers of Graph's stand-in share: the tenant, page sizes and what tokens still count."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from support.servers.graph.calls import Call
from support.servers.graph.error_answers import expired_page
from support.servers.graph.tenant import Tenant


class DeltaEnd(Enum):
    """How a delta token that has expired is refused."""

    SYNC_STATE = "400 syncStateNotFound"
    GONE = "410 with a Location"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaHabits:
    """What delta may do, and clients must stand: all of it is documented or was reported."""

    duplicates: bool = False
    """Objects occur several times in a round; an earlier row shows what was, the last one what is."""
    shuffled: bool = False
    """Rows come in any order, and differently each time."""
    replays: bool = False
    """A round repeats what the round before it had."""
    late: float = 0.0
    """This part of the changes comes a round late."""
    removed_in_first_round: bool = False
    """The first round also lists objects that are deleted."""
    silent_deletions: bool = False
    """Deleted objects are not reported at all."""
    seed: int = 1


@dataclass(slots=True)
class GraphService:
    tenant: Tenant
    page_cap: int | None = None
    """No page has more rows, whatever `$top` says."""
    delta_page: int = 200
    habits: DeltaHabits = field(default_factory=DeltaHabits)
    lagging_assignments: bool = False
    """Assignments of deleted principals are still listed."""
    hidden_as_empty: bool = False
    """Hidden membership that the token may not read is an empty list, not an error."""
    page_generation: int = 0
    delta_generation: int = 0
    delta_end: DeltaEnd = DeltaEnd.SYNC_STATE
    rounds: dict[int, Any] = field(default_factory=dict)
    """The rows of delta rounds under way, by number."""

    def size(self, call: Call) -> int:
        """How many rows a page of this list has."""
        size = call.top()
        return size if self.page_cap is None else min(size, self.page_cap)

    def check_page(self, call: Call) -> None:
        """Refuse a page token from before `expire_pages`."""
        token = call.token
        if token is not None and token.get("generation") != self.page_generation:
            raise expired_page()

    def expire_pages(self) -> None:
        """Let every page token expire."""
        self.page_generation += 1

    def expire_deltas(self, end: DeltaEnd = DeltaEnd.SYNC_STATE) -> None:
        """Let every delta token expire."""
        self.delta_generation += 1
        self.delta_end = end
