import pytest

from reconciler.core.base_url import BaseUrlError, canonicalize_base_url, check_base_url, split_origin, suggest_host


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


@pytest.mark.parametrize(
    ("url", "origin"),
    {
        "https://SCIM.example.com/v2": ("https", "scim.example.com", 443),
        "http://127.0.0.1:8080": ("http", "127.0.0.1", 8080),
        "https://[2001:DB8::1]:8443/": ("https", "2001:db8::1", 8443),
        "https://xn--bcher-kva.example/": ("https", "xn--bcher-kva.example", 443),
        "https://my_host.:/": ("https", "my_host.", 443),
    }.items(),
)
def test_the_origin_of_a_url_is_split(url: str, origin: tuple[str, str, int]) -> None:
    assert split_origin(url) == origin


EXAMPLE = "Write it like https://host/scim."
PARTS = "may have no user, query or fragment"
QUERY, FRAGMENT = "Remove the query, all from the ? on.", "Remove the fragment, all from the # on."
FLAG = "Remove ?aadOptscim062020: this flag is meant for Microsoft Entra alone, here it is not needed."
USER = "Remove the user name, all up to the @: the token is in RECONCILER_TOKEN."
HTTP = "Use https://. Plain http is for this machine only."


@pytest.mark.parametrize(
    ("url", "why", "hint"),
    [
        ("http://scim.example.com/", "would send the token unencrypted", HTTP),
        ("ftp://scim.example.com/", "is not an https:// URL", f"It does not begin with https://. {EXAMPLE}"),
        ("scim.example.com", "is not an https:// URL", f"It does not begin with https://. {EXAMPLE}"),
        ("https://scim\u3002example.com", "is not a URL", f"It has the character U+3002. {EXAMPLE}"),
        ("https://scim.example.com/scim ", "is not a URL", f"It has a blank. {EXAMPLE}"),
        (f"https://scim.example.com/{'x' * 2_000}", "is not a URL", f"It has more than 2,000 characters. {EXAMPLE}"),
        ("https://scim.example.com?aadOptscim062020", PARTS, FLAG),
        ("https://scim.example.com?AADOptSCIM062020#", PARTS, f"{FLAG.replace('aadOptscim', 'AADOptSCIM')} {FRAGMENT}"),
        ("https://scim.example.com?aadOptscim062020&key=secret", PARTS, QUERY),
        ("https://scim.example.com/?", PARTS, QUERY),
        ("https://scim.example.com/?a#b", PARTS, f"{QUERY} {FRAGMENT}"),
        ("https://me:secret@scim.example.com/?a", PARTS, f"{USER} {QUERY}"),
    ],
)
def test_what_is_wrong_with_a_base_url_is_said_without_its_secrets(url: str, why: str, hint: str) -> None:
    with pytest.raises(BaseUrlError) as caught:
        check_base_url(url)
    assert (str(caught.value), caught.value.hint) == (why, hint)


@pytest.mark.parametrize(
    "url", ["https://scim.example.com/scim/", "http://127.0.0.1:8080", "http://localhost/", "http://[::1]/"]
)
def test_https_and_http_to_this_machine_are_addresses(url: str) -> None:
    assert check_base_url(url) == split_origin(url)


@pytest.mark.parametrize(
    ("host", "near"),
    [
        ("federation.aple.com", "federation.apple.com"),
        ("federation.apple.co", "federation.apple.com"),
        ("federation.apple.com", None),
        ("scim.example.com", None),
        ("", None),
    ],
)
def test_a_host_that_is_misspelt(host: str, near: str | None) -> None:
    assert suggest_host(host, ("federation.apple.com",)) == near
