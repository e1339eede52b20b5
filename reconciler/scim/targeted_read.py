"""Read the accounts of a few users by filters, so that a plan can rely on it.

A filter that is ignored, refused, or distinguishes case where names do not, and an account that looks different when it
is read by its id, prove nothing: then all users must be read. So does an account that a filter does not find although
it must be there: that a filter finds nothing does not prove that there is nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from reconciler.core.identity import parse_identity
from reconciler.core.model import LiveUser
from reconciler.core.planning.live_user import ResourceReader
from reconciler.core.values import fold_case
from reconciler.errors import FullPlanNeededError, ScimError

IDENTIFYING = ("externalId", "userName")


class FilterReader(Protocol):
    """What reading by filters needs of a SCIM client."""

    def get_user(self, identity: str) -> dict[str, Any] | None:
        """One user."""

    def find_users(self, attribute: str, value: str, *, all_of_them: bool = False) -> list[dict[str, Any]]:
        """Users by filter."""


@dataclass(frozen=True, slots=True)
class Names:
    """The names of one user: the externalId and the userName of an account that is looked for."""

    external_id: str | None
    user_name: str | None

    def listed(self) -> Iterable[tuple[str, str]]:
        """Yield attribute and value of each."""
        for attribute, value in zip(IDENTIFYING, (self.external_id, self.user_name), strict=True):
            if value is not None:
                yield attribute, value


@dataclass(slots=True)
class TargetedRead:
    """Reads accounts by names. Each method raises `FullPlanNeededError` for an answer that proves nothing."""

    client: FilterReader
    reader: ResourceReader
    found: dict[str, LiveUser] = field(default_factory=dict)
    """By id."""
    answers: dict[tuple[str, str], Sequence[LiveUser]] = field(default_factory=dict)
    """By attribute and value."""

    def prove_filters(self, controls: Collection[Names]) -> LiveUser:
        """Return the account of one of these users, each of whom should have one, found by both names in another case.

        Another case, because names are compared without it.
        """
        for names in controls:
            if names.external_id is None or names.user_name is None or not names.user_name.isascii():
                continue
            by_name = self._ask("userName", names.user_name.swapcase())
            by_id = self._ask("externalId", names.external_id.swapcase())
            if not by_id and names.external_id.swapcase() != names.external_id:
                by_id = self._ask("externalId", names.external_id)
            if len(by_name) == len(by_id) == 1 and by_name[0] == by_id[0] and by_id[0].unreadable is None:
                return by_id[0]
        raise FullPlanNeededError("the filters of the service do not find a user who has an account")

    def find(self, names: Names) -> list[LiveUser]:
        """Return the accounts that have the names. Each name must be that of an account.

        A filter may hide some accounts, such as inactive ones, and distinguish names that are the same here.
        """
        there = {user.id: user for attribute, value in names.listed() for user in self._find(attribute, value)}
        return list(there.values())

    def _find(self, attribute: str, value: str) -> Sequence[LiveUser]:
        if not value.isascii():
            raise FullPlanNeededError("a name is not ASCII, and services compare such names in different ways")
        users = self._ask(attribute, value)
        if not users:
            raise FullPlanNeededError("a user has a name that no filter finds, which does not prove that it is free")
        for user in users:
            self._keep(user)
        return users

    def _ask(self, attribute: str, value: str) -> Sequence[LiveUser]:
        key = attribute, value
        if key not in self.answers:
            self.answers[key] = self._request(attribute, value)
        return self.answers[key]

    def _request(self, attribute: str, value: str) -> Sequence[LiveUser]:
        try:
            resources = self.client.find_users(attribute, value, all_of_them=True)
        except ScimError as exc:
            raise FullPlanNeededError(f"the service does not filter by {attribute}") from exc
        if any(parse_identity(resource.get("id")) is None for resource in resources):
            raise FullPlanNeededError("the service answers a filter with an account without an id")
        users = [self.reader.read(resource) for resource in resources]
        names = [(user.external_id or "") if attribute == "externalId" else user.user_name for user in users]
        if any(fold_case(name) != fold_case(value) for name in names):
            raise FullPlanNeededError("the service answers a filter with other accounts than those asked for")
        if len({user.id for user in users}) > 1:
            raise FullPlanNeededError(f"several accounts have one {attribute}")
        return users

    def _keep(self, user: LiveUser) -> None:
        """Keep an account that looks the same when it is read by its id."""
        if user.id in self.found:
            if self.found[user.id] != user:
                raise FullPlanNeededError("the service shows an account in two ways")
            return
        try:
            alone = self.client.get_user(user.id)
        except ScimError as exc:
            raise FullPlanNeededError("the service does not show an account by its id") from exc
        if alone is None or self.reader.read(alone) != user:
            raise FullPlanNeededError("the service shows an account differently by filter and by id")
        self.found[user.id] = user
