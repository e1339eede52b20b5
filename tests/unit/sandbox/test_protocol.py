import json
from typing import Any

import pytest
from support.sandbox_requests import build_request

from reconciler.sandbox.account_rules import AccountRules
from reconciler.sandbox.http_messages import RefusalError, Request, Response
from reconciler.sandbox.protocol import answer
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.store import Store

ADA: dict[str, Any] = {"userName": "ada@example.com", "name": {"givenName": "Ada", "familyName": "Lovelace"}}
RENAME = {"Operations": [{"op": "Replace", "path": "name.familyName", "value": "Byron"}]}


def send(store: Store, request: Request, **quirks: Any) -> tuple[Response, Any]:
    chosen = Quirks(**quirks)
    response = answer(store, request, chosen, AccountRules(store, chosen, "business"))
    return response, json.loads(response.body) if response.body else None


def create(store: Store, **quirks: Any) -> dict[str, Any]:
    response, user = send(store, build_request("POST", "/Users", ADA), **quirks)
    assert response.status == 201
    return dict(user)


def test_a_created_user_can_be_patched_and_deleted(store: Store) -> None:
    path = f"/Users/{create(store)['id']}"
    response, user = send(store, build_request("PATCH", path, RENAME))
    assert (response.status, user["name"]["familyName"]) == (200, "Byron")
    assert send(store, build_request("DELETE", path))[0].status == 204
    with pytest.raises(RefusalError) as caught:
        send(store, build_request("GET", path))
    assert caught.value.status == 404


def test_a_patch_may_have_no_answer(store: Store) -> None:
    path = f"/Users/{create(store)['id']}"
    response, user = send(store, build_request("PATCH", path, RENAME), patch_status=204)
    assert (response.status, user) == (204, None)


def test_a_put_needs_the_id(store: Store) -> None:
    user = create(store)
    request = build_request("PUT", f"/Users/{user['id']}", ADA)
    with pytest.raises(RefusalError, match="Invalid request"):
        send(store, request)
    assert send(store, request, put_needs_id=False)[0].status == 200
    complete = build_request("PUT", f"/Users/{user['id']}", {**ADA, "id": user["id"]})
    assert send(store, complete)[0].status == 200


def test_unknown_attributes_are_dropped_or_stored(store: Store) -> None:
    request = build_request("POST", "/Users", {**ADA, "title": "Countess"})
    assert "title" not in send(store, request)[1]
    other = build_request("POST", "/Users", {**ADA, "userName": "b@example.com", "title": "Countess"})
    assert send(store, other, unknown_attr="store")[1]["title"] == "Countess"
