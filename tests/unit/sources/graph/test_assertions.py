from __future__ import annotations

from pathlib import Path

import pytest
from support.token_servers import reply, token_server

from reconciler.errors import SourceError
from reconciler.sources.graph.assertions import parse_request_url, prove_by_file, prove_by_github
from reconciler.sources.graph.login import TokenHost

AUDIENCE = "api://AzureADTokenExchange"


def test_github_issues_another_assertion_each_time() -> None:
    with token_server() as server:
        url = f"{server.origin}/idtoken?api-version=2.0"
        host = TokenHost(parse_request_url(url), "GitHub", "Check it")
        prove = prove_by_github(url, "request-token", AUDIENCE, host)
        assert [prove().secret.reveal(), prove().secret.reveal()] == ["assertion-1", "assertion-2"]
    assert server.seen[0].target == "/idtoken?api-version=2.0&audience=api%3A%2F%2FAzureADTokenExchange"
    assert server.seen[0].headers["Authorization"] == "bearer request-token"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_github_refuses(status: int) -> None:
    with token_server() as server:
        server.answers.append(reply(status, message="no"))
        prove = prove_by_github(server.origin, "t", AUDIENCE, TokenHost(parse_request_url(server.origin), "GitHub", ""))
        with pytest.raises(SourceError, match=rf"^GitHub issues no OIDC token: it answers {status}$") as raised:
            prove()
    assert "id-token: write" in raised.value.detail
    assert server.seen[0].target == "/?audience=api%3A%2F%2FAzureADTokenExchange"


@pytest.mark.parametrize("value", [None, "", 7, "a b", "x" * 40_000])
def test_an_answer_without_an_assertion(value: object) -> None:
    with token_server() as server:
        server.answers.append(reply(value=value))
        prove = prove_by_github(server.origin, "t", AUDIENCE, TokenHost(parse_request_url(server.origin), "GitHub", ""))
        with pytest.raises(SourceError, match=r"^GitHub's OIDC token is no token$"):
            prove()


@pytest.mark.parametrize("url", ["http://pipelines.example/x?token=s", "ftp://x", "", "https://", "http://[::1/"])
def test_a_url_that_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(SourceError, match=r"^ACTIONS_ID_TOKEN_REQUEST_URL .* is not an https:// URL$") as raised:
        parse_request_url(url)
    assert "token=s" not in raised.value.summary


def test_a_request_token_with_a_line_break_is_refused() -> None:
    with pytest.raises(SourceError, match="ACTIONS_ID_TOKEN_REQUEST_TOKEN"):
        prove_by_github(
            "https://x.example",
            "a\r\nHost: b",
            AUDIENCE,
            TokenHost(parse_request_url("https://x.example"), "GitHub", ""),
        )


def test_a_file_is_read_each_time(tmp_path: Path) -> None:
    file = tmp_path / "token"
    prove = prove_by_file(str(file))
    for text in ("first\n", "second"):
        file.write_text(text)
        assert prove().secret.reveal() == text.strip()
        assert prove().is_assertion


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: "),
        (b"", "is no token"),
        (b"a b", "is no token"),
        (b"\xff", "is no token"),
        (b"x" * 40_000, "is no token"),
    ],
)
def test_a_file_without_a_token(tmp_path: Path, content: bytes | None, why: str) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SourceError, match="AZURE_FEDERATED_TOKEN_FILE") as raised:
        prove_by_file(str(file))()
    assert why in raised.value.summary


def test_a_name_that_no_file_has() -> None:
    with pytest.raises(SourceError, match="it has no valid name"):
        prove_by_file("a\0b")()
