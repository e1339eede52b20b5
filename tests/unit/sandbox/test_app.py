import io
import json
from typing import Any

import pytest

from reconciler.sandbox.app import SandboxApp
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.store import Store

USERS = "/feeds/business/scim/Users"


def get(store: Store, path: str = USERS, token: str | None = None, **quirks: Any) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a GET."""
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "HTTP_HOST": "127.0.0.1",
        "HTTP_AUTHORIZATION": f"Bearer {store.get_usable_token() if token is None else token}",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    started: list[Any] = []
    app = SandboxApp(store, Quirks(**quirks) if quirks else None)
    body = b"".join(app(environ, lambda *arguments: started.append(arguments)))  # type: ignore[arg-type,func-returns-value]
    ((status, headers),) = started
    return int(status[:3]), dict(headers), body


def test_a_list_is_served_with_its_length(store: Store) -> None:
    status, headers, body = get(store)
    assert (status, headers["Content-Type"]) == (200, "application/scim+json")
    assert headers["Content-Length"] == str(len(body))
    assert json.loads(body)["totalResults"] == 0


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/feeds/other/scim/Users",
        "/feeds/business/scim/v2/Users",
        "/feeds/business/scim/Groups",
        "/feeds/business/scim/ServiceProviderConfig",
        "/feeds/business/scim/Users/.search",
    ],
)
def test_other_paths_are_not_found(store: Store, path: str) -> None:
    assert get(store, path)[0] == 404


def test_a_request_needs_a_valid_token(store: Store) -> None:
    status, headers, body = get(store, token="wrong")
    assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="SCIM"')
    assert json.loads(body)["detail"] == "The access token is missing or not valid"


def test_a_new_connection_is_not_active_at_once(store: Store) -> None:
    assert get(store, activation=60)[0] == 403
    store.advance_clock(61)
    assert get(store, activation=60)[0] == 200


def test_quirks_of_the_file_apply_unless_the_server_has_its_own(store: Store) -> None:
    store.set_quirks(Quirks(in_between="redirect"))
    assert get(store)[:1] == (302,)
    assert get(store, in_between="proxy_error")[:1] == (502,)


def test_a_failing_request_may_be_answered_with_a_page(store: Store) -> None:
    status, headers, body = get(store, flaky=1, html_errors=True)
    assert (status, headers["Content-Type"]) == (500, "text/html; charset=utf-8")
    assert b"temporarily unavailable" in body


def test_an_unexpected_error_is_an_internal_error(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    store.set_setting("quirks", "{broken")
    status, _, body = get(store)
    assert (status, json.loads(body)["detail"]) == (500, "Internal error")
    assert "The sandbox failed to serve a request" in caplog.text
