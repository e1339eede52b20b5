"""The authorization server of the sandbox: authorization codes and refresh tokens (RFC 6749), as Apple's has them."""

import base64
import hashlib
import hmac
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from reconciler.sandbox.faults import Faults, answer_for_service, build_html_page
from reconciler.sandbox.grants import CODE_LIFE, Grants, OAuthClient
from reconciler.sandbox.http_messages import Response
from reconciler.sandbox.quirks import Quirks
from reconciler.sandbox.store import Store

BASE_PATH = "/auth/oauth2/v2/"
_FORM = "application/x-www-form-urlencoded"
_NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_KNOWN_PARAMETERS = frozenset({"client_id", "redirect_uri", "response_type", "state", "scope", "decision"})
_PKCE_PARAMETERS = frozenset({"code_challenge", "code_challenge_method"})
_CHALLENGE_LENGTH = 43
"""Characters of a SHA-256 digest in base64url (RFC 7636 §4.2)."""
_MOST_FIELDS = 50
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head><body><h1>{title}</h1>
{content}
</body></html>
"""


@dataclass(frozen=True, slots=True)
class OAuthRequest:
    """A request to the authorization server. `name`: "authorize" or "token"; `headers` have lower-case names."""

    method: str
    name: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class OAuthError(Exception):
    """An error with a code of RFC 6749. `revoked_family`: revoked because of it."""

    def __init__(self, code: str, description: str, *, status: int = 400, revoked_family: str | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.status = status
        self.revoked_family = revoked_family


class AuthorizationServer:
    """Answers requests under `BASE_PATH`, one transaction each."""

    def __init__(self, store: Store, quirks: Quirks, faults: Faults) -> None:
        self._store = store
        self._quirks = quirks
        self._faults = faults
        self._grants = Grants(store)

    def answer(self, request: OAuthRequest) -> Response:
        """Answer a request."""
        self._faults.delay(self._quirks)
        intermediary = answer_for_service(self._quirks)
        if intermediary is not None:
            return intermediary
        match request.method, request.name:
            case "GET", "authorize":
                return self._authorize(request)
            case "POST", "token":
                return self._issue_safely(request)
        return _build_page(404, "Not found", "There is nothing here.")

    # -- authorize ------------------------------------------------------

    def _authorize(self, request: OAuthRequest) -> Response:
        try:
            fields = _read_fields(request.query)
            _check_redirect(fields, self._grants.get_client())
        except OAuthError as error:
            # RFC 6749 §4.1.2.1: never redirect to what was not registered.
            return _build_page(400, "Error", html.escape(error.description))
        decision = fields.get("decision") or self._quirks.authorization
        try:
            self._check_authorization(fields)
            if decision == "page":
                return _ask(fields)
            _check_decision(decision)
            with self._store.transaction(write=True):
                code = self._grants.issue_code(fields["redirect_uri"], fields.get("code_challenge"))
        except OAuthError as error:
            return _redirect(fields, error=error.code, error_description=error.description)
        return _redirect(fields, code=code)

    def _check_authorization(self, fields: Mapping[str, str]) -> None:
        if fields.get("response_type") != "code":
            raise OAuthError("unsupported_response_type", "The response_type must be code.")
        if self._quirks.pkce == "refused" and not fields.keys() <= _KNOWN_PARAMETERS:
            raise OAuthError("invalid_request", "The request has an unknown parameter.")
        given = fields.keys() & _PKCE_PARAMETERS
        if not given and self._quirks.pkce == "required":
            raise OAuthError("invalid_request", "A code_challenge is required.")
        if given:
            challenge, method = fields.get("code_challenge", ""), fields.get("code_challenge_method")
            if method != "S256" or len(challenge) != _CHALLENGE_LENGTH:
                raise OAuthError("invalid_request", "The code_challenge must be of the method S256.")

    # -- token ----------------------------------------------------------

    def _issue_safely(self, request: OAuthRequest) -> Response:
        if self._quirks.token_answer == "server_error":  # noqa: S105 - no password
            return _build_json(500, {"error": "server_error"})
        try:
            with self._store.transaction(write=True):
                body = self._issue(request)
        except OAuthError as error:
            if error.revoked_family is not None:
                self._grants.revoke(error.revoked_family)
            return _build_json(error.status, {"error": error.code, "error_description": error.description})
        match self._quirks.token_answer:
            case "html":
                return build_html_page(200)
            case "lost":
                return build_html_page(502)
            case "no_refresh_token":
                body.pop("refresh_token", None)
        return _build_json(200, body)

    def _issue(self, request: OAuthRequest) -> dict[str, object]:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            raise OAuthError("invalid_request", f"The body must be {_FORM}.")
        fields = _read_fields(request.body.decode("utf-8", "replace"))
        self._check_client(self._grants.get_client(), fields)
        match fields.get("grant_type"):
            case "authorization_code":
                family = self._redeem_code(fields)
                refresh_token: str | None = self._grants.issue_refresh_token(family)
            case "refresh_token":
                family, refresh_token = self._redeem_refresh_token(fields)
            case None | "":
                raise OAuthError("invalid_request", "The grant_type is missing.")
            case _:
                raise OAuthError("unsupported_grant_type", "Known are authorization_code and refresh_token.")
        token = self._grants.issue_access_token(family, self._quirks.access_token_life)
        body: dict[str, object] = {"access_token": token, "token_type": "Bearer"}
        if self._quirks.expires_in == "sent":
            body["expires_in"] = self._quirks.access_token_life
        return body if refresh_token is None else {**body, "refresh_token": refresh_token}

    def _check_client(self, client: OAuthClient, fields: Mapping[str, str]) -> None:
        given = (fields.get("client_id", ""), fields.get("client_secret", ""))
        wanted = (client.client_id, client.secret)
        same = [hmac.compare_digest(one.encode(), other.encode()) for one, other in zip(given, wanted, strict=True)]
        if not all(same):
            raise OAuthError("invalid_client", "The client is unknown, or its secret is wrong.", status=401)
        if self._now() >= client.secret_expires:
            raise OAuthError("invalid_client", "The client secret has expired.", status=401)

    def _redeem_code(self, fields: Mapping[str, str]) -> str:
        code = self._grants.find_code(fields.get("code", ""))
        if code is None:
            raise OAuthError("invalid_grant", "There is no such code.")
        if code.family is not None:
            # RFC 6749 §4.1.2: a code that comes twice may be stolen, and so may the tokens that came from it.
            raise OAuthError("invalid_grant", "The code was used before.", revoked_family=code.family)
        if self._now() - code.issued > CODE_LIFE:
            raise OAuthError("invalid_grant", "The code has expired.")
        if fields.get("redirect_uri") != code.redirect_uri:
            raise OAuthError("invalid_grant", "The redirect_uri is not that of the authorization.")
        verifier = fields.get("code_verifier")
        if (verifier is None) != (code.challenge is None):
            raise OAuthError("invalid_grant", "The code_verifier is missing, or there was no code_challenge.")
        if verifier is not None and not hmac.compare_digest(_challenge(verifier), str(code.challenge)):
            raise OAuthError("invalid_grant", "The code_verifier is not that of the authorization.")
        return self._grants.use_code(code)

    def _redeem_refresh_token(self, fields: Mapping[str, str]) -> tuple[str, str | None]:
        """Return the family of the token, and a new refresh token; None if the old one stays valid."""
        token = self._grants.find_refresh_token(fields.get("refresh_token", ""))
        if token is None or token.revoked:
            raise OAuthError("invalid_grant", "The refresh token is unknown, or was revoked.")
        if token.replaced:
            family = token.family if self._quirks.reuse_revokes_family else None
            raise OAuthError("invalid_grant", "The refresh token was replaced.", revoked_family=family)
        life = self._quirks.refresh_token_life
        if life and self._now() - token.issued >= life:
            raise OAuthError("invalid_grant", "The refresh token has expired.")
        if not self._quirks.rotate_refresh:
            return token.family, None
        return token.family, self._grants.replace_refresh_token(token)

    def _now(self) -> float:
        return self._store.now().timestamp()


def _check_redirect(fields: Mapping[str, str], client: OAuthClient) -> None:
    if fields.get("client_id") != client.client_id:
        raise OAuthError("invalid_request", "There is no such client.")
    if fields.get("redirect_uri") not in client.redirect_uris:
        raise OAuthError("invalid_request", "The redirect_uri is not registered for this client.")


def _check_decision(decision: str) -> None:
    if decision != "approve":
        raise OAuthError("access_denied", "The administrator denied the request.")


def _read_fields(text: str) -> dict[str, str]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise OAuthError("invalid_request", "The request has too many parameters.") from error
    fields = dict(pairs)
    if len(fields) != len(pairs):
        # RFC 6749 §3.1
        raise OAuthError("invalid_request", "A parameter is there twice.")
    return fields


def _challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _redirect(fields: Mapping[str, str], **answer: str) -> Response:
    state = {"state": fields["state"]} if "state" in fields else {}
    uri = fields["redirect_uri"]
    location = f"{uri}{'&' if '?' in uri else '?'}{urlencode({**answer, **state})}"
    return Response(302, headers={"Location": location, **_NO_STORE})


def _ask(fields: Mapping[str, str]) -> Response:
    links = []
    for decision, label in (("approve", "Allow"), ("deny", "Do not allow")):
        query = html.escape(urlencode({**fields, "decision": decision}))
        links.append(f'<p><a id="{decision}" href="authorize?{query}">{label}</a></p>')
    question = "<p>Reconciler asks for access to the accounts of this organization.</p>"
    return _build_page(200, "Sandbox", question + "\n".join(links))


def _build_page(status: int, title: str, content: str) -> Response:
    page = _PAGE.format(title=title, content=content)
    headers = {"Content-Security-Policy": "default-src 'none'", **_NO_STORE}
    return Response(status, page.encode(), headers, "text/html; charset=utf-8")


def _build_json(status: int, body: Mapping[str, object]) -> Response:
    return Response(status, json.dumps(body).encode(), dict(_NO_STORE), "application/json")
