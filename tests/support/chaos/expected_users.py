"""Users for every action of an apply, each with the account expected afterwards.

The expectation is built here from the same data and uses no code of the product.
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
class ExpectedUser:
    """One user: the account before, the source user in git, and the account after; None: there is none."""

    external_id: str
    key: str
    """The key in plans and receipts."""
    action: str | None
    before: User | None
    written: Mapping[str, Any] | None
    after: User | None

    @property
    def address(self) -> str:
        return f'user["{self.key}"]'


def expected_users(size: int) -> list[ExpectedUser]:
    """Return users with the roles in turn: ten users have one of each, and two that swap their names."""
    return [_expected_user(number) for number in range(size)]


def _expected_user(number: int) -> ExpectedUser:
    role = ROLES[number % len(ROLES)]
    user = make_user(number, id=f"id-{number}")
    before, written, after = _ROLE[role](number, user)
    name = (after or user)["userName"]
    return ExpectedUser(user["externalId"], name, _PLANNED.get(role, role), before, written, after)


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
    # Created manually: no externalId, no user in git.
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


def write_steps(people: Iterable[ExpectedUser]) -> list[str]:
    """Return the writes that an apply must make, by the names of the injector."""
    verbs = {"create": "create", "delete": "delete"}
    return [f"{verbs.get(one.action, 'patch')} {one.external_id}" for one in people if one.action is not None]


def read_steps(people: Iterable[ExpectedUser]) -> list[str]:
    """Return the reads that an apply must make: each account before it is written."""
    return [f"read {one.external_id}" for one in people if one.action not in (None, "create")]


def essence(user: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of an account that the desired state sets."""
    return {
        "externalId": user.get("externalId"),
        "userName": user["userName"],
        "active": user.get("active", True),
        "givenName": user["name"]["givenName"],
        "familyName": user["name"]["familyName"],
        **user.get(ENTERPRISE, {}),
    }
