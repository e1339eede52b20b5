"""Random tenants, imported again and again while they change: the users in scope are those that Entra provisions."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from support.recording_terminal import RecordingTerminal
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant

from reconciler.commands.import_entra import EntraImportOptions, run_import_entra
from reconciler.desired.loader import DesiredState, load
from reconciler.errors import ExitCode
from reconciler.session.workspace import Workspace, current_time

TARGET = {"profile": "scim", "base_url": "https://scim.example.com"}
ROUNDS = 3


class RandomTenant:
    """A tenant, an enterprise application, and random changes of both."""

    def __init__(self, seed: int, *, nested: bool) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - the same changes each time
        self.nested = nested
        self.tenant = Tenant(seed=seed)
        self.users = [self._hire(number) for number in range(12)]
        self.groups = [self.tenant.add_group(self.chance.choice(("Sales", "IT", f"G{n}"))) for n in range(5)]
        for group in self.groups:
            others = self.chance.sample([each for each in self.groups if each != group], 2)
            self.tenant.add_member(group, *self.chance.sample(self.users, 3), *others)
            self.tenant.add_member(group, self.tenant.add_other("device", "Mac"))
        self.application = self.tenant.add_application()
        self.anchor = self._hire(99)  # always assigned, so that the application is never empty
        for principal in (self.anchor, self.users[0], *self.groups[:2]):
            self.tenant.assign(self.application, principal)

    def _hire(self, number: int) -> str:
        enabled = self.chance.random() < 0.8
        name = f"u{number}@example.com"
        return self.tenant.add_user(name, givenName="A", surname="B", accountEnabled=enabled or number == 99)

    def change(self) -> None:
        """Make a few random changes. Users who were deleted before the last import may be deleted for good."""
        for user in [each for each in self.users if each in self.tenant.objects and self.tenant.find(each) is None]:
            if self.chance.random() < 0.5:
                self.tenant.purge(user)
        for _ in range(4):
            edit = self.chance.choice((self._rename, self._swap, self._join, self._leave, self._delete, self._assign))
            edit()

    def _living(self) -> list[str]:
        return [user for user in self.users if self.tenant.find(user) is not None]

    def _rename(self) -> None:
        name = f"n{self.chance.randrange(10**6)}@example.com"
        self.tenant.set(self.chance.choice(self._living()), userPrincipalName=name, department=name[:3])

    def _swap(self) -> None:
        one, other = self.chance.sample(self._living(), 2)
        names = [self.tenant.objects[each].properties["userPrincipalName"] for each in (one, other)]
        self.tenant.set(one, userPrincipalName=names[1])
        self.tenant.set(other, userPrincipalName=names[0])

    def _join(self) -> None:
        group = self.chance.choice(self.groups)
        others = [each for each in self.groups if each != group]
        self.tenant.add_member(group, self.chance.choice([*self._living(), *others]))

    def _leave(self) -> None:
        group = self.chance.choice(self.groups)
        members = sorted(self.tenant.members[group])
        if members:
            self.tenant.remove_member(group, self.chance.choice(members))

    def _delete(self) -> None:
        if len(self._living()) > 6:
            self.tenant.delete(self.chance.choice(self._living()))

    def _assign(self) -> None:
        principal = self.chance.choice([*self._living(), *self.groups])
        if self.chance.random() < 0.5:
            self.tenant.assign(self.application, principal)
        else:
            self.tenant.unassign(self.application, principal)

    def provisioned(self) -> set[str]:
        """The userPrincipalNames that are provisioned: by Entra's own rule, or with nested groups."""
        found: set[str] = set()
        for row in self.tenant.assignments[self.application].values():
            if row.principal not in self.groups:
                found.add(row.principal)
                continue
            members = self.tenant.transitive_members if self.nested else self.tenant.living_members
            found |= {member.id for member in members(row.principal) if member.kind == "user"}
        living = [user for each in found if (user := self.tenant.find(each)) is not None]
        return {user.properties["userPrincipalName"] for user in living if user.properties["accountEnabled"]}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_the_users_in_scope_are_those_that_entra_provisions(
    seed: int, nested: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = RandomTenant(seed, nested=nested)
    state = tmp_path / "desired-state"
    state.mkdir()
    app = made.tenant.app.client_id
    entra = {"tenant": made.tenant.id, "client_id": app, "application": made.application, "nested_groups": nested}
    entra["users"] = "all" if seed % 2 else "assigned"
    guards = {"removals": {"count": 100, "percent": 100}}
    (state / "settings.yaml").write_text(json.dumps({"target": TARGET, "source": {"entra": entra}, "guards": guards}))
    workspace = Workspace(state, tmp_path / "plans", sandbox=False, now=current_time())
    with GraphServer(made.tenant, page_cap=4) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        for _ in range(ROUNDS):
            terminal = RecordingTerminal()
            code = run_import_entra(workspace, EntraImportOptions(on_missing="remove"), terminal)
            assert code is ExitCode.OK, (terminal.out, terminal.summaries)
            loaded = load(state, current_time())
            assert isinstance(loaded, DesiredState), loaded.diagnostics
            assert {user.key for user in loaded.users if user.verdict.in_scope} == made.provisioned()
            again = run_import_entra(workspace, EntraImportOptions(check=True, on_missing="remove"), terminal)
            assert again is ExitCode.OK, terminal.out
            made.change()
