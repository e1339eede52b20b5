"""Look up desired users that a list does not show: it may leave users out, or show them without their names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from reconciler.core.identity import parse_identity
from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.planning.live_user import ResourceReader
from reconciler.core.values import fold_case
from reconciler.errors import ScimError
from reconciler.scim.paging import start_readers

_SAMPLED = 20
"""Users that are looked up."""
_WORKERS = 8
_FAILING = frozenset({429, 503})
"""Statuses of a look-up that was tried again and again. Any other refusal may be about the one user."""

InListAndFound = tuple[LiveUser, LiveUser]
"""The same user, from the list, and asked for alone: read by id, or found by a filter."""


class UserFinder(Protocol):
    """What looking up needs of a SCIM client."""

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        """Users by filter."""


def spread(size: int, count: int) -> list[int]:
    """Return at most `count` numbers below `size`, evenly spread, with the first and the last."""
    if size <= count:
        return list(range(size))
    return [number * (size - 1) // max(count - 1, 1) for number in range(count)]


@dataclass(frozen=True, slots=True)
class Completeness:
    """The result of looking up users missing from the list: keys of those that exist, and whether filters work.

    `otherwise`: accounts that the list shows with another externalId or userName, or none, than the look-up that found
    them.
    """

    hidden: list[str]
    answered: bool
    otherwise: list[InListAndFound]


def look_up_missing(
    client: UserFinder, reader: ResourceReader, missing: Sequence[DesiredUser], listed: Mapping[str, LiveUser]
) -> Completeness:
    """Look up a sample of `missing`, spread over all, by every identifying attribute.

    The first look-up that keeps failing (429, 503) is the last by its attribute: each would be tried for as long again.
    """
    sample = [missing[number] for number in spread(len(missing), _SAMPLED)]
    search = _MissingSearch(client, reader, listed, answered=not sample)
    with start_readers(_WORKERS) as pool:
        hidden = [user.key for user, there in zip(sample, pool.map(search.is_hidden, sample), strict=True) if there]
    return Completeness(hidden, search.answered, sorted(search.otherwise, key=lambda pair: pair[0].id))


@dataclass(slots=True)
class _MissingSearch:
    """Looks users up that the list does not show. `answered`: whether a filter is known to work."""

    client: UserFinder
    reader: ResourceReader
    listed: Mapping[str, LiveUser]
    answered: bool
    failing: set[str] = field(default_factory=set)
    otherwise: list[InListAndFound] = field(default_factory=list)

    def is_hidden(self, user: DesiredUser) -> bool:
        """Whether the service has an account of the user although the list does not show it."""
        values = {**user.attributes, **user.create_only}
        wanted = ((attribute, values.get(attribute)) for attribute in ("externalId", "userName"))
        return any(self._finds_unlisted(attribute, str(value)) for attribute, value in wanted if value is not None)

    def _finds_unlisted(self, attribute: str, wanted: str) -> bool:
        if attribute in self.failing:
            return False
        try:
            found = self.client.find_users(attribute, wanted)
        except ScimError as exc:
            if exc.status in _FAILING:
                self.failing.add(attribute)
            return False  # the service does not filter by this attribute: that proves nothing
        users = [self.reader.read(resource) for resource in found if parse_identity(resource.get("id")) is not None]
        names = [(user.external_id or "") if attribute == "externalId" else user.user_name for user in users]
        same = [fold_case(name) == fold_case(wanted) for name in names]
        # An answer with other users than those asked for proves nothing: the service ignores the filter.
        self.answered = self.answered or (len(users) == len(found) and all(same))
        wanted_users = [user for user, matches in zip(users, same, strict=True) if matches]
        pairs = [(self.listed.get(user.id), user) for user in wanted_users]
        known = [(shown, user) for shown, user in pairs if shown is not None]
        self.otherwise += [pair for pair in known if _names(pair[0]) != _names(pair[1])]
        return len(known) < len(pairs)


def _names(user: LiveUser) -> tuple[str, str]:
    return fold_case(user.user_name), fold_case(user.external_id or "")
