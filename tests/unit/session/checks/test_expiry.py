"""Questions about the dates of credentials."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.checks import ask_all, show
from support.sample_org import person
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant
from support.target_workspace import TargetWorkspace

from reconciler.core.check import Answer, CheckVerdict
from reconciler.session.checks.access import ask_access, ask_token
from reconciler.session.checks.context import CheckContext, CheckGroup, open_context
from reconciler.session.checks.expiry import ask_expiry, ask_graph_expiry
from reconciler.session.checks.files import ask_files
from reconciler.session.checks.network import ask_host

FILES = CheckGroup(ask_files, ("desired_state", "target"))
EXPIRY = CheckGroup(ask_expiry, ("token_expiry", "client_secret_expiry", "token_first_use"))
GRAPH = CheckGroup(ask_graph_expiry, ("graph_expiry",))
NOW = datetime(2027, 4, 1, 12, 0, tzinfo=UTC)
ACCEPTED = Answer("access", CheckVerdict.OK, "")


@pytest.fixture
def context(target: TargetWorkspace) -> Iterator[CheckContext]:
    with ExitStack() as resources:
        found = open_context(target.workspace, target.terminal, resources, environment={})
        found.now = NOW
        yield found


def declare(target: TargetWorkspace, profile: str = "apple-business-manager", **keys: Any) -> None:
    target.files.settings(target={"profile": profile, "base_url": target.files.base_url, **keys})


def ask(context: CheckContext, *groups: CheckGroup) -> list[str]:
    return list(show(ask_all(context, FILES, *(groups or (EXPIRY,)))))[2:]


@pytest.mark.parametrize(
    ("expires", "line"),
    [
        ("2027-06-01", "ok token_expiry: the token expires in 61 days, on 2027-06-01"),
        ("2027-05-31", "warning token_expiry: the token expires in 60 days, on 2027-05-31"),
        ("2027-04-02", "warning token_expiry: the token expires tomorrow, on 2027-04-02"),
        ("2027-04-01", "warning token_expiry: the token expires today, on 2027-04-01"),
        ("2027-03-31", "failed token_expiry: the token expired on 2027-03-31, 1 day ago"),
    ],
)
def test_the_end_of_the_token(context: CheckContext, target: TargetWorkspace, expires: str, line: str) -> None:
    declare(target, token_expires=expires)
    (found,) = ask(context)
    assert found.startswith(f"{line} (settings.yaml:1:")
    assert ("Make a second token" in found) is not found.startswith("ok")


def test_a_date_in_the_past_is_doubted_if_the_token_works(context: CheckContext, target: TargetWorkspace) -> None:
    declare(target, token_expires="2027-03-31")
    context.answers["access"] = ACCEPTED
    (found,) = ask(context)
    assert found.startswith("warning token_expiry: the token expired on 2027-03-31")
    assert "Yet the service accepts the token: target.token_expires may be the date of an earlier token" in found


def test_a_date_that_nobody_declared(context: CheckContext, target: TargetWorkspace) -> None:
    declare(target)
    (apple,) = ask(context)
    assert apple.startswith("warning token_expiry: not known when the token expires | Set target.token_expires:")
    declare(target, "scim")
    (other,) = ask(context)
    assert other == "skipped token_expiry: not known when the token expires: target.token_expires is not set"


def test_the_client_secret_of_oauth(context: CheckContext, target: TargetWorkspace) -> None:
    declare(target, auth="oauth", client_secret_expires="2027-04-08")
    (found,) = ask(context)
    assert found.startswith("warning client_secret_expiry: the OAuth client secret expires in 7 days, on 2027-04-08")
    declare(target, "scim", auth="oauth")
    (missing,) = ask(context)
    assert missing.startswith("warning client_secret_expiry: not known when the OAuth client secret expires")


def test_invalid_settings_have_no_dates(context: CheckContext, target: TargetWorkspace) -> None:
    target.files.write("settings.yaml", "target: 7\n")
    assert ask(context) == []


def test_facts_are_numbers(context: CheckContext, target: TargetWorkspace) -> None:
    declare(target, token_expires="2027-05-01")
    (answer,) = ask_all(context, FILES, EXPIRY)[2:]
    assert dict(answer.facts) == {"expires": "2027-05-01", "days_left": 30, "source": "declared", "others": None}


# --- the first days -------------------------------------------------------------------------------


def test_this_check_is_a_use_of_the_token(context: CheckContext, target: TargetWorkspace) -> None:
    declare(target, token_issued="2027-03-30")
    end, unused = ask(context)
    assert end.startswith("ok token_expiry: the token expires in 364 days, on 2028-03-30 (a year after its issue, sett")
    assert unused.startswith("warning token_first_use: the token was issued on 2027-03-30, and works only if")
    context.answers["access"] = ACCEPTED
    assert ask(context)[1] == "ok token_first_use: the token of 2027-03-30 is in use"


def test_the_sandbox_is_no_use_of_the_token(context: CheckContext, target: TargetWorkspace) -> None:
    declare(target, token_issued="2027-03-30")
    context.workspace = replace(context.workspace, sandbox=True)
    context.answers["access"] = ACCEPTED
    assert len(ask(context)) == 1


def test_an_apply_on_record_is_a_use_of_the_token(context: CheckContext, target: TargetWorkspace) -> None:
    now = datetime.now(UTC)
    context.now = now
    declare(target, token_issued=str(now.date() - timedelta(6)))
    assert "is probably dead" in ask(context)[1]
    target.desire(person("ada"))
    target.apply()
    assert ask(context)[1].startswith("ok token_first_use")


def test_a_401_names_the_date(context: CheckContext, target: TargetWorkspace) -> None:
    declare(target, token_expires="2027-03-31")
    target.service.token = "another"
    context.environment = {"RECONCILER_TOKEN": "tok-3n.J9x_Zq~Vb7", "RECONCILER_ALLOWED_HOSTS": "127.0.0.1"}
    groups = (CheckGroup(ask_host, ("host",)), CheckGroup(ask_token, ("token",)), CheckGroup(ask_access, ("access",)))
    access = ask(context, *groups)[-1]
    assert access.startswith("failed access: the service does not accept the token (401)")
    assert "The token expired on 2027-03-31, 1 day ago (settings.yaml:1:" in access


# --- Microsoft Graph ------------------------------------------------------------------------------


@pytest.fixture
def tenant(target: TargetWorkspace) -> Tenant:
    found = Tenant()
    use(found, target)
    return found


def use(tenant: Tenant, target: TargetWorkspace, **keys: str) -> None:
    entra = {"tenant": tenant.id, "client_id": tenant.app.client_id, "application": "Apple", **keys}
    target.files.settings(source={"entra": entra})


def test_the_end_by_graph(context: CheckContext, tenant: Tenant) -> None:
    tenant.app.further_secrets.append(("2027-04-20T00:00:00Z", tenant.app.secret[:3]))
    with GraphServer(tenant) as server:
        context.environment = server.environment
        (found,) = ask(context, GRAPH)
    assert found.startswith(
        "warning graph_expiry: the app registration's credential for Microsoft Graph expires in 19 days, on 2027-04-20"
        " (read from Microsoft Graph, one of 2 of the app)"
    )


def test_offline_and_without_the_permission_the_declared_date_counts(
    context: CheckContext, tenant: Tenant, target: TargetWorkspace
) -> None:
    use(tenant, target, credential_expires="2027-04-08")
    tenant.app.roles = ["User.Read.All"]
    with GraphServer(tenant) as server:
        context.environment = server.environment
        (found,) = ask(context, GRAPH)
        asked = len(server.requests)
        context.offline = True
        assert ask(context, GRAPH) == [found]
        assert len(server.requests) == asked
    assert "expires in 7 days, on 2027-04-08 (settings.yaml:1:" in found


def test_what_cannot_be_read_decides_nothing(context: CheckContext, tenant: Tenant) -> None:
    tenant.app.roles = ["User.Read.All"]
    with GraphServer(tenant) as server:
        context.environment = server.environment
        (found,) = ask(context, GRAPH)
    assert found.startswith("skipped graph_expiry: not known when the credential for Microsoft Graph expires: ")
    assert "Application.Read.All" in found


def test_a_federated_credential_does_not_expire(context: CheckContext, tenant: Tenant) -> None:
    context.environment = {"AZURE_FEDERATED_TOKEN_FILE": "token"}
    (found,) = ask(context, GRAPH)
    assert found.startswith("ok graph_expiry: the token in AZURE_FEDERATED_TOKEN_FILE is used, a federated credential")


def test_without_a_source_it_is_not_asked(context: CheckContext) -> None:
    assert ask(context, GRAPH) == []
