from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.oauth.authorization import LONGEST_URL, Authorization, AuthorizationError, UnrelatedRedirectError
from reconciler.oauth.redirect_uri import build_loopback_uri, parse_redirect_uri

CLIENT = "SCIM.6f1c9a52-6c1e-4a43-9e3f-0b6f4f0f6a11"
AUTHORIZE = "https://appleaccount.apple.com/auth/oauth2/v2/authorize"
BASE = "http://127.0.0.1:8765/callback"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def begin(*, pkce: bool = True, uri: str = BASE, clock: Clock | None = None) -> tuple[Authorization, str]:
    """An authorization, and its state."""
    begun = Authorization(CLIENT, parse_redirect_uri(uri), pkce=pkce, clock=clock or Clock())
    return begun, parse_qs(urlsplit(begun.build_url(AUTHORIZE)).query)["state"][0]


def test_the_url_asks_for_a_code_without_a_scope() -> None:
    begun, state = begin()
    url = urlsplit(begun.build_url(AUTHORIZE))
    fields = parse_qs(url.query)
    assert url._replace(query="").geturl() == AUTHORIZE
    assert begun.verifier is not None
    verifier = begun.verifier.reveal()
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    assert fields == {
        "client_id": [CLIENT],
        "redirect_uri": [BASE],
        "response_type": ["code"],
        "state": [state],
        "code_challenge": [challenge],
        "code_challenge_method": ["S256"],
    }
    assert verifier not in url.query
    assert 43 <= len(verifier) <= 128
    assert len(state) * 6 >= 128


def test_without_pkce_there_is_no_challenge() -> None:
    begun, _ = begin(pkce=False)
    assert begun.verifier is None
    assert "code_challenge" not in begun.build_url(AUTHORIZE)


def test_each_authorization_has_secrets_of_its_own() -> None:
    found = [begin() for _ in range(10)]
    assert len({state for _, state in found}) == 10
    assert len({begun.verifier.reveal() for begun, _ in found if begun.verifier}) == 10


def test_a_code_is_received_once() -> None:
    begun, state = begin()
    assert begun.receive(f"{BASE}?code=c%2Fode&state={state}").reveal() == "c/ode"
    with pytest.raises(UnrelatedRedirectError, match="answered already"):
        begun.receive(f"{BASE}?code=other&state={state}")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "code",
        f"{BASE}",
        f"{BASE}?",
        f"{BASE}?code=STOLEN",
        f"{BASE}?code=STOLEN&state=",
        f"{BASE}?code=STOLEN&state=other",
        f"{BASE}?code=STOLEN&state=STATE.",
        f"{BASE}?code=STOLEN&State=STATE",
        f"{BASE}?code=STOLEN&state=STATE&state=STATE",
        f"{BASE}?code=STOLEN&code=STOLEN&state=STATE",
        f"{BASE}?code=STOLEN&state=STATE&error=access_denied",
        f"{BASE}?state=STATE",
        f"{BASE}?error=access_denied",
        f"{BASE}?error=access_denied&state=other",
        f"{BASE}?code=STOLEN&state=STATE#x",
        f"{BASE}#code=STOLEN&state=STATE",
        f"{BASE}?code=STOLEN;state=STATE",
        f"{BASE}?code=STOLEN&state=STATE&x",
        f"{BASE}?code=%ff&state=STATE",
        f"{BASE}?code=STOLEN&state=STATE&" + "&".join(f"a{number}=x" for number in range(30)),
        f"{BASE}?code=STOLEN &state=STATE",
        f"{BASE}?code=STOLEN\u202e&state=STATE",
        f"{BASE}/?code=STOLEN&state=STATE",
        f"{BASE}/../callback?code=STOLEN&state=STATE",
        "http://127.0.0.1:8765/%63allback?code=STOLEN&state=STATE",
        "http://127.0.0.1:8765/Callback?code=STOLEN&state=STATE",
        "http://127.0.0.1:8766/callback?code=STOLEN&state=STATE",
        "https://127.0.0.1:8765/callback?code=STOLEN&state=STATE",
        "http://localhost:8765/callback?code=STOLEN&state=STATE",
        "http://127.0.0.1:8765@evil.example/callback?code=STOLEN&state=STATE",
        "http://a@127.0.0.1:8765/callback?code=STOLEN&state=STATE",
        "http://[::1/callback?code=STOLEN&state=STATE",
        f"{BASE}?code={'x' * LONGEST_URL}&state=STATE",
    ],
)
def test_what_does_not_belong_to_it_changes_nothing(url: str) -> None:
    begun, state = begin()
    with pytest.raises(UnrelatedRedirectError) as raised:
        begun.receive(url.replace("STATE", state))
    shown = f"{raised.value.summary} {raised.value.detail}"
    assert "STOLEN" not in shown
    assert state not in shown
    assert begun.receive(f"{BASE}?code=good&state={state}").reveal() == "good"


@pytest.mark.parametrize("code", ["", "a+b", "a%0ab", "%C3%A4", "%00", "x" * 4097])
def test_a_code_that_can_be_none_ends_it(code: str) -> None:
    begun, state = begin()
    with pytest.raises(AuthorizationError, match="no code that can be one") as raised:
        begun.receive(f"{BASE}?code={code}&state={state}")
    assert not isinstance(raised.value, UnrelatedRedirectError)


def test_a_denial_ends_it_with_the_words_of_the_service() -> None:
    begun, state = begin()
    with pytest.raises(AuthorizationError) as raised:
        begun.receive(f"{BASE}?error=access_denied&error_description=no+%22you%22%1b[31m&state={state}")
    assert raised.value.summary == (
        r'the service does not authorize the connection (access_denied): it was denied; it says "no \"you\"\u{1b}[31m"'
    )
    assert "administrator" in raised.value.detail
    with pytest.raises(UnrelatedRedirectError):
        begun.receive(f"{BASE}?code=late&state={state}")


@pytest.mark.parametrize("error", ["", "%1b[31m", "x" * 100, "<script>"])
def test_an_error_without_a_code(error: str) -> None:
    begun, state = begin()
    with pytest.raises(AuthorizationError, match=r"\(an error without a valid code\)$"):
        begun.receive(f"{BASE}?error={error}&state={state}")


def test_the_advice_for_a_server_that_knows_no_pkce() -> None:
    begun, state = begin()
    with pytest.raises(AuthorizationError) as raised:
        begun.receive(f"{BASE}?error=invalid_request&state={state}")
    assert "--no-pkce" in raised.value.detail


def test_it_ends_after_ten_minutes() -> None:
    clock = Clock()
    begun, state = begin(clock=clock)
    clock.now += 599
    assert begun.seconds_left == 1
    clock.now += 2
    assert begun.seconds_left == 0
    with pytest.raises(AuthorizationError, match="longer than 10 minutes"):
        begun.receive(f"{BASE}?code=good&state={state}")


def test_a_query_of_the_redirect_uri_must_come_back() -> None:
    begun, state = begin(uri="https://example.com/cb?team=a")
    for query in ("", "&team=b"):
        with pytest.raises(UnrelatedRedirectError):
            begun.receive(f"https://example.com/cb?code=x&state={state}{query}")
    assert begun.receive(f"https://EXAMPLE.com:443/cb?team=a&code=x&state={state}").reveal() == "x"


def test_secrets_are_in_no_repr() -> None:
    begun = Authorization(CLIENT, build_loopback_uri(1))
    assert begun.verifier is not None
    assert begun.verifier.reveal() not in repr(vars(begun))
