import json
from typing import Any

import pytest
from support.sandbox_requests import BASE_URL, build_request, build_row

from reconciler.sandbox.http_messages import RefusalError
from reconciler.sandbox.listing import is_listed_here, list_users, read_user
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.store import Store


def list_ids(store: Store, quirks: Quirks | None = None, **query: str) -> tuple[int, list[str]]:
    body: dict[str, Any] = json.loads(list_users(store, build_request(**query), quirks or Quirks()).body)
    return body["totalResults"], [user["id"] for user in body["Resources"]]


@pytest.fixture
def five(store: Store) -> Store:
    """Five users."""
    store.users.insert(*[build_row(str(n), f"u{n}@example.com", body={"externalId": f"e{n}"}) for n in range(5)])
    return store


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, "01234"),
        ({"startIndex": "3"}, "234"),
        ({"STARTINDEX": "-1", "count": "2"}, "01"),
        ({"count": "-1"}, ""),
        ({"startIndex": "9"}, ""),
    ],
)
def test_users_are_paged(five: Store, query: dict[str, str], ids: str) -> None:
    assert list_ids(five, **query) == (5, list(ids))


def test_a_page_is_limited_and_the_oldest_users_may_be_hidden(five: Store) -> None:
    assert list_ids(five, Quirks(page_cap=2), count="9") == (5, ["0", "1"])
    assert list_ids(five, Quirks(list_hides_n=3)) == (2, ["3", "4"])


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ('userName eq "U1@EXAMPLE.COM"', "1"),
        ('USERNAME EQ "u1@example.com"', "1"),
        ('externalId eq "e2"', "2"),
        ('externalId eq "E2"', ""),
        ("id eq 3", "3"),
    ],
)
def test_three_attributes_can_be_filtered(five: Store, text: str, ids: str) -> None:
    assert list_ids(five, filter=text) == (len(ids), list(ids))


@pytest.mark.parametrize(
    ("query", "scim_type"),
    [
        ({"filter": 'title eq "x"'}, "invalidFilter"),
        ({"filter": 'userName sw "x"'}, "invalidFilter"),
        ({"filter": r'userName eq "\x"'}, "invalidFilter"),
        ({"count": "many"}, "invalidValue"),
    ],
)
def test_other_queries_are_refused(five: Store, query: dict[str, str], scim_type: str) -> None:
    with pytest.raises(RefusalError) as caught:
        list_users(five, build_request(**query), Quirks())
    assert (caught.value.status, caught.value.scim_type) == (400, scim_type)


def test_the_protocol_core_lists_what_only_it_can_filter() -> None:
    assert is_listed_here({"filter": "x"}, Quirks())
    assert is_listed_here({"Count": "1"}, Quirks.plain())
    assert not is_listed_here({"filter": "x"}, Quirks.plain())


def test_a_user_is_read_by_its_id(five: Store) -> None:
    response = read_user(five, build_request(path="/Users/2"), "2", Quirks())
    assert response.headers == {"Content-Location": f"{BASE_URL}/Users/2"}
    assert json.loads(response.body)["userName"] == "u2@example.com"
    with pytest.raises(RefusalError, match="User 'x' not found"):
        read_user(five, build_request(path="/Users/x"), "x", Quirks())
