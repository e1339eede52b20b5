"""A company with everything an apply can do to it, and what it must look like afterwards.

What is expected is built here from the same people, by hand: nothing of the product is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from support.servers.patching import ENTERPRISE, User
from support.servers.users import make_user
from support.workspace import source

ROLES = "create update swap swap deactivate delete adopt reactivate keep unmanaged".split()
_PLANNED = {"swap": "update", "keep": None, "unmanaged": None}


@dataclass(frozen=True, slots=True)
class Person:
    """One person: the account before, what git says, and the account after; None: there is none."""

    external_id: str
    key: str
    """What plans and receipts call this person."""
    action: str | None
    before: User | None
    written: Mapping[str, Any] | None
    after: User | None

    @property
    def address(self) -> str:
        return f'user["{self.key}"]'


def company(size: int) -> list[Person]:
    """The roles in turn, so that ten people have one of each (and two who swap their names)."""
    return [_person(number) for number in range(size)]


def _person(number: int) -> Person:
    role = ROLES[number % len(ROLES)]
    user = make_user(number, id=f"id-{number}")
    before, written, after = _ROLE[role](number, user)
    name = (after or user)["userName"]
    return Person(user["externalId"], name, _PLANNED.get(role, role), before, written, after)


Sides = tuple[User | None, Mapping[str, Any] | None, User | None]


def _swap(number: int, user: User) -> Sides:
    first = ROLES.index("swap") == number % len(ROLES)
    other = make_user(number + 1 if first else number - 1)["userName"]
    after = {**user, "userName": other}
    return user, source(after), after


def _update(_number: int, user: User) -> Sides:
    after = {**user, ENTERPRISE: {**user[ENTERPRISE], "department": "Moved"}}
    return user, source(after), after


def _adopt(_number: int, user: User) -> Sides:
    return {key: value for key, value in user.items() if key != "externalId"}, source(user), user


def _unmanaged(number: int, _user: User) -> Sides:
    # Made by hand: no externalId, nobody in git.
    account = make_user(number, id=f"id-{number}", externalId=None)
    return account, None, account


_ROLE = {
    "create": lambda _number, user: (None, source(user), user),
    "update": _update,
    "swap": _swap,
    "deactivate": lambda _number, user: (user, source(user, accountEnabled=False), {**user, "active": False}),
    "delete": lambda _number, user: (user, None, None),
    "adopt": _adopt,
    "reactivate": lambda _number, user: ({**user, "active": False}, source(user), user),
    "keep": lambda _number, user: (user, source(user), user),
    "unmanaged": _unmanaged,
}


def write_steps(people: Iterable[Person]) -> list[str]:
    """The writes that an apply cannot do without, as the injector calls them."""
    verbs = {"create": "create", "delete": "delete"}
    return [f"{verbs.get(one.action, 'patch')} {one.external_id}" for one in people if one.action is not None]


def read_steps(people: Iterable[Person]) -> list[str]:
    """The reads that an apply cannot do without: of each account before it is written."""
    return [f"read {one.external_id}" for one in people if one.action not in (None, "create")]


def essence(user: Mapping[str, Any]) -> dict[str, Any]:
    """What of an account the desired state speaks of."""
    return {
        "externalId": user.get("externalId"),
        "userName": user["userName"],
        "active": user.get("active", True),
        "givenName": user["name"]["givenName"],
        "familyName": user["name"]["familyName"],
        **user.get(ENTERPRISE, {}),
    }
