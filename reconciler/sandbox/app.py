"""The WSGI application: paths, injected faults and access first, then the account rules and the protocol."""

import importlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from reconciler.sandbox.account_rules import AccountRules
from reconciler.sandbox.authorization_server import BASE_PATH, AuthorizationServer, OAuthRequest
from reconciler.sandbox.faults import Faults, answer_for_service, build_html_page
from reconciler.sandbox.grants import Grants
from reconciler.sandbox.http_messages import RefusalError, Request, Response, build_error_response
from reconciler.sandbox.listing import is_listed_here, list_users, read_user
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.sandbox_error import SandboxError
from reconciler.sandbox.store import Store

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_LOGGER = logging.getLogger(__name__)
_BASE = re.compile(r"(/feeds/(business|school)/scim)(/.*)?", re.DOTALL)
_DISCOVERY = frozenset({"ServiceProviderConfig", "ResourceTypes", "Schemas"})
_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="SCIM"'}
_SERVER_ERROR = 500


class SandboxApp:
    """Serves one sandbox file. `quirks` given here hold for this server alone, else those in the file do."""

    def __init__(self, store: Store, quirks: Quirks | None = None) -> None:
        self._store = store
        self._fixed = quirks
        self._kept: tuple[str | None, Quirks] = (None, Quirks())
        self.faults = Faults()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Serve a WSGI request (PEP 3333)."""
        response = self._answer_safely(lambda: self._answer(environ))
        phrase = HTTPStatus(response.status).phrase
        headers = [*response.headers.items(), ("Content-Length", str(len(response.body)))]
        if response.body:
            headers.append(("Content-Type", response.media_type))
        start_response(f"{response.status} {phrase}", headers)
        return [response.body]

    def warm_up(self) -> None:
        """Load the protocol core now instead of at the first request that needs it; takes a second."""
        _load_protocol().load_provider()

    def _answer(self, environ: "WSGIEnvironment") -> Response:
        quirks = self._current_quirks()
        response = self._answer_safely(lambda: self._dispatch(environ, quirks))
        return build_html_page(response.status) if quirks.html_errors and response.status >= _SERVER_ERROR else response

    @staticmethod
    def _answer_safely(serve: Callable[[], Response]) -> Response:
        try:
            return serve()
        except RefusalError as refusal:
            return build_error_response(refusal)
        except SandboxError as error:
            return build_error_response(RefusalError(_SERVER_ERROR, str(error)))
        except Exception:
            _LOGGER.exception("The sandbox failed to serve a request")
            return build_error_response(RefusalError(_SERVER_ERROR, "Internal error"))

    def _current_quirks(self) -> Quirks:
        if self._fixed is not None:
            return self._fixed
        with self._store.transaction(write=False):
            text = self._store.get_setting("quirks")
        kept_text, kept = self._kept
        if text != kept_text:
            kept = Quirks.from_mapping(json.loads(text)) if text else Quirks()
            self._kept = (text, kept)
        return kept

    def _dispatch(self, environ: "WSGIEnvironment", quirks: Quirks) -> Response:
        name = environ.get("PATH_INFO", "").removeprefix(BASE_PATH)
        if name == environ.get("PATH_INFO", ""):
            return self._serve(_build_request(environ), quirks)
        request = OAuthRequest(
            method=environ["REQUEST_METHOD"].upper(),
            name=name,
            query=environ.get("QUERY_STRING", ""),
            headers=_read_headers(environ),
            body=_read_body(environ),
        )
        return AuthorizationServer(self._store, quirks, self.faults).answer(request)

    def _serve(self, request: Request, quirks: Quirks) -> Response:
        self.faults.delay(quirks)
        intermediary = answer_for_service(quirks)
        if intermediary is not None:
            return intermediary
        self.faults.limit(quirks)
        failure = self.faults.next_failure(quirks)
        if failure is not None and not (quirks.flaky_lands and request.writes):
            raise failure
        self._authorise(request, quirks)
        response = self._execute(request, quirks)
        if failure is not None:
            raise failure
        return response

    def _authorise(self, request: Request, quirks: Quirks) -> None:
        scheme, _, text = request.headers.get("authorization", "").partition(" ")
        with self._store.transaction(write=False):
            token = self._store.find_token(text.strip()) or Grants(self._store).find_access_token(text.strip())
            broken = self._store.get_setting("broken")
            now = self._store.now().timestamp()
        if scheme.lower() != "bearer" or token is None or not token.valid(now) or broken:
            raise RefusalError(401, "The access token is missing or not valid", headers=_CHALLENGE)
        if token.first_used is None:
            self._store.mark_used(token)
        if now - (now if token.first_used is None else token.first_used) < quirks.activation:
            raise RefusalError(403, "The connection is not active yet")

    def _execute(self, request: Request, quirks: Quirks) -> Response:
        rules = AccountRules(self._store, quirks, request.edition)
        if request.writes:
            # Imported before the lock is taken: it takes a second, and other writers would wait.
            _load_protocol()
        try:
            with self._store.transaction(write=request.writes):
                response = _route(self._store, request, quirks, rules)
                self._log(rules.journal)
        except RefusalError as refusal:
            self._log([line for line in rules.journal if line[0] != "UPDATED"])
            if refusal.breaks_connection:
                self._store.set_setting("broken", refusal.detail)
            raise
        return response

    def _log(self, journal: list[tuple[str, str, str]]) -> None:
        for code, user_name, detail in journal:
            self._store.log(code, user_name, detail)


def _route(store: Store, request: Request, quirks: Quirks, rules: AccountRules) -> Response:
    segments = request.path.strip("/").split("/")
    if not _has_endpoint(segments, quirks):
        raise RefusalError(404, f"No endpoint at {request.path!r}")
    if request.method == "GET" and segments[0] == "Users":
        if len(segments) == 1 and is_listed_here(request.query, quirks):
            return list_users(store, request, quirks)
        # Without ETags and projections the protocol core is not needed.
        if len(segments) == 2 and quirks.filters == "eq" and not quirks.etag:  # noqa: PLR2004 - /Users/{id}
            return read_user(store, request, segments[1], quirks)
    response: Response = _load_protocol().answer(store, request, quirks, rules)
    return response


def _has_endpoint(segments: list[str], quirks: Quirks) -> bool:
    if segments[0] in _DISCOVERY:
        return quirks.discovery == "rfc"
    if quirks.endpoints == "rfc":
        return True
    return segments[0] == "Users" and ".search" not in segments


def _load_protocol() -> Any:
    # Not at the top: scim2-models takes a second to import, and lists do not need it.
    return importlib.import_module("reconciler.sandbox.protocol")


def _build_request(environ: "WSGIEnvironment") -> Request:
    # PEP 3333: the path is UTF-8 read as Latin-1.
    path = environ.get("PATH_INFO", "").encode("latin-1").decode("utf-8", "replace")
    found = _BASE.fullmatch(path)
    # Field report: every URL with /v2 in it is 404.
    if found is None or (found.group(3) or "").startswith("/v2"):
        raise RefusalError(404, "Not found")
    # HTTP/1.0 has no Host header.
    host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
    return Request(
        method=environ["REQUEST_METHOD"].upper(),
        base_url=f"{environ['wsgi.url_scheme']}://{host}{found.group(1)}",
        edition=found.group(2),
        path=found.group(3) or "/",
        query=dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)),
        headers=_read_headers(environ),
        body=_read_body(environ),
    )


def _read_body(environ: "WSGIEnvironment") -> bytes:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return environ["wsgi.input"].read(length) if length else b""


def _read_headers(environ: Mapping[str, Any]) -> dict[str, str]:
    headers = {
        key.removeprefix("HTTP_").replace("_", "-").lower(): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    if environ.get("CONTENT_TYPE"):
        headers["content-type"] = environ["CONTENT_TYPE"]
    return headers
