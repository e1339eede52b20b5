from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.certificates import private_authority

from reconciler.errors import ReconcilerError
from reconciler.scim.ca_bundle import CaBundleError
from reconciler.scim.network import DIRECT, ProxyServer
from reconciler.session.network import read_network

FORM = "Write it like http://proxy.example.com:8080, or http://user:password@proxy.example.com:8080."


def read(url: str) -> tuple[ProxyServer, str, str]:
    proxy = read_network({"RECONCILER_PROXY": url}).proxy
    assert proxy is not None
    user, password = ("" if each is None else each.reveal() for each in (proxy.user, proxy.password))
    return proxy, user, password


def test_without_variables_connections_are_direct() -> None:
    assert read_network({}) == DIRECT
    assert read_network({"RECONCILER_PROXY": " ", "RECONCILER_NO_PROXY": ",", "RECONCILER_CA_BUNDLE": ""}) == DIRECT


def test_the_variables_of_other_programs_name_no_proxy() -> None:
    others = {"HTTPS_PROXY": "http://evil:1", "all_proxy": "http://evil:2", "NO_PROXY": "*", "SSL_CERT_FILE": "/evil"}
    found = read_network(others)
    assert (found.proxy, found.direct_hosts, found.ca_bundle) == (None, (), None)
    assert found.ignored == ("HTTPS_PROXY", "all_proxy")


@pytest.mark.parametrize(
    ("url", "name", "scheme", "user", "password"),
    [
        ("http://proxy.example.com:8080", "proxy.example.com:8080", "http", "", ""),
        (" HTTPS://Proxy.example.com:8443/\n", "proxy.example.com:8443", "https", "", ""),
        ("http://ada:p%40ss%3A%2F1@10.0.0.1:3128", "10.0.0.1:3128", "http", "ada", "p@ss:/1"),
        ("http://corp%5Cada:@[fd00::1]:3128", "[fd00::1]:3128", "http", "corp\\ada", ""),
        ("http://ad%C3%A4:p%C3%A4ss@proxy:1", "proxy:1", "http", "adä", "päss"),
    ],
)
def test_a_proxy_is_read_with_its_credentials_decoded(
    url: str, name: str, scheme: str, user: str, password: str
) -> None:
    proxy, found_user, found_password = read(url)
    assert (proxy.name, proxy.scheme, found_user, found_password) == (name, scheme, user, password)


PATH = "it has a path, or a character of user or password that must be percent-encoded"
ODD = "it has a blank, a control character or a letter that is not ASCII (percent-encode it)"
SCHEME = "it does not begin with http:// or https://"
HOST = "its host or port is not valid"
USER = "what is before the @ is not user:password, each percent-encoded"
SENT = "its user or password has a character that cannot be sent"


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("proxy.example.com:8080", SCHEME),
        ("socks5://s3cret@proxy:1", SCHEME),
        ("http://proxy.example.com", "it has no port"),
        ("http://s3cret:s3cret@proxy", "it has no port"),
        ("http://proxy:8080/s3cret", PATH),
        ("http://proxy:8080//", PATH),
        ("http://proxy:8080?s3cret", PATH),
        ("http://proxy:8080#s3cret", PATH),
        ("http://ada:s3cret/@proxy:1", PATH),
        ("http://ada:s3@cret@proxy:1", PATH),
        ("http://ada\\s3cret:x@proxy:1", PATH),
        ("http://ada:s3 cret@proxy:1", ODD),
        ("http://ada:s3\x1b[2Jcret@proxy:1", ODD),
        ("http://ada:s3\ncret@proxy:1", ODD),
        ("http://ada:s3cretä@proxy:1", ODD),
        ("http://proxy:0", HOST),
        ("http://proxy:99999", HOST),
        ("http://proxy:s3cret", HOST),
        ("http://:8080", HOST),
        ("http://[::1:8080", HOST),
        ("http://2130706433:8080", HOST),
        ("http://s3cret@proxy:1", USER),
        ("http://:s3cret@proxy:1", USER),
        ("http://@proxy:1", USER),
        ("http://ada:s3:cret@proxy:1", USER),
        ("http://ada:s3cret%@proxy:1", USER),
        ("http://ada:s3cret%4@proxy:1", USER),
        ("http://a%3Ada:s3cret@proxy:1", SENT),
        ("http://ada:s3cret%0A@proxy:1", SENT),
        ("http://ada:s3cret%00@proxy:1", SENT),
        ("http://ada:s3cret%FF@proxy:1", SENT),
        ("http://" + "a" * 2_000 + ":1", "it has more than 2,000 characters"),
    ],
)
def test_a_wrong_url_is_one_error_that_does_not_repeat_it(url: str, why: str) -> None:
    with pytest.raises(ReconcilerError) as caught:
        read_network({"RECONCILER_PROXY": url})
    assert caught.value.summary == f"RECONCILER_PROXY is not the URL of a proxy: {why}"
    assert caught.value.detail == FORM
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@given(st.one_of(st.text(), st.text("apx-.:[]@/\\%0179?# é\n").map("http://".__add__)))
def test_any_text_is_a_proxy_or_an_error(text: str) -> None:
    try:
        found = read_network({"RECONCILER_PROXY": text}).proxy
    except ReconcilerError:
        return
    assert found is None or (found.scheme in ("http", "https") and 0 < found.port < 65_536)


def test_hosts_without_the_proxy_are_names_addresses_and_domains() -> None:
    text = " SCIM.example.com ,.corp.example.com,10.0.0.1,fd00::1, [fd00::2],"
    assert read_network({"RECONCILER_NO_PROXY": text}).direct_hosts == (
        *("scim.example.com", ".corp.example.com", "10.0.0.1"),
        *("fd00::1", "fd00::2"),
    )


@pytest.mark.parametrize("text", ["scim.example.test.", ".test.", "SCIM.example.test", ".example.test"])
def test_a_dot_at_the_end_changes_no_name(text: str) -> None:
    network = read_network({"RECONCILER_PROXY": "http://proxy.example.com:8080", "RECONCILER_NO_PROXY": text})
    assert [network.find_proxy(f"scim.example.test{dot}") for dot in ("", ".")] == [None, None]
    assert network.find_proxy("scim.example.com") is not None


@pytest.mark.parametrize("entry", ["*", "*.example.com", "a:443", "http://a", "10.0.0.0/8", "a b", ".", "a/b", "u@a"])
def test_a_wrong_host_is_named_by_its_place(entry: str) -> None:
    with pytest.raises(ReconcilerError) as caught:
        read_network({"RECONCILER_NO_PROXY": f"a.example.com,{entry}"})
    assert caught.value.summary == "entry 2 of RECONCILER_NO_PROXY is neither a host nor a domain"


def test_the_list_of_hosts_is_bounded() -> None:
    with pytest.raises(ReconcilerError, match="more than 200 hosts"):
        read_network({"RECONCILER_NO_PROXY": ",".join(["a"] * 201)})


# --- the bundle -----------------------------------------------------------------------


def refuse_bundle(path: object) -> tuple[str, str]:
    with pytest.raises(CaBundleError) as caught:
        read_network({"RECONCILER_CA_BUNDLE": str(path)})
    return caught.value.summary, caught.value.detail


def test_a_bundle_is_read_from_its_file(tmp_path: Path) -> None:
    path = private_authority().write(tmp_path)
    found = read_network({"RECONCILER_CA_BUNDLE": str(path)}).ca_bundle
    assert found is not None
    assert (found.path, found.pem) == (str(path), private_authority().pem)


def test_a_bundle_is_judged_by_the_clock_that_is_passed_in(tmp_path: Path) -> None:
    path = private_authority().write(tmp_path)
    with pytest.raises(CaBundleError, match="not valid yet"):
        read_network({"RECONCILER_CA_BUNDLE": str(path)}, lambda: datetime(1990, 1, 1, tzinfo=UTC))


FILE = "Check the path, and that this user may read the file."
ONE_FILE = "Name a file of certificates in PEM."


def test_a_bundle_that_is_no_readable_file_is_refused_without_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "missing.pem"
    assert refuse_bundle(missing) == (
        f'RECONCILER_CA_BUNDLE "{missing}" cannot be read: No such file or directory',
        FILE,
    )
    not_a_file = ("RECONCILER_CA_BUNDLE does not name a file, but a directory or a device", ONE_FILE)
    os.mkfifo(tmp_path / "pipe")
    assert [refuse_bundle(each) for each in (tmp_path, "/dev/zero", tmp_path / "pipe")] == [not_a_file] * 3
    assert refuse_bundle("/a\0b") == ("RECONCILER_CA_BUNDLE is not a path: it has a null character", FILE)
    monkeypatch.setattr("reconciler.session.network.MAX_BYTES", 100)
    large = private_authority().write(tmp_path)
    assert refuse_bundle(large) == ("RECONCILER_CA_BUNDLE names a file of more than 0 MiB", ONE_FILE)


def test_a_bundle_is_not_relative_to_a_checkout() -> None:
    assert refuse_bundle("ca.pem") == (
        "RECONCILER_CA_BUNDLE is not an absolute path",
        "Write it from the / on. Keep the file outside of the repository, where no pull request changes it.",
    )


def test_certificates_in_place_of_a_path_are_named() -> None:
    assert refuse_bundle(private_authority().pem) == (
        "RECONCILER_CA_BUNDLE has certificates in place of a path",
        "Write them to a file, and set it to its path.",
    )
