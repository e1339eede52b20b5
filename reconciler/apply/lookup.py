"""Find users by a filter. Users in the answer that do not have the requested value are ignored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reconciler.core.identity import parse_identity
from reconciler.core.model import AttributePath, LiveUser
from reconciler.core.plan import Change
from reconciler.core.planning.live_user import LiveReader
from reconciler.core.profile import TargetProfile
from reconciler.core.values import is_same_value
from reconciler.errors import ScimError


class FilterService(Protocol):
    """What a look-up needs of a SCIM client."""

    def find_users(self, attribute: str, value: str) -> list[dict[str, Any]]:
        """Users by filter."""


@dataclass(frozen=True, slots=True)
class Found:
    """Users with the value. `complete`: the list has all of them, so an empty list means that no user has the value.

    `refused`: the service did not look.
    """

    users: Sequence[LiveUser]
    complete: bool
    refused: bool = False


class UserLookup:
    """Looks users up by externalId and userName."""

    def __init__(self, service: FilterService, reader: LiveReader, profile: TargetProfile) -> None:
        self._service = service
        self._reader = reader
        self._attributes = {row.path: row for row in profile.attributes}
        self._filters_work: bool | None = None  # None: no look-up so far showed it

    @property
    def filters(self) -> bool:
        """Whether the last look-up of a name showed that the service filters."""
        return self._filters_work is True

    def find(self, attribute: AttributePath, value: str) -> Found:
        """Find the users whose `attribute` is `value`. A service may ignore a filter, or refuse it."""
        try:
            resources = self._service.find_users(attribute, value)
        except ScimError:
            return Found((), complete=False, refused=True)
        users = [self._reader.read(each) for each in resources if parse_identity(each.get("id")) is not None]
        found = [user for user in users if self._has(user, attribute, value)]
        return Found(found, complete=len(found) == len(resources))

    def _has(self, user: LiveUser, attribute: AttributePath, value: str) -> bool:
        own = user.external_id if attribute == "externalId" else user.user_name
        return is_same_value(self._attributes[attribute], own, value)

    def find_name_holder(self, change: Change) -> LiveUser | None:
        """Find who has the new user's name already: some services accept the same name twice."""
        if self._filters_work is False:
            return None
        found = self.find("userName", str(change.after.get("userName")))
        if self._filters_work is None or not found.refused:
            # A service that has filtered before may refuse one name, which says nothing about the others.
            self._filters_work = found.complete
        return found.users[0] if found.users else None

    def find_created(self, change: Change) -> tuple[LiveUser | None, bool]:
        """Find the user of a create; without one, also return whether it certainly does not exist."""
        return self._find_by_any(change.after)

    def find_planned(self, change: Change) -> LiveUser | None:
        """Find the account of a planned change by its values before it; None if no filter shows it."""
        found = self._find_by_any(change.before)[0]
        return found if found is not None and found.id == change.live_id else None

    def _find_by_any(self, values: Mapping[AttributePath, Any]) -> tuple[LiveUser | None, bool]:
        """Find a user by externalId, then by userName."""
        conclusive = True
        for attribute in ("externalId", "userName"):
            value = values.get(attribute)
            if value is None:
                continue
            found = self.find(attribute, str(value))
            if len(found.users) == 1:
                return found.users[0], True
            conclusive = conclusive and found.complete and not found.users
        return None, conclusive
