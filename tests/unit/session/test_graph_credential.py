"""The credential of an import: what is noted about its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from support.recording_terminal import RecordingTerminal
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant

from reconciler.core.expiry import ConnectionCredential, CredentialKind
from reconciler.desired.source_settings import EntraSource
from reconciler.session.graph_credential import never_expires, note_expiry, read_graph_credential
from reconciler.sources.graph.client import GraphClient
from reconciler.sources.graph.credentials import open_entra

SECRET = {"AZURE_CLIENT_SECRET": "s"}
GITHUB = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://x", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "t"}
DECLARED = (ConnectionCredential(CredentialKind.GRAPH_CREDENTIAL, date(2027, 2, 1)),)


@pytest.fixture
def tenant() -> Tenant:
    found = Tenant()
    found.app.secret_ends = "2027-05-01T00:00:00Z"
    return found


@pytest.fixture
def server(tenant: Tenant) -> Iterator[GraphServer]:
    with GraphServer(tenant) as running:
        yield running


@pytest.fixture
def client(tenant: Tenant, server: GraphServer) -> Iterator[GraphClient]:
    with open_entra(tenant.id, tenant.app.client_id, environment=server.environment) as opened:
        yield opened


def source(tenant: Tenant, client_id: str | None = None) -> EntraSource:
    return EntraSource(tenant=tenant.id, client_id=client_id, application="Apple")


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, ""),
        (SECRET, ""),
        (GITHUB, "GitHub's OIDC token"),
        ({**GITHUB, **SECRET}, ""),
        ({**GITHUB, "RECONCILER_GRAPH_TOKEN": "t"}, ""),
        ({"AZURE_FEDERATED_TOKEN_FILE": "f"}, "the token in AZURE_FEDERATED_TOKEN_FILE"),
    ],
)
def test_a_federated_credential_has_no_end(environment: dict[str, str], name: str) -> None:
    assert never_expires(environment) == name


def noted(client: GraphClient, found: EntraSource, today: date, environment: dict[str, str]) -> list[str]:
    terminal = RecordingTerminal()
    note_expiry(client, found, DECLARED, today, terminal, environment=environment)
    return terminal.notes


def test_the_end_by_graph_goes_before_the_declared_one(tenant: Tenant, client: GraphClient) -> None:
    here = source(tenant, tenant.app.client_id)
    assert noted(client, here, date(2027, 1, 20), {"AZURE_CLIENT_SECRET": tenant.app.secret}) == []
    (line,) = noted(client, here, date(2027, 4, 24), {"AZURE_CLIENT_SECRET": tenant.app.secret})
    assert line.startswith(
        "The app registration's credential for Microsoft Graph expires in 7 days, on 2027-05-01. Add"
    )
    assert "OIDC" in line


def test_without_the_permission_the_declared_one_counts(tenant: Tenant, client: GraphClient) -> None:
    tenant.app.roles = ["User.Read.All"]
    (line,) = noted(client, source(tenant, tenant.app.client_id), date(2027, 1, 20), SECRET)
    assert "expires in 12 days, on 2027-02-01" in line


def test_oidc_is_silent(tenant: Tenant, client: GraphClient) -> None:
    assert noted(client, source(tenant, tenant.app.client_id), date(2027, 4, 24), GITHUB) == []


def test_an_app_that_nobody_names_is_not_asked_for(tenant: Tenant, client: GraphClient, server: GraphServer) -> None:
    assert read_graph_credential(client, source(tenant), date(2027, 4, 24), SECRET) is None
    named = {**SECRET, "AZURE_CLIENT_ID": tenant.app.client_id}
    found = read_graph_credential(client, source(tenant), date(2027, 4, 24), named)
    assert found is not None
    assert found.expires == date(2027, 5, 1)
