"""A year of four users at a service with habits, in two applies, and what must hold after each command."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.servers.patching import ENTERPRISE, User
from support.workspace import CommandResult, Workspace

MAPPINGS = """
- {target: externalId, source: objectId, match: 1}
- {target: userName, source: userPrincipalName, match: 2}
- {target: active, expression: 'Not([IsSoftDeleted])', default: "True"}
- {target: name.givenName, source: givenName}
- {target: name.familyName, source: surname}
- {target: title, source: jobTitle, when_null: clear}
- {target: locale, source: preferredLanguage}
- {target: 'emails[type eq "work"].value', source: mail, when_null: clear}
- {target: 'phoneNumbers[type eq "work"].value', source: telephoneNumber}
- {target: "enterprise:department", source: department, when_null: clear}
"""
ROLE = """- {target: 'roles[primary eq "True"].value', source: appRole}\n"""
NO_CHANGES = "No changes."
TRIES = 4
"""How often a command is repeated until the product is at rest."""


def person(who: str, **changed: Any) -> dict[str, Any]:
    """A source user; None leaves an attribute out."""
    user = {
        "objectId": f"id-{who}",
        "userPrincipalName": f"{who}@example.com",
        "givenName": who.capitalize(),
        "surname": "Åström",
        "jobTitle": "Engineer",
        "preferredLanguage": "en_US",
        "mail": f"{who}.mail@example.com",
        "telephoneNumber": "+49 30 1234-56",
        "appRole": "member",
        "department": "Research",
        "accountEnabled": True,
        **changed,
    }
    return {name: value for name, value in user.items() if value is not None}


KEEPER = person("keeper")
BEFORE = [person("ada"), person("bob"), person("cyd"), person("eve"), KEEPER]
AFTER = [
    person("ada", department="Sales", mail="ada.new@example.com"),
    person("bob", accountEnabled=False),
    person("cyd", jobTitle=None),
    person("dan"),
    person("eve", mail=None, department=None),
    KEEPER,
]


@dataclass
class Cycle:
    """Commands on a service whose true state can be read. `people`: the users in git."""

    workspace: Workspace
    read: Callable[[], Iterable[User]]
    people: list[dict[str, Any]] = field(default_factory=list)
    skips: frozenset[str] = frozenset()
    """Source attributes that the service does not have."""
    told: str = ""
    """What all commands said."""

    def wants(self, people: list[dict[str, Any]]) -> None:
        """Write the users."""
        self.people = [{k: v for k, v in each.items() if k not in self.skips} for each in people]
        self.workspace.users(self.people)

    def apply(self) -> CommandResult:
        """Apply, and check what must hold after every command."""
        result = self.workspace.apply()
        self.told += result.out + result.err
        self.check(result)
        return result

    def check(self, result: CommandResult) -> None:
        assert "Traceback" not in result.err
        found = list(self.read())
        names = [user["userName"].casefold() for user in found]
        assert len(names) == len(set(names)), names
        for user in found:
            for name, elements in user.items():
                if isinstance(elements, list) and name != "schemas":
                    values = [fold(str(each["value"])) for each in elements]
                    assert len(values) == len(set(values)), (name, elements)
        if NO_CHANGES in result.out and result.code == 0:
            assert self.differences() == []

    def rest(self) -> CommandResult:
        """Apply until nothing is to be done, or until an apply does nothing more."""
        result = self.apply()
        for _ in range(TRIES):
            before = sorted(map(str, self.read()))
            result = self.apply()
            if result.code == 0 and NO_CHANGES in result.out:
                plan = self.workspace.run("plan")
                assert (plan.code, NO_CHANGES in plan.out) == (0, True), plan.out + plan.err
                return result
        assert sorted(map(str, self.read())) == before, "an apply that is repeated goes on writing"
        assert result.code != 0, result.out + result.err
        return result

    def differences(self) -> list[str]:
        """In what the true state differs from the users in git."""
        found: list[str] = []
        for each in self.people:
            accounts = [user for user in self.read() if user.get("externalId") == each["objectId"]]
            if each["accountEnabled"] and len(accounts) != 1:
                found.append(f"{each['userPrincipalName']}: {len(accounts)} accounts")
            for account in accounts:
                found += [f"{each['userPrincipalName']}: {item}" for item in _differences(each, account)]
        return found


def _differences(wanted: Mapping[str, Any], account: User) -> list[str]:
    if not wanted["accountEnabled"]:
        return [] if account.get("active") is False else ["active"]
    shown = {
        "userPrincipalName": account.get("userName"),
        "givenName": account.get("name", {}).get("givenName"),
        "surname": account.get("name", {}).get("familyName"),
        "jobTitle": account.get("title"),
        "preferredLanguage": account.get("locale"),
        "mail": _only(account.get("emails")),
        "telephoneNumber": _only(account.get("phoneNumbers")),
        "appRole": _only(account.get("roles")),
        "department": account.get(ENTERPRISE, {}).get("department"),
    }
    here = ["active"] if account.get("active", True) is not True else []
    same = {name: fold(str(wanted.get(name))) == fold(str(value)) for name, value in shown.items()}
    return here + [f"{name}: {wanted.get(name)} is {shown[name]}" for name in shown if not same[name]]


def _only(elements: Any) -> Any:
    """The value of the only element; None without one, all of them if there are several."""
    values = [each.get("value") for each in elements or []]
    return values[0] if len(values) == 1 else values or None


def fold(text: str) -> str:
    """A value without what a service may change in it: case, blanks, punctuation, Unicode form."""
    return re.sub(r"[\s_-]", "", unicodedata.normalize("NFC", text)).casefold()
