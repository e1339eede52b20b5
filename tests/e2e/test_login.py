"""`reconciler login`, the installed command, against the sandbox's authorization server over real sockets."""

from __future__ import annotations

import contextlib
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from support.command import all_bytes, screen, wait_for, wait_for_exit
from support.login import URL, LoginWorkspace, find_redirect, follow

from reconciler.sandbox import admin
from reconciler.sandbox.server import start


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@pytest.fixture
def work(tmp_path: Path) -> Iterator[LoginWorkspace]:
    (tmp_path / "team").mkdir()
    with start(tmp_path / "sandbox.db") as sandbox:
        yield LoginWorkspace(tmp_path / "team", sandbox, free_port())


def read_url(process: subprocess.Popen[bytes]) -> str:
    """The URL that a process shows."""
    assert process.stderr is not None
    for line in process.stderr:
        if (found := URL.search(line.decode())) is not None:
            return found.group()
    raise AssertionError("it showed no URL")


# --- with a browser on this machine ------------------------------------------


def test_a_browser_logs_in(work: LoginWorkspace) -> None:
    pages: list[httpx.Response] = []
    done = work.log_in(browser=lambda url: pages.append(follow(url)))
    assert done.code == 0, done.err
    assert done.out == f"Logged in to {work.sandbox.base_url}. The tokens are in the token store {work.store}.\n"
    stored = work.stored()
    assert stored is not None
    assert stored["client_id"] == work.sandbox.oauth_client.client_id
    assert stored["refresh_token"]
    assert stat.S_IMODE(work.store.stat().st_mode) == 0o600
    assert work.works()
    assert "Authorization received" in pages[0].text


def test_no_secret_is_in_what_it_shows_or_leaves_behind(work: LoginWorkspace) -> None:
    pages: list[httpx.Response] = []
    done = work.log_in(browser=lambda url: pages.append(follow(url)))
    stored = work.stored()
    assert stored is not None
    work.store.unlink()
    code = parse_qs(urlsplit(str(pages[0].history[1].url)).query)["code"][0]
    secrets = [code, work.sandbox.oauth_client.secret, stored["access_token"], stored["refresh_token"]]
    page = f"{pages[0].url} {pages[0].text} {pages[0].headers} {pages[0].history[1].headers}"
    left = all_bytes(work.root, [done.out, done.err, page]).decode(errors="replace")
    assert [secret for secret in secrets if secret in left] == []


def test_no_secret_is_on_its_command_line(work: LoginWorkspace) -> None:
    process = work.start("--port", str(work.port))
    url = read_url(process)
    line = Path(f"/proc/{process.pid}/cmdline").read_bytes() if Path("/proc").is_dir() else b""
    assert work.sandbox.oauth_client.secret.encode() not in line
    follow(url)
    assert wait_for_exit(process).code == 0


def test_the_url_asks_for_no_scope_and_has_a_challenge(work: LoginWorkspace) -> None:
    urls: list[str] = []

    def browse(url: str) -> None:
        urls.append(url)
        follow(url)

    assert work.log_in(browser=browse).code == 0
    fields = parse_qs(urlsplit(urls[0]).query)
    assert set(fields) == {
        *("client_id", "redirect_uri", "response_type", "state", "code_challenge", "code_challenge_method"),
    }
    assert fields["redirect_uri"] == [work.redirect]


def test_hostile_requests_change_nothing(work: LoginWorkspace) -> None:
    answers: list[int] = []

    def browse(url: str) -> None:
        good = find_redirect(url)
        state = parse_qs(urlsplit(good).query)["state"][0]
        for hostile in (
            f"{work.redirect}?code=stolen&state=guessed",
            f"{work.redirect}?code=stolen",
            f"{work.redirect}?error=access_denied&state=guessed",
            f"{work.redirect}?code=a&code=b&state={state}",
            f"{work.redirect}?code=a&state={state}&state={state}",
            f"{work.redirect}/../x?code=stolen&state={state}",
            f"{work.redirect}/?code=stolen&state={state}",
            f"http://127.0.0.1:{work.port}/?code=stolen&state={state}",
        ):
            answers.append(httpx.get(hostile).status_code)  # noqa: PERF401 - as the others
        answers.append(httpx.get(good, headers={"Host": "evil.example"}).status_code)
        answers.append(httpx.post(good).status_code)
        answers.append(httpx.get(good).status_code)
        answers.append(httpx.get(good).status_code)  # replayed

    done = work.log_in(browser=browse)
    assert done.code == 0, done.err
    assert answers == [404] * 10 + [303, 404]
    assert work.works()


def test_a_denial(work: LoginWorkspace) -> None:
    work.switch(authorization="deny")
    pages: list[httpx.Response] = []
    done = work.log_in(browser=lambda url: pages.append(follow(url)))
    assert (done.code, done.out) == (1, "")
    assert "Error: the service does not authorize the connection (access_denied): it was denied" in done.err
    assert "Not authorized" in pages[0].text
    assert work.stored() is None


def test_a_user_decides_on_a_page(work: LoginWorkspace) -> None:
    work.switch(authorization="page")

    def browse(url: str) -> None:
        page = httpx.get(url)
        link = page.text.split('<a id="approve" href="')[1].split('"')[0].replace("&amp;", "&")
        follow(str(httpx.URL(url).join(link)))

    assert work.log_in(browser=browse).code == 0


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_and_closes_the_port(work: LoginWorkspace, sent: signal.Signals) -> None:
    process = work.start("--port", str(work.port))
    url = read_url(process)
    with socket.create_connection(("127.0.0.1", work.port)) as idle:
        idle.sendall(b"GET")
        time.sleep(0.3)
        process.send_signal(sent)
        done = wait_for_exit(process)
    assert done.code == 130
    assert "asyncio" not in done.err
    assert done.err.endswith("Interrupted.\n")
    assert "Traceback" not in done.err
    with pytest.raises(httpx.ConnectError):
        follow(url)
    assert work.stored() is None


def test_idle_connections_leave_no_trace_in_the_output(work: LoginWorkspace) -> None:
    def browse(url: str) -> None:
        with contextlib.ExitStack() as stack:
            for _ in range(40):
                stack.enter_context(socket.create_connection(("127.0.0.1", work.port), 10)).sendall(b"GET")
            follow(url)

    done = work.log_in(browser=browse)
    assert done.code == 0
    assert "Exception" not in done.err
    assert "asyncio" not in done.err


def test_an_interrupt_does_not_lose_tokens_that_were_issued(work: LoginWorkspace) -> None:
    slow = work.root / "store"
    slow.write_text(
        f'#!/bin/sh\nfile={work.root}/kept\nif [ "$1" = get ]; then [ ! -e $file ] || cat $file; exit; fi\n'
        "touch began; sleep 1; cat > $file\n"
    )
    slow.chmod(0o700)
    process = work.start("--port", str(work.port), env={"RECONCILER_TOKEN_STORE": f"cmd:{slow}"})
    follow(read_url(process))
    wait_for((work.root / "began").exists)
    process.send_signal(signal.SIGINT)
    done = wait_for_exit(process)
    assert (done.code, "Traceback" in done.err) == (130, False)
    assert b"refresh_token" in (work.root / "kept").read_bytes()


def test_a_port_that_is_taken(work: LoginWorkspace) -> None:
    with socket.create_server(("127.0.0.1", work.port)):
        done = work.log_in()
    assert done.code == 1
    assert f"Error: cannot listen on 127.0.0.1:{work.port}: " in done.err
    assert "--port" in done.err
    assert URL.search(done.err) is None


def test_any_free_port(work: LoginWorkspace) -> None:
    def browse(url: str) -> None:
        redirect = parse_qs(urlsplit(url).query)["redirect_uri"][0]
        admin.register_redirect_uris(work.sandbox.state, [redirect])
        follow(url)

    done = work.log_in("--port", "0", browser=browse, listens=False)
    assert done.code == 0, done.err


def test_a_redirect_uri_that_is_not_registered(work: LoginWorkspace) -> None:
    admin.register_redirect_uris(work.sandbox.state, ["https://example.com/callback"])
    process = work.start("--port", str(work.port))
    page = follow(read_url(process))
    assert (page.status_code, "not registered" in page.text) == (400, True)
    process.send_signal(signal.SIGINT)
    assert wait_for_exit(process).code == 130


def test_a_server_that_refuses_pkce(work: LoginWorkspace) -> None:
    work.switch(pkce="refused")
    done = work.log_in()
    assert done.code == 1
    assert "reconciler login --no-pkce" in done.err
    done = work.log_in("--no-pkce")
    assert done.code == 0, done.err
    work.switch(pkce="required")
    assert work.log_in("--no-pkce", "--replace").code == 1
    assert work.log_in("--replace").code == 0


# --- pasted --------------------------------------------------------------------


def paste(
    work: LoginWorkspace, *arguments: str, change: tuple[str, str] = ("", ""), end: str = "\n"
) -> tuple[int, str]:
    """The exit code and stderr of a login whose redirected URL is written to stdin, with one replacement in it."""
    process = work.start("--paste", "--port", str(work.port), *arguments)
    line = find_redirect(read_url(process)).replace(*change) if change[0] else find_redirect(read_url(process))
    assert process.stderr is not None
    rest = process.stderr
    process.stderr = None
    process.communicate(f"{line}\n".encode(), timeout=60)
    with rest:
        return process.returncode, rest.read().decode()


def test_the_redirected_url_is_pasted(work: LoginWorkspace) -> None:
    code, err = paste(work)
    assert code == 0, err
    assert work.works()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("state=", "state=x"), "its state is another"),
        (("code=", "cade="), "holds not one of code and error"),
        (("/callback", "/other"), "this URL is not the redirect URI"),
        (("127.0.0.1", "127.0.0.2"), "this URL is not the redirect URI"),
        (("http://127", "http://evil@127"), "this is not the redirected URL"),
        (("&state", "#&state"), "this is not the redirected URL"),
        (("&state", "&code=second&state"), "has a parameter twice"),
        (("http", ""), "this is not the redirected URL"),
    ],
)
def test_a_hostile_paste_is_refused(work: LoginWorkspace, change: tuple[str, str], message: str) -> None:
    code, err = paste(work, change=change)
    assert code == 1
    assert message in err
    assert work.stored() is None
    assert "code=" not in err


def test_a_code_that_was_used_before(work: LoginWorkspace) -> None:
    process = work.start("--paste", "--port", str(work.port))
    redirected = find_redirect(read_url(process))
    fields = {name: values[0] for name, values in parse_qs(urlsplit(redirected).query).items()}
    client = work.sandbox.oauth_client
    form = {
        "grant_type": "authorization_code",
        "client_id": client.client_id,
        "client_secret": client.secret,
        "redirect_uri": work.redirect,
        "code": fields["code"],
    }
    assert httpx.post(work.sandbox.token_url, data=form).status_code == 400  # without the verifier it is of no use
    out, _ = process.communicate(f"{redirected}\n".encode(), timeout=60)
    assert process.returncode == 0
    assert out.startswith(b"Logged in")


def test_nothing_is_pasted(work: LoginWorkspace) -> None:
    process = work.start("--paste", "--port", str(work.port), stdin=subprocess.DEVNULL)
    done = wait_for_exit(process)
    assert done.code == 1
    assert "Error: no address was pasted" in done.err


def test_a_static_page_of_the_team(work: LoginWorkspace) -> None:
    page = "https://example.com/reconciler/callback"
    admin.register_redirect_uris(work.sandbox.state, [page])
    process = work.start("--redirect-uri", page)
    redirected = find_redirect(read_url(process))
    assert redirected.startswith(f"{page}?code=")
    process.communicate(f"{redirected}\n".encode(), timeout=60)
    assert process.returncode == 0
    assert work.works()


def test_on_a_terminal_the_paste_is_not_shown_and_may_be_repeated(work: LoginWorkspace) -> None:
    with screen() as shown:
        ends = {"stdin": shown.slave, "stdout": shown.slave, "stderr": shown.slave}
        process = work.start("--paste", "--no-browser", "--port", str(work.port), start_new_session=True, **ends)
        found = URL.search(shown.read(until=b"Address: "))
        assert found is not None
        redirected = find_redirect(found.group())
        shown.type(f"{work.redirect}?code=SHOWN&state=other\n")
        shown.read(until=b"its state is another")
        time.sleep(0.5)
        shown.type(f"{redirected}\n")
        shown.close_slave()
        text = shown.read()
        assert process.wait(30) == 0
    assert "Logged in to" in text
    assert "SHOWN" not in text
    assert "code=" not in text.replace("response_type=code", "")


# --- what is checked before the browser opens --------------------------------


def test_a_target_with_a_token_has_nothing_to_log_in_to(work: LoginWorkspace) -> None:
    work.write_settings(auth="token")
    done = work.log_in()
    assert done.code == 1
    assert "Error: target.auth in settings.yaml is token: there is nothing to log in to" in done.err
    assert URL.search(done.err) is None


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("RECONCILER_OAUTH_CLIENT_ID", "", "RECONCILER_OAUTH_CLIENT_ID is not set"),
        ("RECONCILER_OAUTH_CLIENT_SECRET", "", "RECONCILER_OAUTH_CLIENT_SECRET is not set"),
        ("RECONCILER_OAUTH_AUTHORIZE_URL", "", "RECONCILER_OAUTH_AUTHORIZE_URL is not set"),
        ("RECONCILER_OAUTH_TOKEN_URL", "", "RECONCILER_OAUTH_TOKEN_URL is not set"),
        ("RECONCILER_OAUTH_TOKEN_URL", "https://appleid.apple.com.evil.example/token", "may not be sent to"),
        ("RECONCILER_OAUTH_TOKEN_URL", "https://apple1d.apple.com/auth/oauth2/v2/token", "Did you mean"),
        ("RECONCILER_OAUTH_AUTHORIZE_URL", "https://appleid.apple.com/auth/oauth2/v2/authorize", "different services"),
        ("RECONCILER_ALLOWED_HOSTS", "", "may not be sent to 127.0.0.1"),
        ("RECONCILER_TOKEN_STORE", "", "RECONCILER_TOKEN_STORE"),
        ("RECONCILER_TOKEN_STORE", "file:/proc/tokens", "cannot write the token store"),
        ("RECONCILER_TOKEN_KEY", "short", "RECONCILER_TOKEN_KEY"),
    ],
)
def test_what_is_missing_or_wrong(work: LoginWorkspace, name: str, value: str, message: str) -> None:
    done = work.log_in(env={name: value})
    assert done.code == 1
    assert message in done.err
    assert URL.search(done.err) is None
    assert "Traceback" not in done.err


@pytest.mark.parametrize("host", ["appleaccount.apple.com", "appleid.apple.com"])
def test_both_of_apples_hosts_are_built_in(work: LoginWorkspace, host: str) -> None:
    work.write_settings(base_url="https://federation.apple.com/feeds/business/scim")
    urls = {
        f"RECONCILER_OAUTH_{name.upper()}_URL": f"https://{host}/auth/oauth2/v2/{name}"
        for name in ("authorize", "token")
    }
    process = work.start("--port", str(work.port), env={**urls, "RECONCILER_ALLOWED_HOSTS": ""})
    assert read_url(process).startswith(f"https://{host}/auth/oauth2/v2/authorize?client_id=")
    process.send_signal(signal.SIGINT)
    assert wait_for_exit(process).code == 130


@pytest.mark.parametrize(
    "arguments",
    [
        ("--port", "70000"),
        ("--port", "1", "--redirect-uri", "https://example.com/cb"),
        ("--port", "0", "--paste"),
        ("--redirect-uri", "http://example.com/cb"),
        ("--redirect-uri", "https://user:secret@example.com/cb"),
    ],
)
def test_options_that_do_not_go_together(work: LoginWorkspace, arguments: tuple[str, ...]) -> None:
    done = work.log_in(*arguments, listens=False)
    assert done.code == 64
    assert "secret" not in done.err


# --- tokens that are there already -------------------------------------------


def test_stored_tokens_are_replaced_when_the_user_says_so(work: LoginWorkspace) -> None:
    assert work.log_in().code == 0
    first = work.stored()
    done = work.log_in()
    assert done.code == 64
    assert "holds tokens of this connection, obtained" in done.err
    assert "Add --replace" in done.err
    assert URL.search(done.err) is None
    assert work.stored() == first
    assert work.log_in("--replace").code == 0
    assert work.stored() != first
    assert work.works()


@pytest.mark.parametrize(("typed", "replaced"), [("yes", True), ("no", False), ("y", False)])
def test_a_terminal_is_asked(work: LoginWorkspace, typed: str, replaced: bool) -> None:
    assert work.log_in().code == 0
    first = work.stored()
    with screen() as shown:
        ends = {"stdin": shown.slave, "stdout": shown.slave, "stderr": shown.slave}
        process = work.start("--no-browser", "--port", str(work.port), **ends)
        shown.read(until=b"Enter a value: ")
        shown.type(f"{typed}\n")
        if replaced:
            found = URL.search(shown.read(until=b"code_challenge_method=S256"))
            assert found is not None
            follow(found.group())
        shown.close_slave()
        text = shown.read()
        assert process.wait(30) == 0
    assert ("Nothing was changed." in text) != replaced
    assert (work.stored() != first) == replaced


@pytest.mark.parametrize("content", ["{", '{"format": "other"}'])
def test_a_damaged_store_is_replaced_when_the_user_says_so(work: LoginWorkspace, content: str) -> None:
    assert work.log_in().code == 0
    work.store.write_text(content)
    assert work.log_in().code == 64
    assert work.log_in("--replace").code == 0
    assert work.works()


def test_a_denial_leaves_stored_tokens(work: LoginWorkspace) -> None:
    assert work.log_in().code == 0
    first = work.stored()
    work.switch(authorization="deny")
    assert work.log_in("--replace").code == 1
    assert work.stored() == first


# --- answers of the token URL --------------------------------------------------


@pytest.mark.parametrize(
    ("quirks", "message"),
    [
        ({"token_answer": "server_error"}, "the authorization server answers 500"),
        ({"token_answer": "server_error", "html_errors": True}, "the authorization server answers 500"),
        ({"token_answer": "html"}, "answers 200 without a JSON object"),
        ({"token_answer": "lost"}, "the authorization server answers 502"),
    ],
)
def test_an_answer_without_tokens(work: LoginWorkspace, quirks: dict[str, object], message: str) -> None:
    work.switch(**quirks)
    done = work.log_in()
    assert done.code == 1
    assert f"Error: {message}" in done.err.replace("the authorization server answers 200", "answers 200")
    assert work.stored() is None


def test_an_expired_client_secret(work: LoginWorkspace) -> None:
    admin.expire_client_secret(work.sandbox.state)
    done = work.log_in()
    assert done.code == 1
    assert "(invalid_client)" in done.err
    assert "RECONCILER_OAUTH_CLIENT_SECRET" in done.err
    assert work.sandbox.oauth_client.secret not in done.err


def test_tokens_without_a_refresh_token_are_stored_with_a_warning(work: LoginWorkspace) -> None:
    work.switch(token_answer="no_refresh_token")
    done = work.log_in("-q")
    assert done.code == 0
    assert "Warning: the service issued no refresh token." in done.err
    assert work.works()


def test_a_service_that_does_not_accept_the_tokens(work: LoginWorkspace) -> None:
    work.switch(activation=60)
    done = work.log_in()
    assert done.code == 1
    assert "Error: the tokens are stored, but the service" in done.err
    assert work.stored() is not None


def test_a_store_that_fails_afterwards(work: LoginWorkspace) -> None:
    script = work.root / "store"
    script.write_text('#!/bin/sh\n[ "$1" = get ] || exit 3\n')
    script.chmod(0o700)
    done = work.log_in(env={"RECONCILER_TOKEN_STORE": f"cmd:{script}"})
    assert done.code == 1
    assert "Error: tokens were issued, but are not stored: the token store" in done.err
    assert "exit status 3" in done.err
    assert "run reconciler login again" in done.err


def test_an_encrypted_store(work: LoginWorkspace) -> None:
    key = "m6jXzYJ1WqYw0c0E5vJbq3u8kq0r6m3Qe1q2o3p4s5U="
    done = work.log_in(env={"RECONCILER_TOKEN_KEY": key})
    assert done.code == 0, done.err
    assert work.store.read_bytes().startswith(b"reconciler-encrypted/1.")
    again = work.log_in(env={"RECONCILER_TOKEN_KEY": key})
    assert "tokens of this connection" in again.err
    other = work.log_in(env={"RECONCILER_TOKEN_KEY": "A" + key[1:]})
    assert other.code == 64


@pytest.mark.parametrize("end", ["", "/"])
def test_runs_after_a_login_need_no_browser(work: LoginWorkspace, end: str) -> None:
    work.write_settings(base_url=f"{work.sandbox.base_url}{end}")
    assert work.log_in().code == 0
    first = work.stored()
    assert first is not None
    done = work.run("plan")
    assert done.code == 0, done.err
    assert work.stored() == first
    admin.advance_clock(work.sandbox.state, seconds=3700)  # the service's clock: the token has expired there
    done = work.run("plan")
    assert done.code == 0, done.err
    second = work.stored()
    assert second is not None
    assert second["refresh_token"] != first["refresh_token"]
    assert "Open this page" not in done.err
