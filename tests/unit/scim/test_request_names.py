from __future__ import annotations

import httpx
import pytest

from reconciler.scim.request_names import name_page, name_request

URL = "https://scim.example.com/scim"


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/Users?startIndex=1&count=100", "the first page of users"),
        ("GET", "/Users?cursor=&count=100", "the first page of users"),
        ("GET", "/Users", "the first page of users"),
        ("GET", "/Users?startIndex=2001&count=100", "the page from startIndex 2,001 on"),
        ("GET", "/Users?startIndex=x", "a page of users"),
        ("GET", "/Users?cursor=a%2Fb%22&count=100", 'the page at cursor "a/b\\""'),
        ("GET", f"/Users?cursor={'c' * 90}", f'the page at cursor "{"c" * 80}… (10 more characters)"'),
        ("GET", "/Users?filter=userName+eq+%22ada%40x%22", 'the users with the userName "ada@x"'),
        ("GET", "/Users?filter=a+pr", 'the users that match "a pr"'),
        ("GET", "/Users/7", 'the user with the id "7"'),
        ("GET", "/Users/a%2Fb%0Ac", 'the user with the id "a/b\\nc"'),
        ("GET", "/Users/..%2F..%2FUsers", 'the user with the id "../../Users"'),
        ("PATCH", "/Users/7", 'the user with the id "7"'),
        ("POST", "/Users", "a new user"),
        ("GET", "/ServiceProviderConfig", "ServiceProviderConfig"),
        ("GET", "/", "/scim/"),
    ],
)
def test_a_request_is_named_for_the_reader(method: str, path: str, name: str) -> None:
    assert name_request(httpx.Request(method, URL + path)) == name


def test_a_page_is_named_by_its_url() -> None:
    assert name_page(httpx.URL(f"{URL}/Users?startIndex=101")) == "the page from startIndex 101 on"
