"""Who is in the desired state: scope with its groups resolved, and people mapped one at a time."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reconciler.core import scope
from reconciler.core.compare import folded
from reconciler.core.mapping import Projector
from reconciler.core.model import (
    AttributeMapping,
    DesiredUser,
    Diagnostic,
    Origin,
    Severity,
    SourceUser,
    error,
    warning,
)
from reconciler.core.text import quoted
from reconciler.sources import models
from reconciler.sources.yaml_files import Directory, Located

_MAX_HINTED = 5_000
"""Names among which a near one is looked for: it takes a millisecond for a hundred."""


@dataclass(slots=True)
class References:
    """Names that scope.yaml and groups use, with the place of each: all must exist."""

    users: dict[str, tuple[str, Origin | None]] = field(default_factory=dict)
    groups: dict[str, tuple[str, Origin | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ScopeRead:
    """The scope rules, and the names they and the groups use."""

    rules: scope.ScopeRules
    references: References


def read_scope(directory: Directory) -> ScopeRead:
    """scope.yaml with its groups resolved; mistakes are diagnostics."""
    references = References()
    groups = _groups(directory, references)
    located = directory.scope()
    if located is None:
        rules = scope.ScopeRules(assigned=None)
    else:
        if located.value.filters:
            detail = "This version would put people in scope whom the filters leave out. Use groups until then."
            directory.report(error("scoping filters are not supported yet", detail, located.at("filters")))
        assigned = _members(located, located.value.assigned, references, "assigned")
        excluded = _members(located, located.value.excluded, references, "excluded")
        everybody = located.value.sync == "all"
        rules = scope.ScopeRules(
            assigned=None if everybody else scope.resolve(assigned, groups), excluded=scope.resolve(excluded, groups)
        )
    rejected = {folded(str(node.get("name"))) for node in directory.rejected}
    for name, origin in references.groups.values():
        if folded(name) not in groups and folded(name) not in rejected:
            near = difflib.get_close_matches(folded(name), groups, 1)
            hint = f"Did you mean {near[0]}?" if near else "Add it to groups/, or remove the reference."
            directory.report(error(f"there is no group {quoted(name)}", hint, origin))
    return ScopeRead(rules, references)


def _groups(directory: Directory, references: References) -> dict[str, scope.GroupMembers]:
    groups: dict[str, scope.GroupMembers] = {}
    places: dict[str, Origin | None] = {}
    for group in directory.groups():
        name = folded(group.value.name)
        if name in groups:
            summary = f"group {quoted(group.value.name)} is defined twice"
            directory.report(error(summary, f"The other is at {places[name]}.", group.at("name")))
            continue
        places[name] = group.at("name")
        groups[name] = _members(group, group.value.members, references, "members")
    for cycle in scope.cycles(groups):
        names = " -> ".join(cycle)
        directory.report(error(f"groups contain one another: {names}", "Break the circle.", places[cycle[0]]))
    return groups


def _members(
    located: Located[Any], members: models.Members, references: References, *location: str
) -> scope.GroupMembers:
    for index, user in enumerate(members.users):
        references.users.setdefault(folded(user), (user, located.at(*location, "users", index)))
    for index, group in enumerate(members.groups):
        references.groups.setdefault(folded(group), (group, located.at(*location, "groups", index)))
    return scope.GroupMembers(tuple(members.users), tuple(members.groups))


class Names:
    """What people are called: userPrincipalName and objectId, each at most once."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self.places: dict[str, Origin] = {}
        """Folded name -> where that user is."""

    def register(self, user: SourceUser) -> bool:
        """Whether the user's names are new; one that is taken is a diagnostic."""
        new = True
        for attribute in ("userPrincipalName", "objectId"):
            value = user.attributes.get(attribute)
            if value is None:
                continue
            name = folded(str(value))
            if name in self.places:
                summary = f"{attribute} {quoted(str(value))} is used twice"
                detail = f"The other user is at {self.places[name]}: keep one."
                self._directory.report(error(summary, detail, user.at(attribute)))
                new = False
            else:
                self.places[name] = user.origin
        return new


class People:
    """Reads users one at a time; only the mapped form stays in memory."""

    def __init__(self, directory: Directory, projector: Projector, scoped: ScopeRead, now: datetime) -> None:
        self._directory = directory
        self._projector = projector
        self._rules = scoped.rules
        self._today = now.date()
        self.users: list[DesiredUser] = []
        self.names = Names(directory)
        self.attributes: set[str] = set()

    def read(self) -> None:
        """Fills `users` from all files."""
        for user in self._directory.users():
            if self.names.register(user):
                verdict = scope.verdict(user, self._rules, self._today)
                desired, mistakes = self._projector.project(user, verdict)
                self.users.append(desired)
                self._directory.diagnostics += mistakes
                self.attributes.update(user.attributes)


def check_references(directory: Directory, references: References, names: Names) -> None:
    """A member that is nobody's name: misspelt, it loses somebody an account."""
    if any(item.severity is Severity.ERROR and _ended_early(item) for item in directory.diagnostics):
        return  # with a file of users unread, many would look unknown
    known = set(names.places)
    for node in directory.rejected:
        known.update(folded(str(node.get(key))) for key in ("userPrincipalName", "objectId") if node.get(key))
    for name, origin in references.users.values():
        if folded(name) not in known:
            near = _near(folded(name), known)
            hint = f"Did you mean {near}?" if near else "Add the user, or remove the reference."
            directory.report(error(f"there is no user {quoted(name)}", hint, origin))


def _ended_early(item: Diagnostic) -> bool:
    """Whether a file of users was not read to its end."""
    unread = item.summary.startswith(("not YAML", "cannot be read", "not UTF-8", "larger than", "a line longer"))
    return unread and item.origin is not None and item.origin.file.startswith("users/")


def _near(name: str, known: Collection[str]) -> str | None:
    """A name that `name` may be a slip of. By what stands before the @: a shared domain makes all look alike."""
    local, at, domain = name.partition("@")
    if len(known) > _MAX_HINTED:
        return None
    locals_ = {other.partition("@")[0]: other for other in known if other.partition("@")[2] == domain}
    near = difflib.get_close_matches(local, locals_, 1, cutoff=0.8)
    return locals_[near[0]] if near and at else None


def check_inputs(directory: Directory, people: People, mappings: Iterable[AttributeMapping]) -> None:
    """A mapping that reads what nobody has: misspelt, it empties an attribute."""
    for row in mappings:
        for attribute in row.inputs:
            if people.users and row.origin and attribute not in people.attributes and attribute != "IsSoftDeleted":
                near = difflib.get_close_matches(attribute, sorted(people.attributes), 1)
                hint = f"Did you mean {near[0]}?" if near else "It gives no value to anybody."
                directory.report(warning(f"no user has an attribute {quoted(attribute)}", hint, row.origin))
