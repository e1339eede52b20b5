"""Fifty change sets of ordinary weeks at the sample company, as edits of its YAML files.

Joiners, leavers, moves, marriages, corrected names, a department reorganised, a leave and a return, rehires: what the
pull requests of ordinary days hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

_FIRST_KEY = re.compile(r"^- objectId: ", re.MULTILINE)


@dataclass(frozen=True)
class Employee:
    """A user as written: `text` is the list entry."""

    file: Path
    text: str

    def get(self, attribute: str) -> str:
        """Return the value of an attribute as written."""
        found = re.search(rf"^[- ] {attribute}: (.*)$", self.text, re.MULTILINE)
        assert found is not None, f"{attribute} is not in:\n{self.text}"
        return found[1]

    @property
    def name(self) -> str:
        """The userPrincipalName."""
        return self.get("userPrincipalName")


class Company:
    """The YAML files of the sample company, in `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.away: dict[str, Employee] = {}
        """Users who come back later, by what the change sets call them."""
        self._ordinary = self._find_ordinary()
        self._joined = 0

    def next(self) -> Employee:
        """Return a user in scope who no change set has touched yet."""
        return self.find(next(self._ordinary))

    def find(self, name: str) -> Employee:
        """Return the user with this userPrincipalName."""
        return next(user for user in self._all() if user.name == name)

    def join(self, given: str, surname: str, **more: str) -> None:
        """Add a colleague of another user to the same team; `more`: further attributes."""
        self._joined += 1
        number, colleague = self._joined, self.next()
        name = f"{given}.{surname}@example.com".lower()
        entry = colleague.text.rstrip("\n")
        entry = entry.replace(colleague.name, name).replace(
            colleague.get("objectId"), f"5f000000-0000-4000-8000-{number:012}"
        )
        entry = _set(entry, "givenName", given)
        entry = _set(entry, "surname", surname)
        entry = _set(entry, "employeeId", f'"9{number:03}"')
        entry = re.sub(r"\n  displayName: .*", "", entry)
        for attribute, value in more.items():
            entry = _set(entry, attribute, value)
        self._replace(colleague.file, colleague.text, f"{colleague.text.rstrip()}\n\n{entry}\n\n")
        for file in (self.root / "groups").glob("*.yaml"):
            self._write(
                file, re.sub(rf"(?m)^( +- ){re.escape(colleague.name)}$", rf"\g<0>\n\g<1>{name}", file.read_text())
            )

    def leave(self, name: str) -> Employee:
        """Remove a user from users/ and from all groups."""
        user = self.find(name)
        self._replace(user.file, user.text, "")
        for file in [*(self.root / "groups").glob("*.yaml"), self.root / "scope.yaml"]:
            text = re.sub(rf"(?m)^ +- {re.escape(name)}( .*)?\n", "", file.read_text())
            self._write(file, text)
        return user

    def come_back(self, user: Employee, group: str) -> None:
        """Add a user who had left, with the same objectId, to a group."""
        self._write(user.file, user.file.read_text().rstrip("\n") + "\n\n" + user.text)
        file = next(file for file in (self.root / "groups").glob("*.yaml") if f"- name: {group}\n" in file.read_text())
        pattern = rf"(- name: {group}\n(?:  .*\n)*?    users:\n)"
        text, count = re.subn(pattern, rf"\g<1>      - {user.name}\n", file.read_text())
        assert count == 1, group
        self._write(file, text)

    def set(self, name: str, **attributes: str) -> None:
        """Set attributes of a user."""
        user = self.find(name)
        text = user.text
        for attribute, value in attributes.items():
            text = _set(text, attribute, value)
        self._replace(user.file, user.text, text)

    def rename(self, name: str, new: str, **attributes: str) -> None:
        """Change a userPrincipalName wherever it is written, and attributes of the user."""
        for file in self.root.rglob("*.yaml"):
            text = file.read_text()
            self._write(file, re.sub(rf"(?m)(?<=[ ]){re.escape(name)}$", new, text))
        self.set(new, **attributes)

    def reorganise(self, file: str, old: str, new: str) -> None:
        """Rename a department for all users of one file."""
        path = self.root / "users" / file
        self._replace(path, f"\n  department: {old}\n", f"\n  department: {new}\n")

    def exclude(self, name: str) -> None:
        """Exclude a user from the scope."""
        scope = self.root / "scope.yaml"
        self._write(scope, re.sub(r"(excluded:\n(?:  .*\n)*?  users:\n)", rf"\g<1>    - {name}\n", scope.read_text()))

    def include(self, name: str) -> None:
        """Undo `exclude`."""
        self._replace(self.root / "scope.yaml", f"    - {name}\n", "")

    def _all(self) -> Iterator[Employee]:
        for file in sorted((self.root / "users").glob("*.yaml")):
            text = file.read_text()
            starts = [found.start() for found in _FIRST_KEY.finditer(text)]
            for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
                entry = text[start:end]
                yield Employee(file, re.sub(r"\n\n(#.*\n*)+$", "\n\n", entry) if "\n\n#" in entry else entry)

    def _find_ordinary(self) -> Iterator[str]:
        """Yield the names of users that a group names and that nothing else restricts, one of each file in turn."""
        groups = "".join(file.read_text() for file in (self.root / "groups").glob("*.yaml"))
        scope = (self.root / "scope.yaml").read_text()
        contractors = self.root / "users" / "contractors.yaml"
        names = [
            user.name
            for user in self._all()
            if user.file != contractors
            and "lifecycle:" not in user.text
            and "accountEnabled" not in user.text
            and "department" in user.text
            and re.search(rf"(?m)^ +- {re.escape(user.name)}$", groups)
            and user.name not in scope
        ]
        return iter(names[start + step * 7] for start in range(7) for step in range((len(names) - start + 6) // 7))

    def _replace(self, file: Path, old: str, new: str) -> None:
        text = file.read_text()
        assert old in text, f"{old!r} is not in {file.name}"
        self._write(file, text.replace(old, new))

    def _write(self, file: Path, text: str) -> None:
        file.write_text(text)


def _set(entry: str, attribute: str, value: str) -> str:
    """Set an attribute of a list entry, as its last one if it is new."""
    line = re.compile(rf"(?m)^([- ]) {attribute}: .*$")
    if line.search(entry):
        return line.sub(lambda found: f"{found[1]} {attribute}: {value}", entry)
    body = entry.rstrip("\n")
    return f"{body}\n  {attribute}: {value}{entry[len(body) :] or chr(10)}"


Edit = Callable[[Company], None]


def join(*names: tuple[str, str], **attributes: str) -> Edit:
    """Users join, each beside a colleague."""

    def edit(company: Company) -> None:
        for given, surname in names:
            company.join(given, surname, **attributes)

    return edit


def leave(count: int = 1) -> Edit:
    """Users leave."""

    def edit(company: Company) -> None:
        for _ in range(count):
            company.leave(company.next().name)

    return edit


def leave_for_now(who: str, group: str) -> tuple[Edit, Edit]:
    """Return the edits by which a user leaves, and comes back to a group."""

    def go(company: Company) -> None:
        company.away[who] = company.leave(company.next().name)

    return go, lambda company: company.come_back(company.away[who], group)


def pause(who: str) -> tuple[Edit, Edit]:
    """Return the edits that disable the account of a user, and enable it again."""

    def begin(company: Company) -> None:
        company.away[who] = company.next()
        company.set(company.away[who].name, accountEnabled="false")

    return begin, lambda company: company.set(company.away[who].name, accountEnabled="true")


def change(count: int = 1, **attributes: str) -> Edit:
    """Attributes of users change."""

    def edit(company: Company) -> None:
        for _ in range(count):
            company.set(company.next().name, **attributes)

    return edit


def marry(surname: str) -> Edit:
    """Give a user another surname, and the userPrincipalName that follows from it."""

    def edit(company: Company) -> None:
        user = company.next()
        given = user.name.partition(".")[0]
        company.rename(user.name, f"{given}.{surname}@example.com".lower(), surname=surname)

    return edit


def rename(company: Company) -> None:
    """Give a user another userPrincipalName only."""
    user = company.next()
    company.rename(user.name, f"a.{user.name}")


def exclude(company: Company) -> None:
    """Exclude a user from the scope."""
    company.exclude(company.next().name)


LEAVE_BEGINS, LEAVE_ENDS = pause("parental leave")
FIRST_LEAVES, FIRST_RETURNS = leave_for_now("first rehire", "people")
SECOND_LEAVES, SECOND_RETURNS = leave_for_now("second rehire", "it")

CHANGE_SETS: tuple[tuple[str, tuple[Edit, ...]], ...] = (
    ("two joiners", (join(("Ines", "Albrecht"), ("Tariq", "Haddad")),)),
    ("a leaver", (leave(),)),
    ("a leaver whose account is disabled first", (change(accountEnabled="false"),)),
    ("a move to another team", (change(department="Sales", costCenter="5100"),)),
    ("a marriage", (marry("Lindholm"),)),
    ("a corrected given name", (change(givenName="Zoë"),)),
    ("a corrected surname", (change(surname="Grünwald"),)),
    ("a joiner in engineering", (join(("Rasmus", "Tveit")),)),
    ("the cost center of a team", (change(6, costCenter="4150"),)),
    ("a leaver and the successor", (leave(), join(("Paula", "Ferreira")))),
    ("a leave begins", (LEAVE_BEGINS,)),
    (
        "five joiners on the first of the month",
        (join(("Aya", "Mori"), ("Jonas", "Eklund"), ("Lea", "Brandt"), ("Omar", "Said"), ("Petra", "Nowak")),),
    ),
    ("a department is renamed", (lambda company: company.reorganise("it.yaml", "IT", "Information Technology"),)),
    ("an attribute that is not mapped", (change(officeLocation="Berlin"),)),
    ("a user is excluded", (exclude,)),
    ("two leavers", (leave(2),)),
    ("the leave ends", (LEAVE_ENDS,)),
    ("a marriage and a move", (marry("Castro"), change(department="Finance"))),
    ("a joiner who starts later", (join(("Nils", "Aas"), lifecycle="{starts: 2099-01-01}"),)),
    ("a contract with an end", (change(lifecycle="{expires: 2099-01-01}"),)),
    ("a leaver who comes back", (FIRST_LEAVES,)),
    ("job titles", (change(8, jobTitle="Senior Specialist"),)),
    ("a leaver of the research lab", (leave(),)),
    ("a rehire", (FIRST_RETURNS,)),
    ("a joiner and a leaver", (join(("Signe", "Holm")), leave())),
    ("a nickname becomes the given name", (change(givenName="Max"),)),
    ("a surname without a new user name", (change(surname="Weber-Roth"),)),
    ("a user name without a new surname", (rename,)),
    ("three moves", (change(3, department="Customer Care", costCenter="6100"),)),
    ("two joiners in sales", (join(("Bruno", "Keller"), ("Chiara", "Conti")),)),
    ("languages", (change(4, preferredLanguage="en-GB"),)),
    ("a leaver by mid-month", (leave(),)),
    ("another marriage", (marry("Eriksen"),)),
    ("another leaver who comes back", (SECOND_LEAVES,)),
    ("a corrected employee number", (change(employeeId='"7788"'),)),
    ("the cost center of another team", (change(5, costCenter="4300"),)),
    ("three leavers at the end of the quarter", (leave(3),)),
    (
        "four joiners at its beginning",
        (join(("Dario", "Greco"), ("Eva", "Krause"), ("Filip", "Svoboda"), ("Gabi", "Roth")),),
    ),
    ("another rehire", (SECOND_RETURNS,)),
    ("the department again", (lambda company: company.reorganise("it.yaml", "Information Technology", "IT"),)),
    ("a disabled account", (change(accountEnabled="false"),)),
    ("a typo in a surname", (change(surname="Köhler"),)),
    ("a promotion", (change(jobTitle="Director", division="Corporate"),)),
    ("a bit of everything", (join(("Mina", "Sundqvist")), leave(), change(jobTitle="Team Lead"), marry("Oyelaran"))),
    ("a joiner from an acquisition", (join(("Hugo", "Lacroix")),)),
    ("two departments merge", (change(7, department="Operations"),)),
    ("a leaver without notice", (leave(),)),
    ("a marriage with a double name", (marry("Sandoval-Ruiz"),)),
    ("a disabled account and a joiner", (change(accountEnabled="false"), join(("Ida", "Falk")))),
    ("the year ends with a leaver", (leave(),)),
)
