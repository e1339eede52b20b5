from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.oauth.redirect_uri import build_loopback_uri, format_origin, parse_redirect_uri, split_redirect


def test_the_default_is_on_this_machine() -> None:
    redirect = build_loopback_uri(8765)
    assert redirect == parse_redirect_uri("http://127.0.0.1:8765/callback")
    assert (redirect.local_port, format_origin(redirect)) == (8765, "127.0.0.1:8765")


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("http://127.0.0.1:1234/cb", 1234),
        ("http://localhost/cb", 80),
        ("http://[::1]:1234/cb", None),
        ("https://127.0.0.1:1234/cb", None),
        ("https://idp.example/admin/app/AppleBusinessSCIM/oauth/callback", None),
    ],
)
def test_what_this_machine_can_receive(text: str, port: int | None) -> None:
    assert parse_redirect_uri(text).local_port == port


def test_parts() -> None:
    redirect = parse_redirect_uri("https://EXAMPLE.com/?team=a%20b&x=")
    assert redirect.text == "https://EXAMPLE.com/?team=a%20b&x="
    assert (redirect.origin, redirect.path) == (("https", "example.com", 443), "/")
    assert redirect.query == (("team", "a b"), ("x", ""))
    assert format_origin(redirect) == "example.com"
    assert parse_redirect_uri("https://example.com").path == "/"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "callback",
        "//example.com/cb",
        "ftp://example.com/cb",
        "com.example:/cb",
        "javascript:alert(1)",
        "http://example.com/cb",
        "http://127.0.0.1.evil.example/cb",
        "http://2130706433/cb",
        "https://user:secret@example.com/cb",
        "https://example.com/cb#x",
        "https://example.com/cb#",
        "https://example.com/c b",
        "https://example.com/cb\n",
        "https://exämple.com/cb",
        "https://example.com:0/cb",
        "https://example.com/cb?x",
        "https://example.com/cb?" + "&".join(f"a{number}=x" for number in range(30)),
        "https://example.com/" + "x" * 2000,
        "https://example.com/cb?code=secret",
        "https://example.com/cb?a=1&state=",
        "https://example.com/cb?err%6Fr=x",
    ],
)
def test_what_is_no_redirect_uri(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_redirect_uri(text)
    assert raised.value.summary.startswith("--redirect-uri ")
    assert "secret" not in raised.value.summary
    assert raised.value.detail


@pytest.mark.parametrize("url", ["https://a@example.com/cb", "https://example.com/cb#code=x", "code=x", "https://"])
def test_a_redirect_has_no_other_parts(url: str) -> None:
    with pytest.raises(ValueError):
        split_redirect(url)
