from __future__ import annotations

import pytest

from reconciler.errors import TargetError
from reconciler.oauth.endpoints import parse_oauth_endpoints, parse_token_endpoint

PATH = "/auth/oauth2/v2"
APPLE, OLD = f"https://appleaccount.apple.com{PATH}", f"https://appleid.apple.com{PATH}"
OWN = "https://idp.example/oauth"


@pytest.mark.parametrize(("authorize", "token"), [(APPLE, APPLE), (OLD, OLD), (APPLE, OLD), (OLD, APPLE)])
def test_both_of_apples_hosts_are_built_in(authorize: str, token: str) -> None:
    found = parse_oauth_endpoints(f"{authorize}/authorize", f"{token}/token", ())
    assert (found.authorize.base_url, found.token.base_url) == (f"{authorize}/authorize", f"{token}/token")


@pytest.mark.parametrize(
    "url",
    [
        f"https://appleid.apple.com.evil.example{PATH}/token",
        f"https://apple1d.apple.com{PATH}/token",
        f"https://appleid.apple.com@evil.example{PATH}/token",
        f"https://user:password@appleid.apple.com{PATH}/token",
        f"https://appleid.apple.com:8443{PATH}/token",
        f"http://appleid.apple.com{PATH}/token",
        f"https://appleid.apple.com.{PATH}/token",
        f"https://evil.example/appleid.apple.com{PATH}/token",
        f"https://evil.example\\@appleid.apple.com{PATH}/token",
        f"https://appleid.apple.com{PATH}/token?x=1",
        f"https://appleid.apple.com{PATH}/token#x",
        f"https://appleid.apple.com{PATH}/authorize",
        f"https://appleid.apple.com{PATH}/x/../token",
        "https://appleid.apple.com/token",
        "javascript://appleid.apple.com/token",
        "file:///etc/passwd",
        f"https://appleid.apple.com{PATH}/token\n",
        "https://appleid.apple.com",
        "",
    ],
)
def test_a_look_alike_is_refused(url: str) -> None:
    with pytest.raises(TargetError, match=r"RECONCILER_OAUTH_TOKEN_URL|may not be sent to"):
        parse_oauth_endpoints(f"{OLD}/authorize", url, ())
    with pytest.raises(TargetError):
        parse_token_endpoint(url, ())


def test_another_host_must_be_allowed() -> None:
    with pytest.raises(TargetError) as raised:
        parse_token_endpoint(f"{OWN}/token", ())
    assert raised.value.summary == "the client secret may not be sent to idp.example"
    assert raised.value.detail.endswith("RECONCILER_ALLOWED_HOSTS=idp.example")
    found = parse_oauth_endpoints(f"{OWN}/authorize", f"{OWN}/token", ["idp.example"])
    assert found.token.base_url == f"{OWN}/token"


def test_a_path_that_is_allowed_pins_each_url() -> None:
    assert parse_token_endpoint(f"{OWN}/token", ["idp.example/oauth/token"])
    with pytest.raises(TargetError):
        parse_token_endpoint(f"{OWN}/token", ["idp.example/oauth"])


def test_a_misspelled_host_is_not_suggested_for_the_allowed_hosts() -> None:
    with pytest.raises(TargetError) as raised:
        parse_token_endpoint(f"https://apple1d.apple.com{PATH}/token", ())
    assert raised.value.detail == "Did you mean appleid.apple.com?"


def test_plain_http_is_for_this_machine() -> None:
    local = "http://127.0.0.1:8000/oauth"
    assert parse_oauth_endpoints(f"{local}/authorize", f"{local}/token", ["127.0.0.1"]).token.scheme == "http"
    with pytest.raises(TargetError, match="unencrypted"):
        parse_token_endpoint("http://idp.example/token", ["idp.example"])


@pytest.mark.parametrize("swapped", [False, True])
def test_apples_url_and_another_do_not_go_together(swapped: bool) -> None:
    one, other = (OWN, OLD) if swapped else (OLD, OWN)
    with pytest.raises(TargetError, match="belong to different services"):
        parse_oauth_endpoints(f"{one}/authorize", f"{other}/token", ["idp.example"])


def test_an_allowed_host_may_be_another_than_that_of_the_authorization() -> None:
    hosts = ["login.example", "tokens.example"]
    found = parse_oauth_endpoints("https://login.example/authorize", "https://tokens.example/token", hosts)
    assert (found.authorize.host, found.token.host) == ("login.example", "tokens.example")


def test_a_missing_url_is_named() -> None:
    with pytest.raises(TargetError) as raised:
        parse_oauth_endpoints("", f"{OLD}/token", ())
    assert raised.value.summary == "RECONCILER_OAUTH_AUTHORIZE_URL is not set"
    assert f"{APPLE}/authorize" in raised.value.detail
