"""Pages larger than the first one, where the service proves in this run that it serves them.

How large a page may be is not published, so the first page has the size of the profile. If it came as large as asked
for, and many are left, the list is asked for once more from its first user, with a larger count. What comes must begin
with the users of the first page, equal in every attribute and in their order, and bring more of them, not more slowly;
otherwise the size of the first page stays. From the first user on, because services that compute the number of a page
from startIndex understand only multiples of the count.

A large page that is refused later, is beyond the bounds of an answer, or does not come, is read in pages of the first
one's size. What proves a list complete is the same for pages of any size.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from reconciler.errors import ScimError, TargetError
from reconciler.scim.listed_users import Page

LARGE_PAGE = 1000
"""Users. A request's own cost is a tenth of what such a page takes; larger ones come near the bounds of an answer."""
LONGEST_LARGE_PAGE = 20.0
"""Seconds that a large page may take. It is given up then, and read in small ones."""
_LONGEST_TRIAL = 5.0
"""Seconds: later pages may take longer, as several are in flight."""
_QUICK = 1.0
"""Seconds within which it does not matter how long a page took."""
_MAX_FAILED = 3


@dataclass(slots=True)
class LargerPages:
    """How to read pages of `size` users. Used by several threads.

    `fetch`: startIndex, count -> Page. It does not send again what fails for the size: raises `ScimError` or
    `TargetError` then.
    """

    fetch: Callable[[int, int], Page]
    size: int = LARGE_PAGE
    _failed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def try_first(self, first: Page) -> Page | None:
        """Return a page that begins as `first`, and is proven larger; None: there is none."""
        if len(first.resources) >= self.size:
            return None
        try:
            page = self.fetch(1, self.size)
        except (ScimError, TargetError):
            return None
        return page if self._proves(page, first) else None

    def _proves(self, page: Page, first: Page) -> bool:
        known = len(first.resources)
        return (
            page.total == first.total
            and known < len(page.resources) <= min(self.size, page.total or 0)
            and page.resources[:known] == first.resources
            and _comes_quickly(page, first)
        )

    def read(self, start: int, count: int) -> Page | None:
        """Return the page of `count` users from `start` on; None if it is to be read in smaller ones."""
        if self._failed >= _MAX_FAILED:
            return None
        try:
            page = self.fetch(start, count)
        except (ScimError, TargetError):
            # Whatever concerns more than this page fails for a small one, too.
            with self._lock:
                self._failed += 1
            return None
        return page if page.size else None


def _comes_quickly(page: Page, first: Page) -> bool:
    """Whether a large page takes no more time for a user than the first one did."""
    if page.seconds is None:
        return False
    if page.seconds <= _QUICK:
        return True
    usual = None if first.seconds is None else first.seconds / len(first.resources)
    return page.seconds <= _LONGEST_TRIAL and usual is not None and page.seconds / len(page.resources) <= usual
