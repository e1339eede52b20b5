"""How long the requests of `check` may take, all together."""

from __future__ import annotations

import time
from collections.abc import Callable

from reconciler.scim.read_budget import ReadBudget, TimeOverError

CHECK_SECONDS = 60.0
"""After these, no request is sent any more; one that is under way ends by its own limit."""
TIME_OVER = "the time for this check is over"


class CheckBudget(ReadBudget):
    """The budget of a check: `CHECK_SECONDS` from its making on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(clock)
        self._now = clock
        self._ends = clock() + CHECK_SECONDS

    @property
    def seconds_left(self) -> float:
        """Seconds in which requests may still be sent."""
        return max(0.0, self._ends - self._now())

    def check_time(self) -> None:
        """Raise `TimeOverError` if the time is over."""
        if self.seconds_left <= 0:
            raise TimeOverError(TIME_OVER, "The service answers slowly: check its state, then run this again.")
