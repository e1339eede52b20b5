from __future__ import annotations

from typing import Any

import httpx
import pytest

from reconciler.oauth.token_refusals import (
    TokenAnswerLostError,
    TokenRefusedError,
    explain_token_refusal,
    hide,
)
from reconciler.scim.secret import Secret

SECRET = Secret("s3cret+/=")


def explain(status: int, grant: str = "refresh_token", **body: Any) -> TokenRefusedError:
    found = explain_token_refusal(httpx.Response(status), body, grant, [SECRET])
    assert isinstance(found, TokenRefusedError)
    return found


@pytest.mark.parametrize(
    ("code", "cause", "next_step"),
    [
        ("invalid_client", "secret has expired", "RECONCILER_OAUTH_CLIENT_SECRET"),
        ("invalid_grant", "refresh token has expired", "reconciler login"),
        ("unauthorized_client", "connection was removed", "reconciler login"),
        ("unsupported_grant_type", "does not support", "RECONCILER_OAUTH_TOKEN_URL"),
        ("invalid_request", "does not accept the request", "report it"),
        ("invalid_scope", "scope", "report it"),
        ("made_up", "(made_up)", "reconciler login"),
    ],
)
def test_each_code_has_a_cause_and_a_next_step(code: str, cause: str, next_step: str) -> None:
    error = explain(400, error=code)
    assert error.code == code
    assert cause in error.summary
    assert next_step in error.detail


def test_an_invalid_code_is_not_an_invalid_refresh_token() -> None:
    error = explain(400, "authorization_code", error="invalid_grant")
    assert "the code has expired" in error.summary
    assert "refresh token" not in error.summary


def test_the_words_of_the_server_are_quoted_without_a_secret() -> None:
    said = 'no "good"\x1b[31m: s3cret+/= and s3cret%2B%2F%3D' + "x" * 1000
    summary = explain(400, error="invalid_grant", error_description=said).summary
    assert r'; it says "no \"good\"\u{1b}[31m: (secret) and (secret)xxx' in summary
    assert "more characters)" in summary
    assert "s3cret" not in summary


@pytest.mark.parametrize("code", ["<b>", "a" * 50, 7, None, "", "a b", "x\n"])
def test_what_is_no_code_is_not_shown(code: object) -> None:
    error = explain(400, error=code)
    assert error.code == ""
    assert error.summary == "the authorization server answers 400, without an error code of OAuth"


def test_a_redirect_is_explained() -> None:
    assert "a redirect, which is not followed" in explain(302).summary


@pytest.mark.parametrize("code", ["temporarily_unavailable", "server_error", "slow_down"])
def test_a_refusal_that_does_not_last_is_not_final(code: str) -> None:
    error = explain(400, error=code, error_description="back at s3cret+/= five")
    assert error.code == ""  # a token that lasts is used meanwhile
    assert error.summary == (f'the authorization server issues no tokens now ({code}); it says "back at (secret) five"')
    assert error.detail == "Wait some minutes, then run the same command again."


def test_too_many_requests() -> None:
    error = explain(429, error="invalid_grant")
    assert (error.code, error.detail) == ("", "Wait some minutes, then run the same command again.")


@pytest.mark.parametrize("status", [500, 502, 503])
def test_an_error_of_the_server_leaves_the_outcome_open(status: int) -> None:
    found = explain_token_refusal(httpx.Response(status), {"error": "invalid_grant"}, "refresh_token", [SECRET])
    assert isinstance(found, TokenAnswerLostError)
    assert found.summary == f"the authorization server answers {status}"


def test_the_longer_secret_is_hidden_first() -> None:
    assert hide("abcd abc", [Secret("abc"), Secret("abcd"), Secret("")]) == "(secret) (secret)"
