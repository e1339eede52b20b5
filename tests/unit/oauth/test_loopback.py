from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from reconciler.errors import ReconcilerError
from reconciler.oauth import loopback
from reconciler.oauth.authorization import AuthorizationError, UnrelatedRedirectError
from reconciler.oauth.loopback import LoopbackListener
from reconciler.oauth.redirect_uri import build_loopback_uri, parse_redirect_uri
from reconciler.scim.secret import Secret


class Waiting:
    """A listener that waits in a thread; `url` is its redirect URI, `good` ends the wait, `bad` with an error."""

    def __init__(self, seconds: float = 20.0, uri: str = "http://127.0.0.1:{port}/callback") -> None:
        self.listener = LoopbackListener(0)
        self.redirect = parse_redirect_uri(uri.format(port=self.listener.port))
        self.url = f"http://127.0.0.1:{self.listener.port}{self.redirect.path}"
        self.asked: list[str] = []
        self.result: Secret | Exception | None = None
        self.thread = threading.Thread(target=self._wait, args=(seconds,))
        self.thread.start()

    def _take(self, url: str) -> Secret:
        self.asked.append(url)
        if "good" in url:
            return Secret("code")
        if "bad" in url:
            raise AuthorizationError("denied")
        raise UnrelatedRedirectError("other")

    def _wait(self, seconds: float) -> None:
        try:
            with self.listener:
                self.result = self.listener.receive(self.redirect, self._take, seconds)
        except ReconcilerError as exc:
            self.result = exc

    def end(self) -> Secret | Exception | None:
        self.thread.join(20)
        assert not self.thread.is_alive()
        return self.result


@pytest.fixture
def waiting() -> Iterator[Waiting]:
    served = Waiting()
    yield served
    with contextlib.suppress(httpx.HTTPError):
        httpx.get(f"{served.url}?good", follow_redirects=True)
    served.end()


def send(port: int, head: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), 10) as connection:
        connection.sendall(head)
        connection.settimeout(10)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while piece := connection.recv(65_536):
                answer += piece
        return answer


def test_a_browser_ends_the_wait_and_sees_a_page_without_the_code(waiting: Waiting) -> None:
    answer = httpx.get(f"{waiting.url}?code=good&state=<script>", follow_redirects=True)
    assert answer.status_code == 200
    assert str(answer.url) == f"http://127.0.0.1:{waiting.listener.port}/login-ended"
    assert "Authorization received" in answer.text
    assert "good" not in answer.text
    assert "script" not in answer.text
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    assert (answer.headers["cache-control"], answer.headers["referrer-policy"]) == ("no-store", "no-referrer")
    result = waiting.end()
    assert isinstance(result, Secret)
    assert result.reveal() == "code"
    assert waiting.asked == [f"{waiting.url}?code=good&state=<script>".replace("<", "%3C").replace(">", "%3E")]


def test_a_denial_ends_the_wait(waiting: Waiting) -> None:
    answer = httpx.get(f"{waiting.url}?bad", follow_redirects=True)
    assert "Not authorized" in answer.text
    assert isinstance(waiting.end(), AuthorizationError)


def test_the_port_is_closed_afterwards(waiting: Waiting) -> None:
    httpx.get(f"{waiting.url}?good", follow_redirects=True)
    waiting.end()
    with pytest.raises(httpx.ConnectError):
        httpx.get(waiting.url)


def test_a_browser_that_asks_for_no_page_does_not_keep_it_waiting(waiting: Waiting) -> None:
    began = time.monotonic()
    assert httpx.get(f"{waiting.url}?good").status_code == 303
    assert isinstance(waiting.end(), Secret)
    assert time.monotonic() - began < 8


def test_a_second_code_is_not_taken(waiting: Waiting) -> None:
    assert httpx.get(f"{waiting.url}?good").status_code == 303
    assert httpx.get(f"{waiting.url}?good").status_code == 404
    assert len(waiting.asked) == 1


@pytest.mark.parametrize("path", ["/", "/callback/", "/Callback", "/favicon.ico", "/login-ended", "/callback/../x"])
def test_other_paths_are_not_found_and_the_wait_goes_on(waiting: Waiting, path: str) -> None:
    head = f"GET {path}?good HTTP/1.1\r\nHost: 127.0.0.1:{waiting.listener.port}\r\n\r\n"
    assert send(waiting.listener.port, head.encode()).startswith(b"HTTP/1.1 404 ")
    assert waiting.asked == []
    assert waiting.thread.is_alive()


def test_another_state_is_not_found_and_the_wait_goes_on(waiting: Waiting) -> None:
    answer = httpx.get(f"{waiting.url}?state=other")
    assert (answer.status_code, answer.text) == (404, "")
    assert waiting.thread.is_alive()


@pytest.mark.parametrize("method", ["POST", "HEAD", "OPTIONS", "PUT", "DELETE"])
def test_other_methods_are_refused(waiting: Waiting, method: str) -> None:
    assert httpx.request(method, f"{waiting.url}?good").status_code == 404
    assert waiting.asked == []


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:PORT",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1:PORT.evil.example",
        "localhost:PORT",
        "",
        "127.0.0.1:PORT\r\nHost: evil.example",
    ],
)
def test_another_host_is_refused_against_dns_rebinding(waiting: Waiting, host: str) -> None:
    port = waiting.listener.port
    head = f"GET /callback?good HTTP/1.1\r\nHost: {host.replace('PORT', str(port))}\r\n\r\n"
    assert send(port, head.encode()).startswith(b"HTTP/1.1 404 ")
    assert waiting.asked == []


def test_localhost_is_a_name_of_its_redirect_uri() -> None:
    waiting = Waiting(uri="http://localhost:{port}/cb")
    head = f"GET /cb?good HTTP/1.1\r\nHost: LOCALHOST:{waiting.listener.port}\r\n\r\n"
    assert send(waiting.listener.port, head.encode()).startswith(b"HTTP/1.1 303 ")
    assert isinstance(waiting.end(), Secret)
    assert waiting.asked == [f"http://localhost:{waiting.listener.port}/cb?good"]


@pytest.mark.parametrize(
    "head",
    [
        b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /callback?good\r\n\r\n",
        b"GET /callback?good HTTP/1.1\r\n\r\n",
        b"GET http://127.0.0.1/callback?good HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET /callback?good\xff HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
def test_what_no_browser_sends(waiting: Waiting, head: bytes) -> None:
    answer = send(waiting.listener.port, head)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 404 ")
    assert waiting.asked == []
    assert waiting.thread.is_alive()


def test_slow_and_idle_connections_do_not_keep_the_browser_out(waiting: Waiting) -> None:
    with contextlib.ExitStack() as stack:
        for number in range(200):
            connection = stack.enter_context(socket.create_connection(("127.0.0.1", waiting.listener.port), 10))
            if number % 2:
                connection.sendall(b"GET /callback?good HTT")
        answer = httpx.get(f"{waiting.url}?good", follow_redirects=True)
    assert answer.status_code == 200
    assert isinstance(waiting.end(), Secret)


def test_a_slow_request_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loopback, "_REQUEST_SECONDS", 0.2)
    began, waiting = time.monotonic(), Waiting(seconds=3)
    assert send(waiting.listener.port, b"GET /callback?good HTTP/1.1\r\n") == b""
    assert time.monotonic() - began < 2
    assert isinstance(waiting.end(), AuthorizationError)


def test_the_oldest_connection_gives_way(waiting: Waiting) -> None:
    with contextlib.ExitStack() as stack:
        address = ("127.0.0.1", waiting.listener.port)
        opened = [stack.enter_context(socket.create_connection(address, 3)) for _ in range(33)]
        assert opened[0].recv(1) == b""
        opened[1].settimeout(0.3)
        with pytest.raises(TimeoutError):
            opened[1].recv(1)


def test_the_wait_ends() -> None:
    result = Waiting(seconds=0.2).end()
    assert isinstance(result, AuthorizationError)
    assert result.summary == "no browser came back within 0 minutes"
    assert "--paste" in result.detail


def test_a_port_that_is_taken() -> None:
    with LoopbackListener(0) as first:
        with pytest.raises(ReconcilerError, match=rf"^cannot listen on 127\.0\.0\.1:{first.port}: ") as raised:
            LoopbackListener(first.port)
        assert "--port" in raised.value.detail
        assert build_loopback_uri(first.port).local_port == first.port


def test_a_port_that_does_not_exist() -> None:
    with pytest.raises(ReconcilerError, match="cannot listen"):
        LoopbackListener(99_999)
