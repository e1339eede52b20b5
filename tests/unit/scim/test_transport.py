from __future__ import annotations

import ssl
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.certificates import private_authority
from support.servers.tls_service import TlsService

from reconciler.core.base_url import split_origin
from reconciler.errors import TargetError
from reconciler.scim import read_budget
from reconciler.scim.ca_bundle import CaBundle
from reconciler.scim.network import Network
from reconciler.scim.read_budget import MAX_SECONDS, ReadBudget
from reconciler.scim.transport import (
    BudgetTransport,
    PinnedTransport,
    ReadOnlyTransport,
    WriteRefusedError,
    load_certificate_authorities,
    parse_endpoint,
    trust,
)

WHERE = parse_endpoint("https://scim.example.com/v2/", profile_hosts=["scim.example.com"], allowed_hosts=[])


class Recorder(httpx.BaseTransport):
    def __init__(self) -> None:
        self.seen: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.seen.append(f"{request.method} {request.url}")
        return httpx.Response(200)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"])
def test_planning_cannot_write(method: str) -> None:
    recorder = Recorder()
    with pytest.raises(WriteRefusedError):
        ReadOnlyTransport(recorder).handle_request(httpx.Request(method, WHERE.base_url))
    assert recorder.seen == []


def test_planning_reads() -> None:
    recorder = Recorder()
    ReadOnlyTransport(recorder).handle_request(httpx.Request("GET", WHERE.base_url))
    assert recorder.seen == ["GET https://scim.example.com/v2"]


def test_only_the_named_paths_are_read_by_post() -> None:
    recorder = Recorder()
    transport = ReadOnlyTransport(recorder, ["/v1.0/getByIds"])
    transport.handle_request(httpx.Request("POST", "https://graph.example.com/v1.0/getByIds"))
    others = [
        ("POST", "/v1.0/getByIds?x=1"),
        ("POST", "/v1.0/getByIds/"),
        ("POST", "/v1.0/%67etByIds"),
        ("PATCH", "/v1.0/getByIds"),
    ]
    for method, path in others:
        with pytest.raises(WriteRefusedError, match=f"^a read tried to send {method}$"):
            transport.handle_request(httpx.Request(method, f"https://graph.example.com{path}"))
    assert recorder.seen == ["POST https://graph.example.com/v1.0/getByIds"]


def test_no_request_leaves_after_the_time_of_a_read() -> None:
    now = 0.0
    recorder = Recorder()
    transport = BudgetTransport(recorder, ReadBudget(clock=lambda: now))
    transport.handle_request(httpx.Request("GET", WHERE.base_url))
    now = MAX_SECONDS + 1
    with pytest.raises(TargetError, match="took longer than 5 hours"):
        transport.handle_request(httpx.Request("GET", WHERE.base_url))
    assert len(recorder.seen) == 1


def test_the_answers_of_a_read_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_budget, "BASE_BYTES", 25)
    network = httpx.MockTransport(lambda _request: httpx.Response(200, content=b"x" * 10))
    transport = BudgetTransport(network, ReadBudget())
    request = httpx.Request("GET", WHERE.base_url)
    assert [transport.handle_request(request).status_code for _ in range(2)] == [200, 200]
    with pytest.raises(TargetError, match="the service's answers are too large"):
        transport.handle_request(request)
    transport.close()


@pytest.mark.parametrize(
    "url",
    [
        "https://elsewhere.example.com/v2/Users",
        "http://scim.example.com/v2/Users",
        "https://scim.example.com:8443/v2/Users",
        "https://scim.example.com.evil.example/v2/Users",
    ],
)
def test_requests_go_to_one_host_only(url: str) -> None:
    recorder = Recorder()
    with pytest.raises(TargetError, match="was not sent: this client may reach one origin only"):
        PinnedTransport(recorder, WHERE).handle_request(httpx.Request("GET", url))
    assert recorder.seen == []


def test_the_one_host_is_reached() -> None:
    recorder = Recorder()
    PinnedTransport(recorder, WHERE).handle_request(httpx.Request("GET", "https://scim.example.com:443/v2/Users"))
    assert len(recorder.seen) == 1
    assert WHERE.base_url == "https://scim.example.com/v2"


@pytest.mark.parametrize(
    ("allowed", "url", "passes"),
    [
        ("scim.example.org", "https://scim.example.org/scim", True),
        ("SCIM.example.org", "https://scim.example.org:443/scim", True),
        ("scim.example.org", "https://scim.example.org:8443/scim", False),
        ("scim.example.org:8443", "https://scim.example.org:8443/scim", True),
        ("127.0.0.1", "http://127.0.0.1:8080/scim", True),
        ("scim.example.org", "http://scim.example.org/scim", False),
        ("example.org", "https://scim.example.org/scim", False),
        ("", "https://scim.example.org/scim", False),
    ],
)
def test_a_host_is_allowed_from_outside(allowed: str, url: str, passes: bool) -> None:
    if passes:
        assert parse_endpoint(url, profile_hosts=[], allowed_hosts=[allowed]).base_url == url
    else:
        with pytest.raises(TargetError):
            parse_endpoint(url, profile_hosts=[], allowed_hosts=[allowed])


# --- hosts ------------------------------------------------------------------------


@given(st.one_of(st.text(), st.text("abx-.:[]@/\\%0179v#?").map("https://".__add__)))
def test_an_origin_is_one_that_the_http_library_understands_the_same(url: str) -> None:
    try:
        scheme, host, port = split_origin(url)
    except ValueError:
        return
    if not (url.isascii() and url.isprintable()):
        return  # parse_endpoint refuses it
    found = httpx.URL(url)
    assert (found.scheme, found.raw_host.decode().strip("[]").casefold()) == (scheme, host)
    assert (found.port or {"https": 443, "http": 80}[scheme]) == port


def test_a_host_in_punycode_is_the_one_that_was_pinned() -> None:
    where = parse_endpoint("https://xn--bcher-kva.example", profile_hosts=[], allowed_hosts=["xn--bcher-kva.example"])
    recorder = Recorder()
    PinnedTransport(recorder, where).handle_request(httpx.Request("GET", "https://xn--bcher-kva.example/Users"))
    assert len(recorder.seen) == 1


# --- certificates -----------------------------------------------------------------


def test_a_connection_writes_its_keys_to_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "keys"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    context = trust.__wrapped__("")
    service = TlsService(tmp_path)
    context.load_verify_locations(service.certificate)
    with pytest.raises(httpx.RemoteProtocolError), httpx.Client(verify=context, trust_env=False) as client:
        client.get(f"https://127.0.0.1:{service.port}/hello")
    service.close()
    assert b"GET /hello" in service.heard, "the handshake succeeded"
    assert not keys.exists()


def test_certificates_are_checked_as_python_does_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSLKEYLOGFILE", raising=False)
    context, default = trust.__wrapped__(""), ssl.create_default_context()
    for name in ("verify_mode", "check_hostname", "verify_flags", "options", "minimum_version"):
        assert getattr(context, name) == getattr(default, name), name
    assert context.cert_store_stats()["x509_ca"] > 100


def test_a_misspelt_host_of_the_profile_is_not_to_be_allowed() -> None:
    with pytest.raises(TargetError) as caught:
        parse_endpoint("https://federation.aple.com/scim", profile_hosts=("federation.apple.com",), allowed_hosts=())
    assert caught.value.detail == "Did you mean federation.apple.com?"


def test_a_bundle_adds_to_the_public_authorities_and_is_loaded_once_for_its_content() -> None:
    authority = private_authority()
    network = Network(ca_bundle=CaBundle("/a.pem", authority.pem))
    context, public = load_certificate_authorities(network), load_certificate_authorities()
    assert context.cert_store_stats()["x509_ca"] == public.cert_store_stats()["x509_ca"] + 1
    assert load_certificate_authorities(Network(ca_bundle=CaBundle("/b.pem", authority.pem))) is context
    assert load_certificate_authorities() is public
    for name in ("verify_mode", "check_hostname", "verify_flags", "options", "minimum_version"):
        assert getattr(context, name) == getattr(public, name), name
