"""When the credentials of the app registration end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest
from support.csdl_check import types
from support.graph_client import Counted, error, make_client
from support.servers.graph.server import GraphServer
from support.servers.graph.tenant import Tenant

from reconciler.core.expiry import ConnectionCredential, CredentialKind, DateSource
from reconciler.errors import SourceError
from reconciler.sources.graph.credential_dates import read_credential_end
from reconciler.sources.graph.credentials import open_entra

TODAY = date(2026, 12, 1)
APP = "6f1c9a52-0000-4000-8000-000000000001"
GRANTED = {"roles": ["Application.Read.All"]}


def read(answer: Any, start: str = "", **claims: Any) -> ConnectionCredential | None:
    client = make_client(lambda _request: httpx.Response(200, json=answer), Counted(**(claims or GRANTED)))
    return read_credential_end(client, APP, TODAY, secret_start=start)


def secrets(*ends: str | None, **more: Any) -> dict[str, Any]:
    return {"passwordCredentials": [{"endDateTime": each} for each in ends], **more}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (secrets("2027-05-01T00:00:00Z"), (date(2027, 5, 1), 0)),
        (secrets("2027-05-01T23:59:59.9999999Z", "2027-01-01T00:00:00Z"), (date(2027, 1, 1), 1)),
        (secrets("2026-11-30T23:59:59Z", "2027-05-01T00:00:00Z"), (date(2027, 5, 1), 1)),
        (secrets("2026-12-01T00:00:00Z", "2027-05-01T00:00:00Z"), (TODAY, 1)),
        (secrets("2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"), (date(2026, 11, 1), 1)),
        (secrets(None, "2027-05-01T00:00:00Z"), (date(2027, 5, 1), 0)),
        (secrets(keyCredentials=[{"endDateTime": "2027-03-01T00:00:00Z"}]), (date(2027, 3, 1), 0)),
        (secrets(), None),
        ({"passwordCredentials": None}, None),
        ({}, None),
    ],
)
def test_the_first_end_of_those_that_have_not_ended(answer: dict[str, Any], expected: tuple[date, int] | None) -> None:
    found = read(answer)
    assert (found and (found.expires, found.others)) == expected
    assert found is None or (found.kind, found.source) == (CredentialKind.GRAPH_CREDENTIAL, DateSource.GRAPH)


def test_the_hint_tells_which_secret_is_in_use() -> None:
    rows = [
        {"endDateTime": "2027-01-01T00:00:00Z", "hint": "abc"},
        {"endDateTime": "2027-05-01T00:00:00Z", "hint": "8Q~"},
        {"endDateTime": "2027-06-01T00:00:00Z", "hint": 7},
    ]
    answer = {"passwordCredentials": rows, "keyCredentials": [{"endDateTime": "2026-12-24T00:00:00Z"}]}
    for start, ends, others in (
        ("8Q~", date(2027, 5, 1), 0),
        ("xyz", date(2027, 1, 1), 2),
        ("", date(2026, 12, 24), 3),
    ):
        found = read(answer, start)
        assert found is not None
        assert (found.expires, found.others) == (ends, others)


@pytest.mark.parametrize(
    "answer",
    [
        {"passwordCredentials": "none"},
        {"passwordCredentials": [{"endDateTime": 7}]},
        {"passwordCredentials": [{"endDateTime": "soon"}]},
        {"passwordCredentials": [{"endDateTime": "2027-02-30T00:00:00Z"}]},
        {"passwordCredentials": [{"endDateTime": "2027-05-01T00:00:00Z\n::warning::x"}]},
        {"passwordCredentials": [{}] * 1_001},
    ],
)
def test_what_is_no_list_of_credentials_is_refused(answer: dict[str, Any]) -> None:
    with pytest.raises(SourceError, match="passwordCredentials"):
        read(answer)


def test_rows_of_another_form_are_no_credentials() -> None:
    assert read({"passwordCredentials": [7, None, {}], "keyCredentials": [[]]}) is None


def test_without_the_permission_nothing_is_asked() -> None:
    with pytest.raises(SourceError, match=r"Application\.Read\.All"):
        read(secrets(), roles=["User.Read.All"])


def test_an_app_of_another_tenant_is_not_found() -> None:
    client = make_client(lambda _request: error(404, "Request_ResourceNotFound"), Counted(**GRANTED))
    assert read_credential_end(client, APP, TODAY) is None


# --- against the stand-in -------------------------------------------------------------------------


@pytest.fixture
def tenant() -> Tenant:
    found = Tenant()
    found.app.secret_ends = "2027-05-01T00:00:00Z"
    return found


@pytest.fixture
def server(tenant: Tenant) -> Iterator[GraphServer]:
    with GraphServer(tenant, bodies=True) as running:
        yield running


def test_the_stand_in_answers_as_the_client_expects(tenant: Tenant, server: GraphServer) -> None:
    tenant.app.further_secrets.append(("2027-01-15T12:00:00Z", "abc"))
    tenant.app.certificate_ends.append("2028-01-01T00:00:00Z")
    with open_entra(tenant.id, tenant.app.client_id, environment=server.environment) as client:
        used = read_credential_end(client, tenant.app.client_id, TODAY, secret_start=tenant.app.secret[:3])
        unknown = read_credential_end(client, tenant.app.client_id, TODAY)
        elsewhere = read_credential_end(client, APP, TODAY)
    assert used is not None
    assert unknown is not None
    assert (used.expires, used.others) == (date(2027, 5, 1), 0)
    assert (unknown.expires, unknown.others, elsewhere) == (date(2027, 1, 15), 2, None)


def test_the_stand_in_has_microsofts_names(tenant: Tenant, server: GraphServer) -> None:
    """The metadata at hand has no application, but the same lists of a service principal, and these types' names."""
    tenant.app.certificate_ends.append("2028-01-01T00:00:00Z")
    with open_entra(tenant.id, tenant.app.client_id, environment=server.environment) as client:
        shown = client.get(f"/applications(appId='{tenant.app.client_id}')?$select=passwordCredentials,keyCredentials")
    assert (
        set(shown) - {"@odata.context"} == {"passwordCredentials", "keyCredentials"} <= set(types()["servicePrincipal"])
    )
    (secret,), (certificate,) = shown["passwordCredentials"], shown["keyCredentials"]
    # https://learn.microsoft.com/graph/api/resources/passwordcredential and …/keycredential
    shared = {"customKeyIdentifier", "displayName", "endDateTime", "keyId", "startDateTime"}
    assert set(secret) == {*shared, "hint", "secretText"}
    assert set(certificate) == {*shared, "key", "type", "usage"}
    assert secret["secretText"] is None
