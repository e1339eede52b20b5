from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.oauth_client import authorize, log_in
from support.recording_terminal import RecordingTerminal

from reconciler.desired.schema import TargetSettings
from reconciler.errors import ReconcilerError, TargetError, UsageError
from reconciler.oauth.authorization import AuthorizationError
from reconciler.oauth.redirect_uri import build_loopback_uri
from reconciler.oauth.token_document import build_token_document
from reconciler.sandbox.server import RunningSandbox, start
from reconciler.scim.secret import Secret
from reconciler.session import login
from reconciler.session.login import (
    LoginOptions,
    LoginSetup,
    ReceivedCode,
    choose_redirect,
    confirm_replacement,
    obtain_code,
    obtain_tokens,
    prepare_login,
    read_pasted_url,
    try_token,
)

NOW = datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[RunningSandbox]:
    with start(tmp_path / "sandbox.db") as running:
        yield running


@pytest.fixture
def terminal() -> RecordingTerminal:
    return RecordingTerminal()


def environment_of(sandbox: RunningSandbox) -> dict[str, str]:
    client = sandbox.oauth_client
    return {
        "RECONCILER_ALLOWED_HOSTS": "127.0.0.1",
        "RECONCILER_OAUTH_CLIENT_ID": client.client_id,
        "RECONCILER_OAUTH_CLIENT_SECRET": client.secret,
        "RECONCILER_OAUTH_AUTHORIZE_URL": sandbox.authorize_url,
        "RECONCILER_OAUTH_TOKEN_URL": sandbox.token_url,
        "RECONCILER_TOKEN_STORE": f"file:{sandbox.state.parent / 'private' / 'tokens'}",
    }


def settings_of(sandbox: RunningSandbox, auth: str = "oauth") -> TargetSettings:
    content = {"profile": "apple-business-manager", "base_url": sandbox.base_url, "auth": auth}
    return TargetSettings.model_validate(content)


@pytest.fixture
def setup(
    sandbox: RunningSandbox, terminal: RecordingTerminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> LoginSetup:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return prepare_login(settings_of(sandbox), terminal, environment_of(sandbox))


def test_the_tokens_are_for_this_client_and_service(setup: LoginSetup, sandbox: RunningSandbox) -> None:
    assert setup.binding.client_id == sandbox.oauth_client.client_id
    assert (setup.binding.token_url, setup.binding.base_url) == (sandbox.token_url, sandbox.base_url)
    assert sandbox.oauth_client.secret not in repr(setup)


def test_a_target_with_a_token(sandbox: RunningSandbox, terminal: RecordingTerminal) -> None:
    with pytest.raises(ReconcilerError, match="nothing to log in to"):
        prepare_login(settings_of(sandbox, "token"), terminal, environment_of(sandbox))


def test_the_store_is_tried_before_anything_else(setup: LoginSetup, sandbox: RunningSandbox) -> None:
    with pytest.raises(TargetError, match="cannot write the token store /proc/tokens"):
        prepare_login(
            settings_of(sandbox),
            RecordingTerminal(),
            environment_of(sandbox) | {"RECONCILER_TOKEN_STORE": "file:/proc/tokens"},
        )
    assert setup.store.load() is None


@pytest.mark.parametrize(
    ("options", "uri"),
    [
        (LoginOptions(), "http://127.0.0.1:8765/callback"),
        (LoginOptions(port=1234, paste=True), "http://127.0.0.1:1234/callback"),
        (LoginOptions(port=0), None),
        (LoginOptions(redirect_uri="https://example.com/cb"), "https://example.com/cb"),
    ],
)
def test_the_redirect_uri(options: LoginOptions, uri: str | None) -> None:
    found = choose_redirect(options)
    assert (None if found is None else found.text) == uri


@pytest.mark.parametrize(
    "options",
    [
        LoginOptions(port=-1),
        LoginOptions(port=65_536),
        LoginOptions(port=0, paste=True),
        LoginOptions(port=1, redirect_uri="https://example.com/cb"),
    ],
)
def test_options_that_do_not_go_together(options: LoginOptions) -> None:
    with pytest.raises(UsageError):
        choose_redirect(options)


def test_a_code_becomes_tokens_that_are_stored_and_tried(
    setup: LoginSetup, sandbox: RunningSandbox, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    redirect = build_loopback_uri(8765)
    received = ReceivedCode(Secret(authorize(sandbox)["code"]), redirect, None)
    monkeypatch.setattr(login, "current_time", lambda: NOW)
    stored = obtain_tokens(setup, received, terminal)
    found = setup.store.load()
    assert found is not None
    assert found.access_token.reveal() == stored.access_token.reveal()
    assert found.refresh_token is not None
    assert (found.obtained, found.expires) == (NOW, NOW + timedelta(hours=1))
    try_token(setup, found.access_token)


def test_a_token_that_the_service_does_not_accept(setup: LoginSetup) -> None:
    with pytest.raises(TargetError, match=r"^the tokens are stored, but the service does not accept") as raised:
        try_token(setup, Secret("other"))
    assert "target.base_url" in raised.value.detail
    assert "RECONCILER_TOKEN:" not in raised.value.detail


def store_one(setup: LoginSetup, sandbox: RunningSandbox) -> None:
    found = log_in(sandbox)
    access, refresh = Secret(found["access_token"]), Secret(found["refresh_token"])
    setup.store.save(build_token_document(setup.binding, access, refresh, None, asked=NOW))


def test_an_empty_store_needs_no_question(setup: LoginSetup, terminal: RecordingTerminal) -> None:
    assert confirm_replacement(setup, terminal, replace=False)


def test_without_a_terminal_the_option_is_needed(
    setup: LoginSetup, sandbox: RunningSandbox, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_one(setup, sandbox)
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(UsageError, match=r"holds tokens of this connection, obtained 2026-12-01 08:00 UTC"):
        confirm_replacement(setup, terminal, replace=False)
    assert confirm_replacement(setup, terminal, replace=True)


def test_tokens_of_another_connection_are_named(
    setup: LoginSetup, sandbox: RunningSandbox, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_one(setup, sandbox)
    other = settings_of(sandbox).model_copy(update={"base_url": sandbox.school_url})
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    with pytest.raises(UsageError, match="are for another service"):
        confirm_replacement(prepare_login(other, terminal, environment_of(sandbox)), terminal, replace=False)


def test_a_line_is_read_from_what_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("  https://example.com/cb?x \nmore"))
    assert read_pasted_url() == "https://example.com/cb?x"
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    with pytest.raises(AuthorizationError, match="no address"):
        read_pasted_url()


def test_a_line_without_an_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("x" * 1_000_000))
    assert len(read_pasted_url()) < 20_000


def test_a_terminal_reads_without_an_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    stdin = io.StringIO()
    monkeypatch.setattr(stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", stdin)
    monkeypatch.setattr(login.getpass, "getpass", lambda _prompt: " https://example.com ")
    assert read_pasted_url() == "https://example.com"


def test_the_browser_opens_on_a_terminal_only(
    setup: LoginSetup, terminal: RecordingTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(login, "open_browser", opened.append)
    monkeypatch.setattr(login, "has_browser", lambda: True)
    monkeypatch.setattr(login, "read_pasted_url", lambda: "https://other.example")
    for is_terminal, browser in ((False, True), (True, False), (True, True)):
        for name in ("stdin", "stderr"):
            stream = io.StringIO()
            stream.isatty = lambda is_terminal=is_terminal: is_terminal  # type: ignore[method-assign,misc]
            monkeypatch.setattr(sys, name, stream)
        with pytest.raises(AuthorizationError):
            obtain_code(setup, LoginOptions(paste=True, browser=browser), terminal)
    assert len(opened) == 1
    assert opened[0].startswith(setup.endpoints.authorize.base_url)
