"""Webhooks over a real socket: one host, one retry, bounds, and an address that no message shows."""

from __future__ import annotations

import traceback
from functools import partial
from pathlib import Path

import pytest
from support.servers.graph.tls import TlsHttpServer, make_certificate
from support.servers.http_server import Reply
from support.servers.webhook import PATH, WebhookReceiver

from reconciler.errors import NotificationError
from reconciler.notify.webhook import open_webhook, parse_webhook_url
from reconciler.scim.network import CaBundle, Network

OK = Reply(status=200, body=b"ok")
BODY = b'{"text": "hello"}'


def send(url: str, network: Network | None = None, timeout: float = 5) -> list[float]:
    """Send one message; return the pauses."""
    pauses: list[float] = []
    with open_webhook(parse_webhook_url(url), network or Network(), sleep=pauses.append, timeout=timeout) as client:
        client.send(BODY)
    return pauses


def fail(url: str, network: Network | None = None, timeout: float = 5) -> str:
    with pytest.raises(NotificationError) as caught:
        send(url, network, timeout)
    everything = "".join(traceback.format_exception(caught.value))
    for secret in ("hunter2", "planted", "T0", "sig="):
        assert secret not in everything
    return caught.value.summary


def test_a_message_is_posted_once() -> None:
    with WebhookReceiver(Reply(status=202)) as receiver:
        assert send(receiver.url) == []
    (request,) = receiver.requests
    assert (request.method, request.target, request.body) == ("POST", f"{PATH}?sig=planted", BODY)
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_message_is_tried_once_more(status: int) -> None:
    with WebhookReceiver(Reply(status=status), OK) as receiver:
        assert send(receiver.url) == [1.0]
    assert len(receiver.requests) == 2
    with WebhookReceiver(Reply(status=status)) as receiver:
        assert fail(receiver.url) == f"the webhook answered {status}"
    assert len(receiver.requests) == 2


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(status=400, body=b"hunter2-planted-secret"), "answered 400"),
        (Reply(status=404), "answered 404"),
        (Reply(status=500), "answered 500"),
        (
            Reply(status=302, headers={"Location": "http://127.0.0.1:1/hunter2"}),
            "answered 302, and redirects are not followed",
        ),
        (Reply(status=308, headers={"Location": PATH}), "answered 308, and redirects are not followed"),
        (Reply(status=200, lost=True), "does not answer (RemoteProtocolError)"),
        (Reply(status=200, body=b"x" * 2_000_000), "sends an answer that cannot be read"),
        (Reply(status=200, body=b"x", headers={"Content-Encoding": "br"}), "sends an answer that cannot be read"),
        (Reply(status=200, body=b"x", headers={"Content-Encoding": "gzip"}), "does not answer (DecodingError)"),
    ],
)
def test_what_is_not_accepted_is_told_by_its_status_and_not_repeated(reply: Reply, said: str) -> None:
    with WebhookReceiver(reply) as receiver:
        assert fail(receiver.url) == f"the webhook {said}"
    assert len(receiver.requests) == 1


def test_a_slow_answer_is_given_up() -> None:
    for reply in (Reply(status=200, wait=20), Reply(status=200, body=b"x" * 1000, drip=0.1)):
        with WebhookReceiver(reply) as receiver:
            assert fail(receiver.url, timeout=0.5) == "the webhook does not answer within 0.5 seconds"
        assert len(receiver.requests) == 1


def test_nobody_listens() -> None:
    assert fail("http://127.0.0.1:1/hunter2") == "127.0.0.1 refuses the connection"


def test_tls_is_verified(tmp_path: Path) -> None:

    certificate, key = make_certificate(tmp_path)
    make = partial(TlsHttpServer, certificate=certificate, key=key)
    with WebhookReceiver(make=make) as receiver:
        trusting = Network(ca_bundle=CaBundle("ca.pem", certificate.read_text()))
        assert send(receiver.url, trusting) == []
        assert "certificate is not accepted" in fail(receiver.url)
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("planted", "it does not begin with https://"),
        ("ftp://planted.example.com", "it does not begin with https://"),
        ("http://planted.example.com/x", "it would send messages unencrypted"),
        ("https://u:planted@hooks.example.com/x", "it has a user, a fragment or a backslash"),
        ("https://hooks.example.com/x#planted", "it has a user, a fragment or a backslash"),
        ("https://hooks.example.com\\planted", "it has a user, a fragment or a backslash"),
        ("https://hooks.example.com:x/planted", "its host or its port is not valid"),
        ("https:///planted", "its host or its port is not valid"),
        ("https://2130706433/planted", "its host or its port is not valid"),
        ("https://hooks.example.com/plan ted", "it has a blank, a control character or a letter that is not ASCII"),
        ("https://hooks.example.com/plan\nted", "it has a blank, a control character or a letter that is not ASCII"),
        (f"https://hooks.example.com/{'planted' * 1000}", "it has more than 4,000 characters"),
    ],
)
def test_an_address_that_cannot_be_used_is_explained_without_its_parts(url: str, why: str) -> None:
    with pytest.raises(NotificationError) as caught:
        parse_webhook_url(url)
    assert caught.value.summary == f"RECONCILER_WEBHOOK_URL is not the address of a webhook: {why}"
    assert "planted" not in "".join(traceback.format_exception(caught.value))


def test_an_address_is_in_no_repr() -> None:
    found = parse_webhook_url("https://hooks.example.com/services/planted?sig=planted")
    assert "planted" not in repr(found)
    assert found.where.base_url == "https://hooks.example.com:443"
    assert not found.is_local
