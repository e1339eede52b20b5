"""Two organisations at one address, where nothing but the token says whose accounts these are."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.command import COMMAND, coverage_environment, run, wait_for, wait_for_exit
from support.fleet_workspace import users_of
from support.servers.fake_scim import ServerFaults
from support.servers.shared_address import SharedAddress, TenantService
from support.servers.users import make_user
from support.workspace import CommandResult, Workspace, source

SIZE = 12
THEIRS = 'their domains are "globex.example"; the token may belong to another tenant'
NO_LIMITS = {"removals": {"count": 1000, "percent": 100}}


class Tenant:
    """One tenant: its own desired state, its users at the shared address, its token."""

    def __init__(self, root: Path, name: str, patch: pytest.MonkeyPatch) -> None:
        self.name = name
        self.service = TenantService(users=users_of(name, SIZE), token=f"token-of-{name}")
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
        """Write the first `size` users; `overrides` change all of them."""
        self.work.users([source(user, **overrides) for user in users_of(self.name, size)])

    def move(self) -> None:
        """Change every user, so that an apply leaves all of them on record."""
        self.desire(department="Moved")
        assert self.apply().code == 0

    def run(self, command: str, *arguments: str, token: str | None = None) -> CommandResult:
        self.patch.setenv("RECONCILER_TOKEN", token or self.service.token)
        directories = ["--state", str(self.work.state), "--plans", str(self.work.plans)]
        return run(["reconciler", command, *arguments, *directories])

    def plan(self, *arguments: str, token: str | None = None) -> CommandResult:
        return self.run("plan", "--format", "json", *arguments, token=token)

    def apply(self, *arguments: str, token: str | None = None) -> CommandResult:
        return self.run("apply", "--auto-approve", *arguments, token=token)

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the command as a process; both tenants have one home, and so one directory of locks."""
        environment = {
            **coverage_environment(),
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            "RECONCILER_TOKEN": self.service.token,
            "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
        }
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen([COMMAND, *arguments], cwd=self.work.root, env=environment, **pipes)

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
@pytest.mark.parametrize("size", [1, SIZE, SIZE + 3])
def test_a_token_of_another_tenant_changes_nothing_there(
    size: int, tenant: str | None, tenants: tuple[Tenant, Tenant]
) -> None:
    acme, globex = tenants
    acme.configure(tenant)
    acme.desire(size)
    before = json.dumps(globex.service.users, sort_keys=True)
    assert acme.failing(token=globex.service.token) == ["tenant"]
    applied = acme.apply(token=globex.service.token)
    assert applied.code == 3, applied.out
    problem = f'none of 12 managed accounts has a domain of target.domains ("acme.example"); {THEIRS}'
    assert f"Blocked: {problem}\n" in applied.out
    assert "This plan is blocked: nothing will be written.\n" in applied.out
    assert (globex.service.writes, acme.service.writes) == ([], [])
    assert json.dumps(globex.service.users, sort_keys=True) == before


def test_a_reviewed_plan_is_not_applied_with_the_token_of_another_tenant(tenants: tuple[Tenant, Tenant]) -> None:
    acme, globex = tenants
    acme.desire(department="Moved")
    file = acme.root / "plan.json"
    assert acme.run("plan", "-o", str(file)).code == 0
    assert acme.run("apply", str(file), token=globex.service.token).code == 4
    assert globex.service.writes == []
    assert acme.run("apply", str(file)).code == 0
    assert len(acme.service.writes) == SIZE


def test_one_user_after_the_other_does_not_get_past_the_guard(tenants: tuple[Tenant, Tenant]) -> None:
    acme, globex = tenants
    for key in ("u0@acme.example", "u0@globex.example"):
        assert acme.apply("--user", key, token=globex.service.token).code == 3
    assert globex.service.writes == []


def test_only_an_approval_of_exactly_this_plan_lifts_the_guard(tenants: tuple[Tenant, Tenant]) -> None:
    acme, _ = tenants
    acme.work.settings(
        target={"profile": "scim", "base_url": acme.work.base_url, "domains": ["new.example"], "tenant": "acme"}
    )
    users = users_of("acme", SIZE)
    acme.work.users([source(user, userPrincipalName=f"u{number}@new.example") for number, user in enumerate(users)])
    planned = acme.plan().plan
    (failed,) = [guard for guard in planned["guards"] if not guard["passed"]]
    assert (failed["name"], failed["approvable"]) == ("tenant", True)
    assert acme.apply("--approve", "sha256:" + "0" * 64).code == 3
    assert acme.apply("--approve", planned["plan_id"]).code == 3
    assert acme.apply("--approve", planned["plan_id"], "--lift", "tenant").code == 0


@pytest.mark.parametrize("there", [SIZE, 0], ids=["others are there", "it is empty"])
def test_the_record_tells_another_tenant_although_the_domain_is_the_same(
    there: int, tenants: tuple[Tenant, Tenant]
) -> None:
    acme, globex = tenants
    acme.move()
    globex.service.users.clear()
    for number in range(there):
        globex.service.add(
            make_user(number, id=f"g-{number}", externalId=f"g-person-{number}", userName=f"g{number}@acme.example")
        )
    acme.desire(department="Moved again")
    assert acme.failing(token=globex.service.token) == ["disconnect"]
    blocked = acme.apply(token=globex.service.token)
    assert blocked.code == 3
    assert "12 of 12 accounts that earlier applies left active are gone: 12 not listed." in blocked.out
    assert globex.service.writes == []
    assert acme.apply().code == 0


def test_accounts_that_were_made_again_with_the_same_external_ids_are_ours(tenants: tuple[Tenant, Tenant]) -> None:
    acme, _ = tenants
    acme.move()
    for number, user in enumerate(list(acme.service.users.values())):
        del acme.service.users[user["id"]]
        acme.service.add({**user, "id": f"again-{number}"})
    acme.desire(department="Moved again")
    assert acme.apply().code == 0


# --- two tenants at one address ---------------------------------------------------------------------


def test_two_tenants_apply_at_the_same_time_and_one_tenant_does_not(tenants: tuple[Tenant, Tenant]) -> None:
    acme, globex = tenants
    for tenant in tenants:
        tenant.desire(department="Moved")
    acme.service.faults = ServerFaults(latency=1)
    first = acme.start("apply", "--auto-approve")
    wait_for(lambda: acme.service.log)
    assert wait_for_exit(globex.start("apply", "--auto-approve")).code == 0
    again = wait_for_exit(acme.start("apply", "--auto-approve"))
    assert again.code == 1
    assert f"another apply to this target is running: process {first.pid} of " in again.err
    assert "Running now:   process" in wait_for_exit(acme.start("status")).out
    assert "Running now" not in wait_for_exit(globex.start("status")).out
    assert wait_for_exit(first).code == 0
    assert [len(tenant.service.writes) for tenant in tenants] == [SIZE, SIZE]


@pytest.mark.parametrize("named_first", [True, False])
def test_an_apply_that_names_no_tenant_runs_beside_none_at_its_address(
    named_first: bool, tenants: tuple[Tenant, Tenant]
) -> None:
    """An apply of version 0.1 names none either."""
    first, second = tenants
    (second if named_first else first).configure(None)
    for tenant in tenants:
        tenant.desire(department="Moved")
    first.service.faults = ServerFaults(latency=1)
    running = first.start("apply", "--auto-approve")
    wait_for(lambda: first.service.log)
    refused = wait_for_exit(second.start("apply", "--auto-approve"))
    assert refused.code == 1
    assert "another apply to this target is running: " in refused.err
    assert second.service.writes == []
    waited = second.start("apply", "--auto-approve", "--lock-timeout", "60")
    assert [wait_for_exit(process).code for process in (running, waited)] == [0, 0]


def test_two_tenants_in_one_record_keep_their_histories_apart(tenants: tuple[Tenant, Tenant]) -> None:
    acme, globex = tenants
    globex.work.plans = acme.work.plans
    acme.move()
    globex.desire(department="Moved")
    assert globex.failing() == ["target"], "the record knows another tenant at this address"
    assert globex.apply("--approve", globex.plan().plan["plan_id"], "--lift", "target").code == 0
    assert globex.run("apply", "--auto-approve", token="refused").code == 1
    statuses = [json.loads(tenant.run("status", "--format", "json").out) for tenant in tenants]
    assert [status["target"]["tenant"] for status in statuses] == ["acme", "globex"]
    assert [(status["healthy"], status["runs"]) for status in statuses] == [(True, 1), (False, 1)]
    assert acme.failing() == []


def test_equal_plans_of_two_tenants_have_a_record_each(tenants: tuple[Tenant, Tenant]) -> None:
    acme, globex = tenants
    globex.work.plans = acme.work.plans
    ids = []
    for tenant in tenants:
        tenant.service.users.clear()
        for user in users_of("acme", SIZE):
            tenant.service.add(user)
        target = {"profile": "scim", "base_url": tenant.work.base_url, "domains": ["acme.example"]}
        tenant.work.settings(target={**target, "tenant": tenant.name}, guards=NO_LIMITS)
        tenant.work.users([source(user, department="Moved") for user in users_of("acme", SIZE)])
        ids.append(tenant.plan().plan["plan_id"])
        assert tenant.apply("--approve", ids[-1], "--lift", "target").code == 0
    assert len(set(ids)) == 2
    assert sorted(path.parent.name[-12:] for path in acme.work.plans.glob("*/receipt.jsonl")) == sorted(
        each.removeprefix("sha256:")[:12] for each in ids
    )
    assert [len(tenant.service.writes) for tenant in tenants] == [SIZE, SIZE]


# --- the name -------------------------------------------------------------------------------------------


def test_naming_the_tenant_forgets_nothing_and_asks_for_no_approval(tenants: tuple[Tenant, Tenant]) -> None:
    acme, _ = tenants
    acme.configure(None)
    acme.move()
    acme.service.users["acme-3"]["title"] = "Edited"
    before = json.loads(acme.run("status", "--format", "json").out)
    acme.configure("acme")
    acme.desire(department="Moved again")
    assert acme.failing() == []
    after = json.loads(acme.run("status", "--format", "json").out)
    assert after == {**before, "target": {**before["target"], "tenant": "acme"}}
    assert json.loads(acme.run("drift", "--format", "json").out)["drift"]["plan_id"] is not None
    assert acme.apply().code == 0


@pytest.mark.parametrize("renamed", [None, "acme-2"], ids=["no name", "another name"])
def test_another_name_or_none_is_another_target_until_it_is_approved(
    renamed: str | None, tenants: tuple[Tenant, Tenant]
) -> None:
    acme, _ = tenants
    acme.configure(None)
    acme.move()
    acme.configure("acme")
    acme.desire(department="Moved again")
    assert acme.apply().code == 0
    acme.configure(renamed)
    acme.desire(department="Moved once more")
    blocked = acme.apply()
    assert blocked.code == 3
    url = acme.work.base_url
    assert f'no apply on record went to it, and the last one went to "{url} (tenant acme)"' in blocked.out
    assert acme.apply("--approve", acme.plan().plan["plan_id"], "--lift", "target").code == 0
    acme.desire(department="Moved at last")
    assert acme.apply().code == 0, "it is known now"


def test_a_plan_of_one_tenant_is_not_applied_to_another(tenants: tuple[Tenant, Tenant]) -> None:
    acme, globex = tenants
    acme.desire(department="Moved")
    file = acme.root / "plan.json"
    acme.run("plan", "-o", str(file))
    assert json.loads(file.read_text())["target"]["tenant"] == "acme"
    refused = globex.run("apply", str(file))
    assert (refused.code, refused.out) == (3, "")
    url = acme.work.base_url
    assert f"the plan is for {url} (scim, tenant acme), this target is {url} (scim, tenant globex)" in refused.err


def test_receipts_and_outputs_name_the_tenant_if_the_settings_do(tenants: tuple[Tenant, Tenant]) -> None:
    acme, globex = tenants
    globex.configure(None)
    for tenant in tenants:
        tenant.move()
    (named,), (unnamed,) = (tenant.work.plans.glob("*/receipt.jsonl") for tenant in tenants)
    assert acme.work.receipt()[0]["tenant"] == "acme"
    assert "tenant" not in globex.work.receipt()[0]
    assert "tenant" not in globex.plan().plan["target"]
    assert "tenant `acme`" in named.with_name("README.md").read_text()
    assert "tenant" not in unnamed.with_name("README.md").read_text()
    assert f"Target:        {acme.work.base_url} (scim, tenant acme)" in acme.run("status").out
    assert f"Target:        {globex.work.base_url} (scim)" in globex.run("status").out


@pytest.mark.parametrize("name", ["-acme", "--all", "../acme", "Acme", "a" * 41, "a b", "acm\u00e9"])
def test_a_name_that_could_be_an_option_or_a_path_is_refused_where_it_is_written(
    name: str, tenants: tuple[Tenant, Tenant]
) -> None:
    acme, _ = tenants
    settings = f"target:\n  profile: scim\n  base_url: {acme.work.base_url}\n  tenant: {json.dumps(name)}\n"
    acme.work.write("settings.yaml", settings)
    refused = acme.run("plan")
    assert refused.code == 1
    assert "target.tenant: expected a name of at most 40 lower-case letters, digits and hyphens" in refused.err
    assert "on settings.yaml:4:11:" in refused.err


def test_the_sandbox_rehearses_the_tenant(tenants: tuple[Tenant, Tenant]) -> None:
    acme, _ = tenants
    # Users of another company, who would all look removed.
    assert run(["reconciler", "sandbox", "seed", "--state", str(acme.work.state)]).code == 0
    planned = acme.plan("--sandbox").plan
    assert planned["target"] == {"profile": "scim", "base_url": "sandbox:", "tenant": "acme"}
    assert "tenant" in [guard["name"] for guard in planned["guards"] if not guard["passed"]], "the sample company's"
