"""How many pages of a list are requested at once: many while they come quickly, few where that makes them slow.

A service that reads for one client after the other gains nothing from requests that wait in its queue, and each of
them waits for all others: sixteen that take two seconds are past every timeout. Its refusals (429) are not looked at
here: `scim.rate_limiter` answers these, for requests of any kind.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from reconciler.scim.listed_users import Page

_AT_FIRST = 8
_CAREFUL = 2
"""Pages at once, if already the first one alone was slow."""
_QUICK, _SLOW = 1.0, 4.0
"""Seconds that a page takes."""
_PAGES_PER_STEP = 20
"""Quick pages for each further one at once."""


P = TypeVar("P", Page, Page | None)


class PagesAtOnce:
    """Lets so many threads fetch a page at once, `most` at most. `first`: the first page, which came alone."""

    def __init__(self, most: int, first: Page) -> None:
        self._most = most
        is_quick = first.seconds is not None and first.seconds <= _QUICK
        self._limit = float(min(most, _AT_FIRST if is_quick else _CAREFUL))
        self._running = 0
        self._since_slow = 0  # pages that came since the limit was lowered
        self._changed = threading.Condition()

    @property
    def limit(self) -> int:
        """How many pages may be fetched at once."""
        return int(self._limit)

    def fetch(self, fetch: Callable[[], P]) -> P:
        """Call `fetch` when it is this thread's turn, and learn from how long the page took."""
        with self._changed:
            self._changed.wait_for(lambda: self._running < self.limit)
            self._running += 1
        page: Page | None = None
        try:
            found = fetch()
            page = found
        finally:
            with self._changed:
                self._running -= 1
                self._learn(page)
                self._changed.notify_all()
        return found

    def _learn(self, page: Page | None) -> None:
        self._since_slow += 1
        if page is None or page.seconds is None:
            return
        if page.seconds <= _QUICK:
            self._limit = min(float(self._most), self._limit + 1 / _PAGES_PER_STEP)
        elif page.seconds > _SLOW and self._since_slow >= self.limit:
            # Pages that were in flight together count once.
            self._limit, self._since_slow = max(1.0, self._limit / 2), 0
