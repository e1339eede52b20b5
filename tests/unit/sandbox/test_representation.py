from typing import Any

import pytest
from support.sandbox_requests import BASE_URL, build_row

from reconciler.sandbox.attributes import CORE, ENTERPRISE
from reconciler.sandbox.http_messages import LIST_SCHEMA
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.representation import apply_quirks, build_list_response, represent

APPLE, PLAIN = Quirks(), Quirks.plain()


def test_a_stored_user_is_sent_with_its_meta_and_without_its_password() -> None:
    row = build_row("GN-1", "ada@example.com", body={"password": "secret", "locale": "en"})
    assert represent(row, BASE_URL, APPLE) == {
        "schemas": [CORE],
        "id": "GN-1",
        "userName": "ada@example.com",
        "locale": "en",
        "meta": {
            "resourceType": "User",
            "created": "2026-01-01T00:00:00Z",
            "lastModified": "2026-01-02T00:00:00Z",
            "location": f"{BASE_URL}/Users/GN-1",
        },
    }
    assert represent(row, BASE_URL, PLAIN)["meta"]["version"] == 'W/"1"'


@pytest.mark.parametrize(
    ("user", "sent"),
    [
        ({"userName": "Ada"}, {"userName": "ada"}),
        ({"active": True}, {}),
        ({"active": False}, {"active": False}),
        ({"emails": [{"value": "a", "primary": True}]}, {"emails": [{"value": "a"}]}),
    ],
)
def test_apple_omits_and_changes_attributes(user: dict[str, Any], sent: dict[str, Any]) -> None:
    assert apply_quirks(user, APPLE) == sent
    assert apply_quirks(user, PLAIN) == user


def test_an_empty_extension_is_omitted_with_its_schema() -> None:
    user = {"schemas": [CORE, ENTERPRISE], ENTERPRISE: {}}
    assert apply_quirks(user, PLAIN) == {"schemas": [CORE]}


@pytest.mark.parametrize(
    ("quirk", "items"), [("ok", {"itemsPerPage": 1}), ("zero", {"itemsPerPage": 0}), ("absent", {})]
)
def test_a_list_counts_its_items_as_the_quirk_requires(quirk: Any, items: dict[str, int]) -> None:
    found = build_list_response([{"id": "1"}], total=7, start_index=3, quirks=Quirks(items_per_page=quirk))
    assert found == {
        "schemas": [LIST_SCHEMA],
        "totalResults": 7,
        "startIndex": 3,
        "Resources": [{"id": "1"}],
        **items,
    }


def test_an_empty_list_may_lack_its_resources() -> None:
    absent = Quirks(resources_absent_when_empty=True)
    assert build_list_response([], total=0, start_index=1, quirks=APPLE)["Resources"] == []
    assert "Resources" not in build_list_response([], total=0, start_index=1, quirks=absent)
