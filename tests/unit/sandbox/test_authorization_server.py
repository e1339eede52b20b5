from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.oauth_client import (
    CHALLENGE,
    REDIRECT,
    VERIFIER,
    ask_for_tokens,
    authorize,
    build_authorize_url,
    log_in,
    read_redirect,
    read_users,
    redeem,
    refresh,
)

from reconciler.sandbox import admin
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.server import RunningSandbox, start


@pytest.fixture
def sandbox(state: Path) -> Iterator[RunningSandbox]:
    with start(state) as running:
        yield running


def switch(sandbox: RunningSandbox, **quirks: Any) -> None:
    admin.set_quirks(sandbox.state, Quirks(**quirks))


def error_of(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


# -- authorize ----------------------------------------------------------------


def test_a_code_comes_back_with_the_state(sandbox: RunningSandbox) -> None:
    found = authorize(sandbox)
    assert found.keys() == {"code", "state"}
    assert found["state"] == "st/at+e"


def test_a_query_of_the_redirect_uri_is_kept(sandbox: RunningSandbox) -> None:
    admin.register_redirect_uris(sandbox.state, [f"{REDIRECT}?x=1"])
    found = authorize(sandbox, redirect_uri=f"{REDIRECT}?x=1", state=None)
    assert found.keys() == {"code", "x"}


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "other"},
        {"client_id": None},
        {"redirect_uri": None},
        {"redirect_uri": f"{REDIRECT}/"},
        {"redirect_uri": "https://evil.example/"},
        {"redirect_uri": REDIRECT.upper()},
    ],
)
def test_what_is_not_registered_is_never_redirected_to(sandbox: RunningSandbox, changes: dict[str, str | None]) -> None:
    answer = httpx.get(build_authorize_url(sandbox, **changes))
    assert answer.status_code == 400
    assert "location" not in answer.headers


def test_a_parameter_that_is_there_twice(sandbox: RunningSandbox) -> None:
    assert httpx.get(f"{build_authorize_url(sandbox)}&state=x").status_code == 400


def test_only_codes_are_issued(sandbox: RunningSandbox) -> None:
    assert authorize(sandbox, response_type="token")["error"] == "unsupported_response_type"


def test_a_denial(sandbox: RunningSandbox) -> None:
    switch(sandbox, authorization="deny")
    found = authorize(sandbox)
    assert (found["error"], found["state"]) == ("access_denied", "st/at+e")


@pytest.mark.parametrize(("decision", "key"), [("approve", "code"), ("deny", "error")])
def test_a_page_asks(sandbox: RunningSandbox, decision: str, key: str) -> None:
    switch(sandbox, authorization="page")
    page = httpx.get(build_authorize_url(sandbox, state='"><script>'))
    assert page.status_code == 200
    assert "<script>" not in page.text
    link = page.text.split(f'<a id="{decision}" href="')[1].split('"')[0].replace("&amp;", "&")
    answer = httpx.get(httpx.URL(sandbox.authorize_url).join(link))
    found = read_redirect(answer.headers["location"])
    assert key in found
    assert found["state"] == '"><script>'


@pytest.mark.parametrize(
    ("pkce", "sent", "accepted"),
    [
        ("optional", {}, True),
        ("optional", {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}, True),
        ("optional", {"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, False),
        ("optional", {"code_challenge": "short", "code_challenge_method": "S256"}, False),
        ("required", {}, False),
        ("required", {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}, True),
        ("refused", {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}, False),
        ("refused", {"anything": "x"}, False),
        ("refused", {}, True),
    ],
)
def test_a_challenge(sandbox: RunningSandbox, pkce: str, sent: dict[str, str | None], accepted: bool) -> None:
    switch(sandbox, pkce=pkce)
    assert ("code" in authorize(sandbox, **sent)) == accepted


@pytest.mark.parametrize(("method", "name"), [("POST", "authorize"), ("GET", "token"), ("GET", "other"), ("GET", "")])
def test_there_is_nothing_else(sandbox: RunningSandbox, method: str, name: str) -> None:
    assert httpx.request(method, sandbox.token_url.replace("token", name)).status_code == 404


# -- codes --------------------------------------------------------------------


def test_tokens_for_a_code(sandbox: RunningSandbox) -> None:
    answer = redeem(sandbox, authorize(sandbox)["code"])
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert read_users(sandbox, body["access_token"]) == 200
    assert read_users(sandbox, body["refresh_token"]) == 401


def test_a_code_is_good_once_and_its_reuse_revokes_what_came_from_it(sandbox: RunningSandbox) -> None:
    code = authorize(sandbox)["code"]
    first = redeem(sandbox, code).json()
    assert error_of(redeem(sandbox, code)) == (400, "invalid_grant")
    assert read_users(sandbox, first["access_token"]) == 401
    assert error_of(refresh(sandbox, first["refresh_token"])) == (400, "invalid_grant")


def test_a_code_is_good_for_a_minute(sandbox: RunningSandbox) -> None:
    code = authorize(sandbox)["code"]
    admin.advance_clock(sandbox.state, seconds=61)
    assert error_of(redeem(sandbox, code)) == (400, "invalid_grant")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"redirect_uri": f"{REDIRECT}?"}, 400, "invalid_grant"),
        ({"code": "other"}, 400, "invalid_grant"),
        ({"code_verifier": VERIFIER}, 400, "invalid_grant"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"grant_type": ""}, 400, "invalid_request"),
        ({"grant_type": "client_credentials"}, 400, "unsupported_grant_type"),
    ],
)
def test_an_exchange_is_refused(sandbox: RunningSandbox, changes: dict[str, str], status: int, code: str) -> None:
    assert error_of(redeem(sandbox, authorize(sandbox)["code"], **changes)) == (status, code)


@pytest.mark.parametrize(("verifier", "status"), [(VERIFIER, 200), ("w" * 43, 400)])
def test_a_verifier(sandbox: RunningSandbox, verifier: str, status: int) -> None:
    code = authorize(sandbox, code_challenge=CHALLENGE, code_challenge_method="S256")["code"]
    assert redeem(sandbox, code, code_verifier=verifier).status_code == status


def test_a_challenge_without_a_verifier(sandbox: RunningSandbox) -> None:
    code = authorize(sandbox, code_challenge=CHALLENGE, code_challenge_method="S256")["code"]
    assert error_of(redeem(sandbox, code)) == (400, "invalid_grant")


def test_the_client_is_in_the_form_alone(sandbox: RunningSandbox) -> None:
    client = sandbox.oauth_client
    form = {"grant_type": "refresh_token", "refresh_token": log_in(sandbox)["refresh_token"]}
    answer = httpx.post(sandbox.token_url, data=form, auth=(client.client_id, client.secret))
    assert error_of(answer) == (401, "invalid_client")


def test_the_body_is_a_form(sandbox: RunningSandbox) -> None:
    assert error_of(httpx.post(sandbox.token_url, json={"grant_type": "refresh_token"})) == (400, "invalid_request")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = httpx.post(sandbox.token_url, content="client_id=a&client_id=b", headers=form)
    assert error_of(answer) == (400, "invalid_request")
    many = "&".join(f"f{number}=x" for number in range(100))
    assert error_of(httpx.post(sandbox.token_url, content=many, headers=form)) == (400, "invalid_request")


# -- refresh tokens -----------------------------------------------------------


def test_a_rotated_refresh_token_that_comes_again_revokes_the_family(sandbox: RunningSandbox) -> None:
    first, other = log_in(sandbox), log_in(sandbox)
    second = refresh(sandbox, first["refresh_token"]).json()
    assert second["refresh_token"] != first["refresh_token"]
    assert error_of(refresh(sandbox, first["refresh_token"])) == (400, "invalid_grant")
    assert error_of(refresh(sandbox, second["refresh_token"])) == (400, "invalid_grant")
    assert [read_users(sandbox, each["access_token"]) for each in (first, second, other)] == [401, 401, 200]


def test_without_the_switch_a_replaced_token_is_refused_alone(sandbox: RunningSandbox) -> None:
    switch(sandbox, reuse_revokes_family=False)
    first = log_in(sandbox)
    second = refresh(sandbox, first["refresh_token"]).json()
    assert error_of(refresh(sandbox, first["refresh_token"])) == (400, "invalid_grant")
    assert refresh(sandbox, second["refresh_token"]).status_code == 200


def test_without_rotation_the_refresh_token_stays(sandbox: RunningSandbox) -> None:
    switch(sandbox, rotate_refresh=False)
    token = log_in(sandbox)["refresh_token"]
    for _ in range(2):
        body = refresh(sandbox, token).json()
        assert "refresh_token" not in body
        assert read_users(sandbox, body["access_token"]) == 200


def test_lifetimes(sandbox: RunningSandbox) -> None:
    switch(sandbox, access_token_life=300, refresh_token_life=1000)
    found = log_in(sandbox)
    assert found["expires_in"] == 300
    admin.advance_clock(sandbox.state, seconds=290)
    assert read_users(sandbox, found["access_token"]) == 200
    admin.advance_clock(sandbox.state, seconds=20)
    assert read_users(sandbox, found["access_token"]) == 401
    admin.advance_clock(sandbox.state, seconds=700)
    assert error_of(refresh(sandbox, found["refresh_token"])) == (400, "invalid_grant")
    switch(sandbox, expires_in="absent")
    assert "expires_in" not in log_in(sandbox)


def test_an_expired_client_secret(sandbox: RunningSandbox) -> None:
    found = log_in(sandbox)
    admin.expire_client_secret(sandbox.state)
    assert error_of(refresh(sandbox, found["refresh_token"])) == (401, "invalid_client")
    secret = admin.renew_client_secret(sandbox.state).secret
    fields = {"grant_type": "refresh_token", "refresh_token": found["refresh_token"], "client_secret": secret}
    assert ask_for_tokens(sandbox, **fields).status_code == 200


def test_revoked_authorizations(sandbox: RunningSandbox) -> None:
    found = log_in(sandbox)
    admin.revoke_authorizations(sandbox.state)
    assert read_users(sandbox, found["access_token"]) == 401
    assert error_of(refresh(sandbox, found["refresh_token"])) == (400, "invalid_grant")


def test_a_disconnection_revokes_every_token(sandbox: RunningSandbox) -> None:
    found = log_in(sandbox)
    assert admin.read_connection_status(sandbox.state, lag=0) == "ACTIVE"
    admin.disconnect(sandbox.state)
    admin.reconnect(sandbox.state)
    assert read_users(sandbox, found["access_token"]) == 401


@pytest.mark.parametrize(
    ("answer", "status", "media_type", "used"),
    [("server_error", 500, "application/json", 200), ("html", 200, "text/html", 400), ("lost", 502, "text/html", 400)],
)
def test_answers_without_tokens(sandbox: RunningSandbox, answer: str, status: int, media_type: str, used: int) -> None:
    token = log_in(sandbox)["refresh_token"]
    switch(sandbox, token_answer=answer)
    found = refresh(sandbox, token)
    assert (found.status_code, found.headers["content-type"].partition(";")[0]) == (status, media_type)
    switch(sandbox)
    assert refresh(sandbox, token).status_code == used


def test_an_answer_without_a_refresh_token(sandbox: RunningSandbox) -> None:
    switch(sandbox, token_answer="no_refresh_token")
    assert "refresh_token" not in log_in(sandbox)


def test_an_intermediary_answers_here_too(sandbox: RunningSandbox) -> None:
    switch(sandbox, in_between="redirect")
    assert ask_for_tokens(sandbox).headers["location"].startswith("https://login.example.com/")


def test_everything_survives_a_restart(sandbox: RunningSandbox) -> None:
    found = log_in(sandbox)
    sandbox.close()
    with start(sandbox.state) as again:
        assert again.oauth_client == sandbox.oauth_client
        assert read_users(again, found["access_token"]) == 200
        assert refresh(again, found["refresh_token"]).status_code == 200
