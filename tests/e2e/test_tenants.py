"""Two organisations at one address, where nothing but the token says whose accounts these are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import run
from support.servers.patching import User
from support.servers.shared_address import SharedAddress, TenantService
from support.servers.users import make_user
from support.workspace import CommandResult, Workspace, source

SIZE = 12
THEIRS = 'theirs are "globex.example"; the token may be that of another tenant'
NO_LIMITS = {"removals": {"count": 1000, "percent": 100}}


def users_of(tenant: str, size: int = SIZE) -> list[User]:
    """The users of a tenant: their names, ids and externalIds are no other tenant's."""
    return [
        make_user(
            number,
            id=f"{tenant}-{number}",
            externalId=f"{tenant}-person-{number}",
            userName=f"u{number}@{tenant}.example",
        )
        for number in range(size)
    ]


class Tenant:
    """One tenant: its own desired state, its users at the shared address, its token."""

    def __init__(self, root: Path, name: str, patch: pytest.MonkeyPatch) -> None:
        self.name = name
        self.service = TenantService(users=users_of(name), token=f"token-of-{name}")
        self.root = root
        self.patch = patch

    def open(self, base_url: str, plans: Path | None = None) -> None:
        self.work = Workspace(self.root / self.name, base_url, self.service.token, self.patch)
        self.work.plans = plans or self.work.plans
        self.configure()
        self.desire()

    def configure(self, tenant: str | None = "", **sections: Any) -> None:
        """Write settings.yaml; `tenant` None: it is not named."""
        named = {} if tenant is None else {"tenant": tenant or self.name}
        target = {"profile": "scim", "base_url": self.work.base_url, "domains": [f"{self.name}.example"], **named}
        self.work.settings(**{"target": target, "guards": NO_LIMITS, **sections})

    def desire(self, size: int = SIZE, **overrides: Any) -> None:
        self.work.users([source(user, **overrides) for user in users_of(self.name, size)])

    def run(self, command: str, *arguments: str, token: str | None = None) -> CommandResult:
        self.patch.setenv("RECONCILER_TOKEN", token or self.service.token)
        directories = ["--state", str(self.work.state), "--plans", str(self.work.plans)]
        return run(["reconciler", command, *arguments, *directories])

    def plan(self, *arguments: str, token: str | None = None) -> CommandResult:
        return self.run("plan", "--format", "json", *arguments, token=token)

    def apply(self, *arguments: str, token: str | None = None) -> CommandResult:
        return self.run("apply", "--auto-approve", *arguments, token=token)

    def failing(self, token: str | None = None) -> list[str]:
        """The guards that block a plan made now."""
        return [guard["name"] for guard in self.plan(token=token).plan["guards"] if not guard["passed"]]


@pytest.fixture
def tenants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Tenant, Tenant]]:
    """Two tenants at one address, each with a directory of its own."""
    acme, globex = (Tenant(tmp_path, name, monkeypatch) for name in ("acme", "globex"))
    with SharedAddress(acme.service, globex.service) as address:
        acme.open(address.base_url)
        globex.open(address.base_url)
        yield acme, globex


@pytest.mark.parametrize("tenant", ["acme", None], ids=["named", "not named"])
@pytest.mark.parametrize("size", [0, 1, SIZE + 3])
def test_a_token_of_another_tenant_changes_nothing_there(
    size: int, tenant: str | None, tenants: tuple[Tenant, Tenant]
) -> None:
    acme, globex = tenants
    acme.configure(tenant)
    acme.desire(size or SIZE)
    before = json.dumps(globex.service.users, sort_keys=True)
    assert acme.failing(token=globex.service.token) == ["tenant"]
    applied = acme.apply(token=globex.service.token)
    assert applied.code == 3, applied.out
    assert f'Blocked: none of 12 managed accounts has one of target.domains ("acme.example"); {THEIRS}\n' in applied.out
    assert "This plan is blocked: nothing will be written.\n" in applied.out
    assert (globex.service.writes, acme.service.writes) == ([], [])
    assert json.dumps(globex.service.users, sort_keys=True) == before
