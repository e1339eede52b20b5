"""Ask the service which of the users that it shows without `active` are inactive.

A filter is its own statement (RFC 7644 section 3.4.2.2), whatever it leaves out of answers. A service that ignores
filters, or does not take this one, states nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Protocol

from reconciler.core.identity import parse_identity
from reconciler.core.model import LiveUser
from reconciler.core.planning.live_user import ResourceReader
from reconciler.errors import ScimError, TargetError
from reconciler.scim.listed_users import Page

_MOST_PAGES = 500
_NONE: frozenset[str] = frozenset()


class ActiveFilterService(Protocol):
    """What asking needs of a SCIM client."""

    def filter_by_active(self, *, active: bool, start: int = 1, cursor: str | None = None) -> Page:
        """One page of the users with this value of `active`, from the user with this number or by cursor."""


def find_inactive(service: ActiveFilterService, reader: ResourceReader, users: Sequence[LiveUser]) -> frozenset[str]:
    """Return the ids of the users without `active` that are inactive by a filter.

    Nothing is requested unless `active` is left out of some users and shown as true for others.
    """
    doubtful = {user.id for user in users if user.omits_active}
    if not doubtful or not any(map(_shows_true, users)):
        return _NONE
    try:
        others = _read_page(reader, service.filter_by_active(active=True))
        found = [user for page in islice(_read_pages(service, reader), _MOST_PAGES) for user in page]
    except (ScimError, TargetError):
        return _NONE
    inactive = {user.id for user in found}
    # A filter that is ignored brings any users, and one that takes what is not set for both values the same ones.
    is_answer = any(map(_shows_true, others)) and not any(map(_shows_true, found))
    if not is_answer or any(user.id in inactive or not user.active for user in others):
        return _NONE
    return frozenset(doubtful & inactive)


def _shows_true(user: LiveUser) -> bool:
    return user.active and not user.omits_active


def _read_pages(service: ActiveFilterService, reader: ResourceReader) -> Iterator[list[LiveUser]]:
    """Yield the inactive users page by page, until one that brings no others."""
    seen: set[str] = set()
    cursor: str | None = None
    while True:
        page = service.filter_by_active(active=False, start=len(seen) + 1, cursor=cursor)
        users = _read_page(reader, page)
        yield users
        known = len(seen)
        seen.update(user.id for user in users)
        ended = page.next_cursor is None and (cursor is not None or page.total == len(seen))
        cursor = page.next_cursor
        if ended or len(seen) == known or any(map(_shows_true, users)):
            return


def _read_page(reader: ResourceReader, page: Page) -> list[LiveUser]:
    resources = [resource for resource in page.resources if parse_identity(resource.get("id")) is not None]
    return [reader.read(resource) for resource in resources]
