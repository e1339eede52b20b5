import json

import pytest
from support.sandbox_requests import build_request

from reconciler.sandbox.http_messages import ERROR_SCHEMA, RefusalError, build_error_response, build_json_response


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_these_methods_write(method: str) -> None:
    assert build_request(method).writes


def test_a_get_does_not_write() -> None:
    assert not build_request("GET").writes


def test_json_is_compact_utf8() -> None:
    response = build_json_response(201, {"a": ["é", "\ud800"]}, {"ETag": "x"})
    assert (response.status, response.body, response.headers) == (201, '{"a":["é","\\ud800"]}'.encode(), {"ETag": "x"})
    assert response.media_type == "application/scim+json"


def test_a_refusal_is_a_scim_error_whose_status_is_text() -> None:
    refusal = RefusalError(409, "taken", scim_type="uniqueness", headers={"Retry-After": "1"})
    response = build_error_response(refusal)
    assert (response.status, response.headers) == (409, {"Retry-After": "1"})
    assert json.loads(response.body) == {
        "schemas": [ERROR_SCHEMA],
        "status": "409",
        "scimType": "uniqueness",
        "detail": "taken",
    }
    assert "scimType" not in json.loads(build_error_response(RefusalError(404, "none")).body)
