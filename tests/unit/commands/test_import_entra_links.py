from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.sample_org import account
from support.servers.graph.companies import Company, company, log_provisioning
from support.servers.graph.server import GraphServer
from support.target_workspace import KEEPER, TargetWorkspace

from reconciler.commands.import_entra_links import EntraLinksOptions, run_import_entra_links
from reconciler.errors import ExitCode, SourceError, UsageError
from reconciler.render.style import Style


@dataclass
class Links:
    """A company of two users with accounts, and what the command says."""

    target: TargetWorkspace
    company: Company
    server: GraphServer

    def account_id(self, number: int) -> str:
        return str(self.target.live(f"user{number:06}")["id"])

    def log(self, number: int, account_id: str, **event: Any) -> None:
        log_provisioning(self.company.tenant, self.company.job, self.company.users[number], account_id, **event)

    def run(self, **options: Any) -> ExitCode:
        self.target.terminal.out = ""
        return run_import_entra_links(self.target.workspace, EntraLinksOptions(**options), self.target.terminal)


@pytest.fixture
def links(target: TargetWorkspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Links]:
    found = company(2)
    people = []
    for number, object_id in enumerate(found.users):
        name = f"user{number:06}@contoso.com"
        people.append({"userPrincipalName": name, "objectId": object_id, "givenName": "A", "surname": "B"})
        target.service.add(account("x", userName=name, externalId=object_id))
    target.files.users(people)
    entra = {
        "tenant": found.tenant.id,
        "client_id": found.tenant.app.client_id,
        "application": "Apple Business Manager",
    }
    target.files.settings(source={"entra": entra})
    with GraphServer(found.tenant) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield Links(target, found, server)


def test_the_links_of_the_log_are_a_table(links: Links, tmp_path: Path) -> None:
    links.log(0, "GN-1")
    links.log(1, "GN-2", status="failure")
    assert links.run() is ExitCode.OK
    head, row = links.target.terminal.out.splitlines()
    assert row.startswith(f"{links.company.users[0]},GN-1,create,")
    assert links.run(out=tmp_path / "links.csv") is ExitCode.OK
    assert links.target.terminal.out == ""
    assert (tmp_path / "links.csv").read_text() == f"{head}\n{row}\n"
    assert (tmp_path / "links.csv").stat().st_mode & 0o077 == 0
    assert links.run(format="json") is ExitCode.OK
    assert json.loads(links.target.terminal.out)["links"][0]["targetId"] == "GN-1"


def test_accounts_that_entra_made_are_confirmed(links: Links) -> None:
    for number in range(2):
        links.log(number, links.account_id(number))
    before = {path: path.read_bytes() for path in links.target.workspace.state.rglob("*.yaml")}
    assert links.run(verify=True) is ExitCode.OK
    assert links.target.terminal.out.startswith("2 accounts matched by the plan: 2 confirmed")
    assert {path: path.read_bytes() for path in links.target.workspace.state.rglob("*.yaml")} == before


def test_an_account_that_entra_did_not_make_is_reported(links: Links) -> None:
    links.log(0, links.account_id(1))
    assert links.run(verify=True) is ExitCode.PARTIAL
    out = links.target.terminal.out
    assert 'user["user000000@contoso.com"]' in out
    assert "Entra provisioned another account for this user" in out
    assert "Entra provisioned this account for another user" in out
    assert links.run(verify=True, format="json") is ExitCode.PARTIAL
    verdicts = [each["verdict"] for each in json.loads(links.target.terminal.out)["accounts"]]
    assert verdicts == ["other_account", "other_user"]


def test_an_account_that_is_not_in_the_log_is_reported(links: Links) -> None:
    links.log(0, links.account_id(0))
    assert links.run(verify=True) is ExitCode.PARTIAL
    assert "Not in the log:" in links.target.terminal.out
    assert f"{KEEPER}@" not in links.target.terminal.out


def test_without_a_matched_account_nothing_is_verified(links: Links) -> None:
    links.log(0, links.account_id(0))
    for number in range(2):
        links.target.service.users.pop(links.account_id(number))
    assert links.run(verify=True) is ExitCode.PARTIAL
    assert "Nothing was verified: the plan matches no account at the target with a user." in links.target.terminal.out
    assert "0 accounts" not in links.target.terminal.out
    assert links.run(verify=True, format="json") is ExitCode.PARTIAL
    assert json.loads(links.target.terminal.out)["accounts"] == []


def test_options_that_do_not_fit(links: Links) -> None:
    for days in (0, 31):
        with pytest.raises(UsageError, match="--days is a number from 1 to 30"):
            links.run(days=days)
    with pytest.raises(UsageError):
        links.run(format="html")
    links.target.terminal.style = Style(redact=True)
    with pytest.raises(UsageError, match="--redact"):
        links.run()


def test_settings_without_a_source(links: Links) -> None:
    links.target.files.settings()
    with pytest.raises(SourceError, match=r"^settings\.yaml has no source\.entra$"):
        links.run()


def test_a_log_without_the_permission_is_refused(links: Links) -> None:
    links.company.tenant.app.roles.remove("AuditLog.Read.All")
    with pytest.raises(SourceError, match=r"lacks permissions of Microsoft Graph: AuditLog\.Read\.All"):
        links.run()
