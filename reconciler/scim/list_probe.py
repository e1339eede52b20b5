"""Look at a few places of the list of users: whether it can be relied on as far as they show.

A plan of all users removes nothing if the list contradicts itself or the users that it reads by id. A plan that reads
no list must not remove more, so it looks at the first page, one between and the last one, which must end where the
service says, and compares users of them with what filters and reads by id show. In doubt, `FullPlanNeededError`: the
whole list shows what a few places do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from reconciler.core.model import LiveUser
from reconciler.core.planning.live_user import ResourceReader
from reconciler.errors import FullPlanNeededError, ScimError, TargetError
from reconciler.scim.contradictions import find_contradiction, shows_otherwise
from reconciler.scim.listed_users import MAX_USERS, ContradictionError, Page, identify
from reconciler.scim.missing_users import InListAndFound

_USERS = 20
"""On a page: a few, yet more than there are in most lists that a page between could miss."""
MOST_REQUESTS = 4
"""For pages and users. With the look-ups of one user there are no more than ten."""


class ListService(Protocol):
    """What looking at a list needs of a SCIM client."""

    def list_page(self, start: int, count: int) -> Page:
        """One page."""

    def get_user(self, identity: str) -> dict[str, Any] | None:
        """One user."""


@dataclass(slots=True)
class ListProbe:
    """Looks at a list. `known`: by id, users as filters and reads by id show them, which are compared for nothing.

    `least`: so many users there were, at least.
    """

    service: ListService
    reader: ResourceReader
    known: Mapping[str, LiveUser]
    least: int
    _shown: dict[str, LiveUser] = field(default_factory=dict)
    _requests: int = 0

    def check(self) -> None:
        """Check the list. Raises `FullPlanNeededError` if it is in doubt."""
        parts = self._read_pages()
        _check_pairs([(self._shown[key], user) for key, user in self.known.items() if key in self._shown])
        for part in sorted(parts, key=lambda part: not self.known.keys().isdisjoint(part)):
            place = next((key for key in part if key not in self.known), None)
            if place is not None and self._requests < MOST_REQUESTS:
                _check_pairs([(self._shown[place], self._read_user(place))])

    # --- pages ----------------------------------------------------------------

    def _read_pages(self) -> list[list[str]]:
        """Return the ids of the users in the parts of the list, each from the place that is to be read first."""
        page = self._fetch(1, _USERS)
        total, first = page.total, self._add(page)
        if total is None or not min(total, 1) <= len(first) <= total <= MAX_USERS:
            raise _doubt("the service does not say how many users it has, or it lists others than that")
        if total < self.least:
            raise _doubt("the service lists fewer users than there were")
        if len(first) == total:
            return self._end_after(first, page, total)
        between = self._read_between(total, len(first)) if total > 2 * len(first) else []
        last = self._read_last(total, len(first))
        return [last[::-1], first, *([between] if between else [])]

    def _end_after(self, users: list[str], page: Page, total: int) -> list[list[str]]:
        """Return the two halves of a list that has one page, with which it must end."""
        beyond = self._fetch(total + 1, _USERS)
        # Some services begin again after the last user.
        known = self._shown.keys() >= set(map(_identify, beyond.resources))
        if page.has_cursor or beyond.has_cursor or beyond.total != total or not known:
            raise _doubt("the list of users does not end where the service says")
        if not self._shown.keys() >= self.known.keys():
            raise _doubt("the list of users leaves out an account that a filter finds")
        middle = (total + 1) // 2
        return [users[middle:][::-1], users[:middle]]

    def _read_between(self, total: int, size: int) -> list[str]:
        # From a multiple of the count on: some services compute the number of a page from it.
        return self._read_page(total // 2 // size * size, size, size, total)

    def _read_last(self, total: int, size: int) -> list[str]:
        """Read the last page, with a count that would bring more users than are left, if there were any."""
        count = next((count for count in range(size, 1, -1) if total % count), None)
        if count is None:
            raise _doubt("the pages of the list of users are too short to see where it ends")
        return self._read_page(total // count * count, count, total % count, total)

    def _read_page(self, before: int, count: int, expected: int, total: int) -> list[str]:
        page = self._fetch(before + 1, count)
        users = self._add(page)
        if len(users) != expected or page.total != total:
            raise _doubt("the list of users has another number of users at one place than its total says")
        return users

    def _fetch(self, start: int, count: int) -> Page:
        self._requests += 1
        try:
            return self.service.list_page(start, count)
        except (ScimError, TargetError) as exc:
            raise _doubt("the service refuses a page of the list of users") from exc

    def _add(self, page: Page) -> list[str]:
        users = {_identify(resource): self.reader.read(resource) for resource in page.resources}
        if len(users) != len(page.resources) or not self._shown.keys().isdisjoint(users):
            raise _doubt("the list shows a user twice, or does not page by startIndex")
        self._shown |= users
        return list(users)

    # --- users ----------------------------------------------------------------

    def _read_user(self, identity: str) -> LiveUser:
        self._requests += 1
        try:
            resource = self.service.get_user(identity)
        except (ScimError, TargetError):
            resource = None
        if resource is None:
            raise _doubt("a user of the list cannot be read by its id")
        return self.reader.read(resource)


def _check_pairs(pairs: Sequence[InListAndFound]) -> None:
    """Check that the list shows users as they are. What it leaves out, a plan of all users reads by id as well."""
    if find_contradiction(pairs) is not None or any(map(shows_otherwise, pairs)):
        raise _doubt("the list shows a user differently than a filter or a read by id")


def _identify(resource: dict[str, Any]) -> str:
    try:
        return identify(resource)
    except ContradictionError as exc:
        raise _doubt("the list shows a user without a usable id") from exc


def _doubt(why: str) -> FullPlanNeededError:
    return FullPlanNeededError(f"{why}, and accounts would be removed")
