from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.certificates import private_authority
from support.checks import AskedService, ask_all, build_check_context, show
from support.oauth_workspace import OAuthWorkspace
from support.servers.tls_front import TlsFront

from reconciler.oauth.file_store import FileStore, TokenStoreError
from reconciler.session.checks.access import ask_access, ask_token
from reconciler.session.checks.context import CheckContext, CheckGroup
from reconciler.session.checks.network import ask_host, ask_proxy
from reconciler.session.checks.oauth import ask_authorization_server

BEFORE = (CheckGroup(ask_host, ("host",)), CheckGroup(ask_proxy, ("proxy",)))
TOKEN = CheckGroup(ask_token, ("token",))
SERVER = CheckGroup(ask_authorization_server, ("authorization_server",))
ACCESS = CheckGroup(ask_access, ("access", "request_time", "clock"))
OAUTH = {"auth": "oauth"}


@pytest.fixture
def resources() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[OAuthWorkspace]:
    opened = OAuthWorkspace(tmp_path, monkeypatch)
    yield opened
    opened.close()


def ask(work: OAuthWorkspace, resources: ExitStack, *groups: CheckGroup, offline: bool = False) -> list[str]:
    context = open_context(work, resources, offline=offline)
    found = ask_all(context, *BEFORE, *groups)[2:]
    issued = [*work.issued(), work.variables["RECONCILER_OAUTH_CLIENT_SECRET"]]
    assert [token for token in issued if token in repr(found) + repr(context)] == []
    return list(show(found))


def open_context(work: OAuthWorkspace, resources: ExitStack, *, offline: bool) -> CheckContext:
    return build_check_context(
        work.state.parent, resources, work.base_url, work.variables, target=OAUTH, offline=offline
    )


def test_stored_tokens_are_described_and_accepted(work: OAuthWorkspace, resources: ExitStack) -> None:
    token, server, access, *_ = ask(work, resources, TOKEN, SERVER, ACCESS)
    assert token.startswith(f"ok token: the token store {work.tokens} has an access token that ends 20")
    assert token.endswith(" UTC; it is renewed in time")
    assert server == "ok authorization_server: plain http, which does not leave this machine"
    assert access == "ok access: the service accepts the token: it lists 0 users"
    assert work.refreshes() == 0


def test_an_access_token_that_ended_is_renewed_for_the_request(work: OAuthWorkspace, resources: ExitStack) -> None:
    work.age()
    token, access, *_ = ask(work, resources, TOKEN, ACCESS)
    assert token.endswith(" UTC; it is renewed for the next request")
    assert access.startswith("ok access: ")
    assert work.refreshes() == 1


def test_without_tokens_the_way_out_is_a_login(work: OAuthWorkspace, resources: ExitStack) -> None:
    work.tokens.unlink()
    assert ask(work, resources, TOKEN) == [
        f"failed token: the token store {work.tokens} holds no tokens | Run reconciler login."
    ]


def test_without_a_refresh_token_the_end_is_near(work: OAuthWorkspace, resources: ExitStack) -> None:
    work.store.save(replace(work.stored, refresh_token=None))
    (text,) = ask(work, resources, TOKEN)
    assert text.startswith("warning token: ")
    assert text.endswith(" UTC, and no refresh token to renew it | Run reconciler login.")
    work.age()
    assert ask(work, resources, TOKEN)[0].startswith("failed token: ")


def test_a_refresh_without_a_result_is_a_warning(work: OAuthWorkspace, resources: ExitStack) -> None:
    work.store.save(work.stored.begin_refresh(datetime(2026, 11, 1, 8, 30, tzinfo=UTC)))
    (text,) = ask(work, resources, TOKEN)
    assert text.startswith("warning token: ")
    assert "; a refresh that began 2026-11-01 08:30 UTC has no stored result | The next request tries both" in text


def test_tokens_for_another_client_are_refused(work: OAuthWorkspace, resources: ExitStack) -> None:
    work.variables["RECONCILER_OAUTH_CLIENT_ID"] = "SCIM.other"
    assert ask(work, resources, TOKEN)[0].startswith(
        f"failed token: the tokens in the token store {work.tokens} are for"
    )


@pytest.mark.parametrize(
    "name", ["RECONCILER_OAUTH_CLIENT_ID", "RECONCILER_OAUTH_CLIENT_SECRET", "RECONCILER_TOKEN_STORE"]
)
def test_what_is_missing_is_named(work: OAuthWorkspace, resources: ExitStack, name: str) -> None:
    saved = work.variables.pop(name)
    context = open_context(work, resources, offline=False)
    (text,) = list(show(ask_all(context, *BEFORE, TOKEN)))[2:]
    assert text.startswith(f"failed token: {name} is not set")
    assert saved not in text


def test_offline_a_file_is_read_and_a_command_is_not_run(work: OAuthWorkspace, resources: ExitStack) -> None:
    assert ask(work, resources, TOKEN, offline=True)[0].startswith("ok token: ")
    work.keep_by_command("raise SystemExit('it was run')")
    (text,) = ask(work, resources, TOKEN, offline=True)
    assert text.startswith("skipped token: not read: the token store (command ")
    assert ask(work, resources, TOKEN)[0].startswith("failed token: ")


def test_the_certificate_of_the_authorization_server_is_looked_at(work: OAuthWorkspace, resources: ExitStack) -> None:
    service = resources.enter_context(AskedService())
    port = int(service.base_url.split(":")[2].partition("/")[0])
    front = TlsFront(private_authority().serve("127.0.0.1"), port).start()
    resources.callback(front.close)
    work.variables["RECONCILER_OAUTH_TOKEN_URL"] = f"https://127.0.0.1:{front.port}/token"
    (text,) = ask(work, resources, SERVER)
    assert text.startswith("failed authorization_server: the authorization server's certificate is not accepted: ")
    assert service.requests == []
    work.variables["RECONCILER_CA_BUNDLE"] = str(private_authority().write(work.root))
    (text,) = ask(work, resources, SERVER)
    assert text.startswith('warning authorization_server: TLS 1.3; certificate of "127.0.0.1" by "Example Corp"')
    assert set(service.methods) == {"GET"}
    assert [request.headers.get("Authorization") for request in service.requests] == [None]


def test_an_authorization_server_that_nobody_runs_names_the_other_host(
    work: OAuthWorkspace, resources: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(host: str, *_arguments: object, **_options: object) -> None:
        raise socket.gaierror(-2, f"{host} is not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    work.variables["RECONCILER_OAUTH_TOKEN_URL"] = "https://appleaccount.apple.com/auth/oauth2/v2/token"
    (text,) = ask(work, resources, SERVER)
    assert text.startswith("failed authorization_server: the host name appleaccount.apple.com cannot be resolved: ")
    assert text.endswith(
        " | Apple's screen shows the URL to use: both appleid.apple.com and appleaccount.apple.com were seen."
    )


def test_a_store_that_takes_no_new_tokens_is_a_failure_once_the_access_token_has_ended(
    work: OAuthWorkspace, resources: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(store: FileStore) -> None:
        raise TokenStoreError(f"{store.name} cannot be written", "Make it writable.")

    monkeypatch.setattr(FileStore, "check_writable", refuse)
    (text,) = ask(work, resources, TOKEN)
    assert text.startswith(f"warning token: the token store {work.tokens} cannot be written; the access token, which")
    assert text.endswith(" UTC, is used | Make it writable.")
    work.age()
    assert ask(work, resources, TOKEN) == [
        f"failed token: the token store {work.tokens} cannot be written | Make it writable."
    ]
