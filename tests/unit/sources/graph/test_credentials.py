from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.jwt import make_jwt
from support.servers.http_server import HttpServer, Reply, Request
from support.token_servers import TokenServer, token_server

from reconciler.errors import SourceError
from reconciler.sources.graph.clouds import choose_hosts
from reconciler.sources.graph.credentials import App, find_credential, open_entra
from reconciler.sources.graph.retry import Waiting

CLIENT = "6f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11"
NOWHERE = {"PATH": "/nowhere"}


def name_of(environment: Mapping[str, str], client_id: str | None = CLIENT) -> str:
    with ExitStack() as stack:
        hosts = choose_hosts("global", {})
        return find_credential(App("contoso.com", client_id), hosts, environment, Waiting(), stack).name


@pytest.fixture
def az(tmp_path: Path) -> str:
    program = tmp_path / "az"
    program.write_text(f"#!{sys.executable}\n")
    program.chmod(0o755)
    return str(tmp_path)


def test_credentials_are_looked_for_in_the_documented_order(az: str) -> None:
    environment = {
        "RECONCILER_GRAPH_TOKEN": "t",
        "AZURE_CLIENT_SECRET": "s",
        "ACTIONS_ID_TOKEN_REQUEST_URL": "https://pipelines.example/x?y",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "r",
        "AZURE_FEDERATED_TOKEN_FILE": "/nowhere/token",
        "PATH": az,
    }
    found = []
    for name in [None, "RECONCILER_GRAPH_TOKEN", "AZURE_CLIENT_SECRET", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]:
        environment.pop(name or "", None)
        found.append(name_of(environment))
    environment.pop("AZURE_FEDERATED_TOKEN_FILE")
    found.append(name_of(environment))
    assert found == [
        "RECONCILER_GRAPH_TOKEN",
        "AZURE_CLIENT_SECRET",
        "GitHub's OIDC token",
        "the token in AZURE_FEDERATED_TOKEN_FILE",
        "the Azure CLI",
    ]


@pytest.mark.parametrize(("more", "way"), [({}, "az login"), ({"GITHUB_ACTIONS": "true"}, "id-token: write")])
def test_no_credential_at_all(more: dict[str, str], way: str) -> None:
    with pytest.raises(SourceError, match=r"^there is no credential for Microsoft Graph$") as raised:
        name_of({**NOWHERE, **more})
    assert way in raised.value.detail


def test_the_client_id_is_in_the_settings_or_the_environment() -> None:
    secret = {"AZURE_CLIENT_SECRET": "s"}
    assert name_of({**secret, "AZURE_CLIENT_ID": CLIENT}, None) == "AZURE_CLIENT_SECRET"
    with pytest.raises(SourceError, match=r"^source\.entra\.client_id is not set$"):
        name_of(secret, None)
    with pytest.raises(SourceError, match=r"^AZURE_CLIENT_ID is not an application id$"):
        name_of({**secret, "AZURE_CLIENT_ID": "x&y"}, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("RECONCILER_GRAPH_TOKEN", "a b"), ("AZURE_CLIENT_SECRET", "a\nb"), ("AZURE_CLIENT_SECRET", "x" * 2000)],
)
def test_values_that_no_credential_has(name: str, value: str) -> None:
    with pytest.raises(SourceError, match="has characters that no"):
        name_of({name: value})


def environment_of(login: TokenServer, graph: HttpServer, **more: str) -> dict[str, str]:
    return {"RECONCILER_LOGIN_URL": login.origin, "RECONCILER_GRAPH_URL": graph.origin, **NOWHERE, **more}


def test_a_read_from_the_environment_to_the_answer_renews_its_token_by_a_new_assertion() -> None:
    seen: list[str] = []

    def answer(request: Request) -> Reply:
        seen.append(request.headers["Authorization"])
        return Reply(status=401 if len(seen) == 1 else 200, body=b"{}")

    graph = HttpServer(answer)
    with token_server() as login, token_server() as github:
        environment = environment_of(
            login,
            graph,
            ACTIONS_ID_TOKEN_REQUEST_URL=f"{github.origin}/?v=1",
            ACTIONS_ID_TOKEN_REQUEST_TOKEN="r",
        )
        with open_entra("contoso.com", CLIENT, environment=environment) as client:
            assert login.seen == []
            client.get("/users/1")
        graph.close()
        assert seen == ["Bearer token-1", "Bearer token-2"]
        assert [form["client_assertion"] for form in login.forms] == ["assertion-1", "assertion-2"]


def test_a_ready_token_is_not_renewed() -> None:
    graph = HttpServer(lambda _request: Reply(status=401, body=b"{}"))
    token = make_jwt(aud="https://graph.microsoft.com")
    with token_server() as login:
        environment = environment_of(login, graph, RECONCILER_GRAPH_TOKEN=token, AZURE_CLIENT_SECRET="s")
        with open_entra("contoso.com", environment=environment) as client, pytest.raises(SourceError) as raised:
            client.get("/users/1")
        assert login.seen == []
    graph.close()
    assert raised.value.summary == "Microsoft Graph refused /users/1 (401)"
    assert "RECONCILER_GRAPH_TOKEN ends after an hour" in raised.value.detail
    assert token not in repr(raised.value) + raised.value.detail
