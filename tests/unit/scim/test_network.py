from __future__ import annotations

import pytest

from reconciler.scim.network import DIRECT, CaBundle, Network, ProxyServer, origin_host
from reconciler.scim.secret import Secret

PROXY = ProxyServer("http", "proxy.example.com", 8080, Secret("ada"), Secret("pass-1"))


def test_no_repr_shows_what_the_proxy_is_spoken_to_with() -> None:
    network = Network(PROXY, CaBundle("ca.pem", "-----BEGIN"), (".example.org",))
    assert repr(network) == (
        "Network(proxy=ProxyServer(scheme='http', host='proxy.example.com', port=8080), "
        "ca_bundle=CaBundle(path='ca.pem', ends=()), direct_hosts=('.example.org',), ignored=())"
    )


@pytest.mark.parametrize(
    ("host", "direct"),
    [
        ("graph.microsoft.com", False),
        ("scim.example.org", True),
        ("a.scim.example.org", False),
        ("b.example.net", True),
        ("a.b.example.net", True),
        ("example.net", False),
        ("badexample.net", False),
        ("10.0.0.1", True),
        ("10.0.0.11", False),
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("localhost", True),
    ],
)
def test_the_proxy_is_for_all_hosts_but_named_ones_and_this_machine(host: str, direct: bool) -> None:
    network = Network(PROXY, direct_hosts=("scim.example.org", ".example.net", "10.0.0.1"))
    assert network.find_proxy(host) == (None if direct else PROXY)
    assert DIRECT.find_proxy(host) is None


def test_a_proxy_is_named_by_host_and_port() -> None:
    assert [PROXY.name, ProxyServer("http", "fd00::1", 3128).name] == ["proxy.example.com:8080", "[fd00::1]:3128"]


def test_the_host_of_a_url_is_compared_as_it_is_written() -> None:
    assert [origin_host(each) for each in (b"[::1]", b"A.Example", b"xn--bcher-kva.example")] == [
        "::1",
        "a.example",
        "xn--bcher-kva.example",
    ]


def test_the_url_of_a_proxy_is_encoded_for_other_programs() -> None:
    urls = [ProxyServer("https", "fd00::1", 3128).reveal_url()]
    urls += [ProxyServer("http", "proxy", 1, Secret("corp\\ada"), Secret("p@:/%é")).reveal_url()]
    assert urls == ["https://[fd00::1]:3128", "http://corp%5Cada:p%40%3A%2F%25%C3%A9@proxy:1"]
