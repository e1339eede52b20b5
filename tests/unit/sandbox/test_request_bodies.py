from typing import Any

import pytest

from reconciler.sandbox.attributes import CORE, ENTERPRISE
from reconciler.sandbox.http_messages import RefusalError
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.request_bodies import PATCH_SCHEMA, decode, normalize_patch, normalize_user

QUIRKS = Quirks()


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b'{"a": "\\ud800"}', b"[" * 100_000])
def test_a_body_that_is_not_a_json_object_is_refused(body: bytes) -> None:
    with pytest.raises(RefusalError) as caught:
        decode(body)
    assert (caught.value.status, caught.value.scim_type) == (400, "invalidSyntax")


def test_a_user_is_normalized_to_the_rfc() -> None:
    payload = {
        "schemas": ["urn:other"],
        "ID": "ignored",
        "USERNAME": "ada",
        "Active": "True",
        "name": {"GIVENNAME": "Ada", "familyName": None, "formatted": "Ada"},
        ENTERPRISE.upper(): {"Department": "R&D"},
    }
    assert normalize_user(payload, QUIRKS) == {
        "schemas": [CORE, ENTERPRISE],
        "userName": "ada",
        "active": True,
        "name": {"givenName": "Ada"},
        ENTERPRISE: {"department": "R&D"},
    }


def test_the_quirk_decides_about_unknown_attributes() -> None:
    assert normalize_user({"title": "x"}, QUIRKS) == {"schemas": [CORE]}
    for quirk, breaks in (("reject400", False), ("break_connection", True)):
        with pytest.raises(RefusalError, match="'title' is not supported") as caught:
            normalize_user({"title": "x"}, Quirks(unknown_attr=quirk))  # type: ignore[arg-type]
        assert caught.value.breaks_connection is breaks


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "Replace", "path": "USERNAME", "value": "a"}, [{"op": "replace", "path": "userName", "value": "a"}]),
        ({"OP": "Add", "path": "active", "value": "False"}, [{"op": "add", "path": "active", "value": False}]),
        ({"op": "replace", "path": "locale", "value": None}, [{"op": "remove", "path": "locale"}]),
        ({"op": "remove", "path": "locale"}, [{"op": "remove", "path": "locale"}]),
        (
            {"op": "replace", "value": {"name.givenName": "A", f"{ENTERPRISE}:costCenter": "1"}},
            [
                {"op": "replace", "path": "name.givenName", "value": "A"},
                {"op": "replace", "path": f"{ENTERPRISE}:costCenter", "value": "1"},
            ],
        ),
        (
            {"op": "add", "path": "name", "value": {"givenName": "A", "familyName": "B"}},
            [
                {"op": "add", "path": "name.givenName", "value": "A"},
                {"op": "add", "path": "name.familyName", "value": "B"},
            ],
        ),
    ],
)
def test_each_operation_gets_one_path(operation: dict[str, Any], expected: list[dict[str, Any]]) -> None:
    assert normalize_patch({"operations": [operation]}, QUIRKS) == {"schemas": [PATCH_SCHEMA], "Operations": expected}


@pytest.mark.parametrize(
    ("payload", "scim_type"),
    [
        ({}, "invalidSyntax"),
        ({"Operations": []}, "invalidSyntax"),
        ({"Operations": [{"op": "move"}]}, "invalidSyntax"),
        ({"Operations": ["x"]}, "invalidSyntax"),
        ({"Operations": [{"op": "remove"}]}, "noTarget"),
        ({"Operations": [{"op": "add", "value": "x"}]}, "invalidValue"),
        ({"Operations": [{"op": "add", "path": 5, "value": "x"}]}, "invalidPath"),
        ({"Operations": [{"op": "add", "path": "title", "value": "x"}]}, "invalidPath"),
        ({"Operations": [{"op": "replace", "path": "id", "value": "x"}]}, "mutability"),
        ({"Operations": [{"op": "replace", "path": "active", "value": "maybe"}]}, "invalidValue"),
    ],
)
def test_a_wrong_patch_is_refused(payload: dict[str, Any], scim_type: str) -> None:
    with pytest.raises(RefusalError) as caught:
        normalize_patch(payload, QUIRKS)
    assert (caught.value.status, caught.value.scim_type) == (400, scim_type)


def test_rejected_paths_are_refused_without_a_reason() -> None:
    patch = {"Operations": [{"op": "replace", "path": "emails[0]", "value": "x"}]}
    with pytest.raises(RefusalError, match="Invalid request"):
        normalize_patch(patch, Quirks(patch_rejects=frozenset({"emails"})))
