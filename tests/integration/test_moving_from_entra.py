"""docs/moving-from-entra.md, followed to the letter: its YAML, its commands, and what it says about their results."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.servers.fake_scim import FakeScimServer
from support.servers.graph.companies import PLANTED_TOKEN, Company, company, log_provisioning
from support.servers.graph.server import GraphServer
from support.workspace import ENTERPRISE, CommandResult, run

PAGE = Path(__file__).parents[2] / "docs" / "moving-from-entra.md"
PEOPLE = 12
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def read_step(number: int) -> dict[str, str]:
    """Return the blocks of code of a step of the page, by language."""
    text = PAGE.read_text("utf-8")
    step = re.search(rf"^## {number}\. .*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert step is not None
    return dict(BLOCK.findall(step[0]))


def commands(number: int) -> list[list[str]]:
    """Return the commands of a step, in order."""
    lines = read_step(number)["sh"].splitlines()
    return [shlex.split(line, comments=True) for line in lines if not line.startswith("export ")]


def read_inline(number: int) -> list[list[str]]:
    """Return the commands that the text of a step names, in order."""
    text = PAGE.read_text("utf-8")
    step = text.partition(f"\n## {number}. ")[2].partition("\n## ")[0]
    return [shlex.split(each) for each in re.findall(r"`(reconciler [^`]+)`", step)]


def account(properties: dict[str, Any], object_id: str) -> dict[str, Any]:
    """Return the account that Entra's job makes of a user by the mappings of the fixture."""
    return {
        "externalId": object_id,
        "userName": properties["userPrincipalName"],
        "name": {"givenName": properties["givenName"], "familyName": properties["surname"]},
        "active": True,
        "locale": "en_US",
        "timezone": "America/Los_Angeles",
        ENTERPRISE: {
            "department": properties["department"],
            "employeeNumber": properties["employeeId"],
            "costCenter": properties["employeeOrgData"]["costCenter"],
            "division": properties["employeeOrgData"]["division"],
        },
    }


@dataclass(frozen=True)
class Move:
    """A repository, the tenant of Entra, and the service that its job provisions."""

    root: Path
    company: Company
    graph: GraphServer
    service: FakeScimServer

    def run(self, command: list[str]) -> CommandResult:
        if command[0] == "reconciler":
            return run(command)
        done = subprocess.run(command, cwd=self.root, capture_output=True, text=True, check=False)
        return CommandResult(done.returncode, done.stdout, done.stderr)

    @property
    def files(self) -> dict[str, bytes]:
        state = self.root / "desired-state"
        return {str(path.relative_to(state)): path.read_bytes() for path in state.rglob("*.yaml")}


@pytest.fixture
def move(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Move]:
    found = company(PEOPLE)
    properties = {user: found.tenant.objects[user].properties for user in found.users}
    # The job's scoping filters let only the department Sales pass.
    sales = {user: each for user, each in properties.items() if each["department"] == "Sales"}
    assert 1 < len(sales) < PEOPLE
    service = FakeScimServer(users=[account(each, user) for user, each in sales.items()])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RECONCILER_ALLOWED_HOSTS", "127.0.0.1")
    with service, GraphServer(found.tenant) as graph:
        for name, value in graph.environment.items():
            monkeypatch.setenv(name, value)
        assert run(["reconciler", "init", ".", "--profile", "scim", "--domain", "contoso.com"]).code == 0
        settings = tmp_path / "desired-state" / "settings.yaml"
        text = re.sub(r"base_url: .*", f"base_url: {service.base_url}", settings.read_text("utf-8"))
        # The example has another app, of which the tenant knows nothing.
        source = re.sub(r"client_id: \S+", f"client_id: {found.tenant.app.client_id}", read_step(2)["yaml"])
        settings.write_text(f"{text}\n{source}", "utf-8")
        for command in (["init", "-q", "-b", "main"], ["add", "-A"], [*IDENTITY, "commit", "-qm", "Begin"]):
            subprocess.run(["git", *command], cwd=tmp_path, check=True)
        yield Move(tmp_path, found, graph, service)


IDENTITY = ["-c", "user.name=Ada", "-c", "user.email=ada@contoso.com"]


def test_the_page_leads_to_a_plan_without_changes(move: Move, monkeypatch: pytest.MonkeyPatch) -> None:
    for command in commands(2):
        assert move.run(command).code == 0
    dry_run, imports = commands(3)
    before = move.files
    shown = move.run(dry_run)
    assert (shown.code, move.files) == (0, before), shown.err
    imported = move.run(imports)
    assert imported.code == 0, imported.err
    assert set(move.files) == {
        "groups/entra.yaml",
        "mappings.yaml",
        "scope.yaml",
        "settings.yaml",
        "users/entra.yaml",
    }
    assert PLANTED_TOKEN not in "".join([imported.out, imported.err, *map(bytes.decode, move.files.values())])
    again = move.files
    assert move.run(imports).code == 0
    assert move.files == again
    monkeypatch.setenv("RECONCILER_TOKEN", move.service.token)
    (plan,) = commands(4)
    planned = move.run(plan)
    assert (planned.code, "No changes." in planned.out) == (0, True), planned.out + planned.err
    assert move.service.writes == []

    (links,) = [each for each in read_inline(4) if "entra-links" in each]
    accounts = list(move.service.users.values())
    for each in accounts:
        log_provisioning(move.company.tenant, move.company.job, each["externalId"], each["id"])
    assert move.run(links).code == 0
    move.company.tenant.provisioning_log[0]["targetIdentity"]["id"] = "GN-other"
    assert move.run(links).code == 5

    # Step 5: a last change in Entra, which its job has already sent.
    in_scope = accounts[0]
    move.company.tenant.set(in_scope["externalId"], surname="Menabrea")
    in_scope["name"]["familyName"] = "Menabrea"
    again, plan = read_inline(5)
    imported = move.run(again)
    assert imported.code == 0
    assert "to change, 0 to disable" in imported.out
    assert "No changes." in move.run(plan).out

    # Step 6: the apply has nothing to do, and the plan after it neither.
    applied = run(["reconciler", "apply", "--auto-approve"])
    assert applied.code == 0, applied.err
    assert "No changes." in move.run(plan).out
    assert move.service.writes == []
