import pytest

from reconciler.core.base_url import canonicalize_base_url


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("https://scim.example.com/v2", "https://scim.example.com/v2"),
        ("HTTPS://SCIM.Example.com/v2/", "https://scim.example.com/v2"),
        ("https://scim.example.com.:443/v2", "https://scim.example.com/v2"),
        ("http://127.0.0.1:080/scim", "http://127.0.0.1/scim"),
        ("http://127.0.0.1:08080/scim//", "http://127.0.0.1:8080/scim"),
        ("http://[::1]:8080/scim", "http://[::1]:8080/scim"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_equivalent_addresses_have_one_spelling(url: str, same: str) -> None:
    assert canonicalize_base_url(url) == same
    assert canonicalize_base_url(same) == same


@pytest.mark.parametrize(
    "url",
    [
        "https://scim.example.com/V2",
        "https://scim.example.com:8443/v2",
        "http://scim.example.com/v2",
        "https://other.example.com/v2",
        "https://scim.example.com//v2",
        "https://scim.example.com/v2/x",
        "https://user@scim.example.com/v2",
    ],
)
def test_another_path_port_scheme_or_host_is_another_address(url: str) -> None:
    assert canonicalize_base_url(url) != canonicalize_base_url("https://scim.example.com/v2")


@pytest.mark.parametrize("url", ["", "sandbox", "https://", "https://a:b/", "https://a:99999/", "ftp://a/"])
def test_what_is_no_address_stays_as_it_is(url: str) -> None:
    assert canonicalize_base_url(url) == url
