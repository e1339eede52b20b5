"""A tenant of Microsoft Entra ID in memory: users, groups, applications, assignments, and a log of their changes.

Every method that edits takes and returns object ids. Deleted users and groups can be restored until they are purged,
with their memberships, their manager and their assignments.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from support.servers.graph.registrations import AppRegistration, reader

DEFAULT_ACCESS = "00000000-0000-0000-0000-000000000000"
"""`appRoleId` of an assignment without a role."""


@dataclass(slots=True)
class DirectoryObject:
    """A user, group, device, contact or service principal. A property that was never set has no key."""

    id: str
    kind: str
    """The name of its type without its namespace: user, group, device, orgContact, servicePrincipal."""
    properties: dict[str, Any]
    deleted: str | None = None
    """When it was deleted; None: it lives."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change of a user or group."""

    id: str
    names: frozenset[str]
    """The properties set, or "manager" or "members"; empty: it was created, deleted, purged or restored."""
    before: Mapping[str, Any] = field(default_factory=dict)
    """What the properties were; only those that were set before."""
    relation: str = ""
    """The manager that was removed, or the member that was added or removed."""


@dataclass(frozen=True, slots=True)
class Assignment:
    id: str
    principal: str
    role: str
    created: str


@dataclass(slots=True)
class Job:
    """A provisioning job of an application. `schema`, `status` and so on are as Graph shows them."""

    id: str
    document: dict[str, Any]
    schema: dict[str, Any]


class Tenant:
    """See the module. `seed` makes other ids."""

    def __init__(self, domain: str = "contoso.onmicrosoft.com", *, seed: int = 1) -> None:
        self._random = random.Random(seed)  # noqa: S311 - the same ids each time
        self.id = self._new_id()
        self.domains = [domain]
        self.name = domain.partition(".")[0].title()
        self.apps: list[AppRegistration] = [reader(self._new_id())]
        self.objects: dict[str, DirectoryObject] = {}
        self.order: dict[str, list[str]] = {"user": [], "group": [], "servicePrincipal": []}
        """Ids by kind as they were created, purged ones too: a place in it never moves."""
        self.purged: dict[str, str] = {}
        """Id -> kind."""
        self.managers: dict[str, str] = {}
        self.members: dict[str, dict[str, None]] = {}
        self.assignments: dict[str, dict[str, Assignment]] = {}
        """By application and id."""
        self.jobs: dict[str, list[Job]] = {}
        self.secrets: dict[str, list[dict[str, str]]] = {}
        self.extensions: list[dict[str, Any]] = []
        self.provisioning_log: list[dict[str, Any]] = []
        self.changes: dict[str, list[Change]] = {"user": [], "group": []}
        self._moment = datetime(2026, 11, 2, 8, tzinfo=UTC)
        self._names: dict[str, str] = {}

    # Time and ids

    def _new_id(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))

    def now(self) -> str:
        """A second later than the last time."""
        self._moment += timedelta(seconds=1)
        return self._moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def app(self) -> AppRegistration:
        """The app registration that reads."""
        return self.apps[0]

    # Users

    def add_user(self, user_principal_name: str | None = None, *, manager: str | None = None, **properties: Any) -> str:
        """Create a user with Graph's property names; `accountEnabled` is true unless given."""
        name = user_principal_name or f"user{len(self.order['user']) + 1}@{self.domains[0]}"
        given = {
            "userPrincipalName": name,
            "displayName": name.partition("@")[0],
            "accountEnabled": True,
            "userType": "Member",
            "createdDateTime": self.now(),
            **properties,
        }
        found = self._create("user", given)
        if manager is not None:
            self.managers[found] = manager
        return found

    def set(self, found: str, **properties: Any) -> None:
        """Set properties of a user, group or other object; None: null."""
        entry = self.objects[found]
        before = {name: entry.properties[name] for name in properties if name in entry.properties}
        entry.properties.update(properties)
        self._log(entry.kind, Change(found, frozenset(properties), before))

    def set_manager(self, user: str, manager: str | None) -> None:
        """Set or remove the manager."""
        before = self.managers.pop(user, "")
        if manager is not None:
            self.managers[user] = manager
        self._log("user", Change(user, frozenset({"manager"}), relation=before))

    def delete(self, found: str) -> None:
        """Delete a user or group; it can be restored."""
        self.objects[found].deleted = self.now()
        self._log(self.objects[found].kind, Change(found, frozenset()))

    def restore(self, found: str) -> None:
        """Restore a deleted user or group."""
        self.objects[found].deleted = None
        self._log(self.objects[found].kind, Change(found, frozenset()))

    def purge(self, found: str) -> None:
        """Delete a user or group for good, whether it is deleted yet or not."""
        kind = self.objects.pop(found).kind
        self.purged[found] = kind
        self.managers = {user: boss for user, boss in self.managers.items() if found not in {user, boss}}
        self.members.pop(found, None)
        for members in self.members.values():
            members.pop(found, None)
        for rows in self.assignments.values():
            for row in [row for row in rows.values() if row.principal == found]:
                del rows[row.id]
        self._log(kind, Change(found, frozenset()))

    # Groups

    def add_group(self, name: str, members: Iterable[str] = (), *, rule: str | None = None, **properties: Any) -> str:
        """Create a security group; with `rule` a dynamic one, whose members are still those given."""
        given = {
            "displayName": name,
            "description": None,
            "groupTypes": ["DynamicMembership"] if rule is not None else [],
            "securityEnabled": True,
            "mailEnabled": False,
            "mailNickname": name.replace(" ", "") or "group",
            "membershipRule": rule,
            "membershipRuleProcessingState": "On" if rule is not None else None,
            "createdDateTime": self.now(),
            **properties,
        }
        group = self._create("group", given)
        self.members[group] = dict.fromkeys(members)
        return group

    def add_member(self, group: str, *members: str) -> None:
        """Add users, groups or other objects; groups may contain each other."""
        for member in members:
            self.members[group][member] = None
            self._log("group", Change(group, frozenset({"members"}), relation=member))

    def remove_member(self, group: str, member: str) -> None:
        del self.members[group][member]
        self._log("group", Change(group, frozenset({"members"}), relation=member))

    def add_other(self, kind: str, name: str) -> str:
        """Create a `device` or `orgContact`, which can be a member of a group."""
        return self._create(kind, {"displayName": name})

    # Applications

    def add_application(self, name: str = "Apple Business Manager", **properties: Any) -> str:
        """Create an enterprise application and return the object id of its service principal."""
        role = {
            "allowedMemberTypes": ["User"],
            "description": "User",
            "displayName": "User",
            "id": self._new_id(),
            "isEnabled": True,
            "origin": "Application",
            "value": None,
        }
        given = {
            "displayName": name,
            "appDisplayName": name,
            "appId": self._new_id(),
            "appRoles": [role],
            "appRoleAssignmentRequired": True,
            "accountEnabled": True,
            "servicePrincipalType": "Application",
            "notificationEmailAddresses": [],
            "tags": ["WindowsAzureActiveDirectoryIntegratedApp"],
            **properties,
        }
        found = self._create("servicePrincipal", given)
        self.assignments[found] = {}
        self.jobs[found] = []
        self.secrets[found] = []
        return found

    def assign(self, application: str, principal: str, role: str | None = None) -> str:
        """Assign a user, group or service principal; several times with several roles. Return the assignment's id."""
        roles = self.objects[application].properties["appRoles"]
        chosen = role if role is not None else roles[0]["id"] if roles else DEFAULT_ACCESS
        row = Assignment(self._new_id().replace("-", "")[:22], principal, chosen, self.now())
        self.assignments[application][row.id] = row
        return row.id

    def unassign(self, application: str, principal: str) -> None:
        """Remove every assignment of a principal."""
        rows = self.assignments[application]
        for row in [row for row in rows.values() if row.principal == principal]:
            del rows[row.id]

    def define_extension(self, name: str, data_type: str = "String", *, multi_valued: bool = False) -> str:
        """Define a directory extension of users and return its full name, `extension_<app id>_<name>`."""
        full = f"extension_{self.app.client_id.replace('-', '')}_{name}"
        self.extensions.append(
            {
                "id": self._new_id(),
                "deletedDateTime": None,
                "appDisplayName": self.app.name,
                "dataType": data_type,
                "isMultiValued": multi_valued,
                "isSyncedFromOnPremises": False,
                "name": full,
                "targetObjects": ["User"],
            }
        )
        return full

    # What is there

    def living(self, kind: str) -> Iterator[DirectoryObject]:
        for found in self.order[kind]:
            entry = self.objects.get(found)
            if entry is not None and entry.deleted is None:
                yield entry

    def find(self, found: str) -> DirectoryObject | None:
        """The living object of an id."""
        entry = self.objects.get(found.casefold())
        return entry if entry is not None and entry.deleted is None else None

    def user_named(self, name: str) -> DirectoryObject | None:
        """The living user of a userPrincipalName."""
        wanted = name.casefold()
        return next(
            (user for user in self.living("user") if user.properties["userPrincipalName"].casefold() == wanted), None
        )

    def living_members(self, group: str) -> list[DirectoryObject]:
        """The direct members, in the order in which they were added."""
        found = (self.objects.get(member) for member in self.members[group])
        return [entry for entry in found if entry is not None and entry.deleted is None]

    def transitive_members(self, group: str) -> list[DirectoryObject]:
        """All members of the group and of groups in it, each once; cycles end."""
        seen: dict[str, DirectoryObject] = {}
        pending = [group]
        while pending:
            for member in self.living_members(pending.pop()):
                if member.id not in seen:
                    seen[member.id] = member
                    if member.kind == "group":
                        pending.append(member.id)
        return list(seen.values())

    def _create(self, kind: str, properties: dict[str, Any]) -> str:
        found = self._new_id()
        self.objects[found] = DirectoryObject(found, kind, properties)
        self.order.setdefault(kind, []).append(found)
        self._log(kind, Change(found, frozenset()))
        return found

    def _log(self, kind: str, change: Change) -> None:
        if kind in self.changes:
            self.changes[kind].append(change)
