"""One authorization in a browser: the URL that asks for it, and what comes back (RFC 6749 §4.1, PKCE: RFC 7636)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from urllib.parse import parse_qsl, urlencode

from reconciler.core.text import quote, shorten
from reconciler.errors import TargetError
from reconciler.oauth.redirect_uri import RedirectUri, split_redirect
from reconciler.scim.secret import Secret, is_token

MINUTES = 10
"""After which an authorization that was begun is no longer accepted."""
LONGEST_URL = 16 * 1024
"""Of a redirected URL, in characters."""
_RANDOM_BYTES = 32
_LONGEST_CODE = 4096
_MAX_FIELDS = 20
_AGAIN = "Run reconciler login again."
_CODE = re.compile(r"[a-z][a-z_]{1,39}")
_CAUSES: Mapping[str, tuple[str, str]] = {
    "access_denied": ("it was denied", f"{_AGAIN} Sign in as an administrator who may connect it, and allow it."),
    "unauthorized_client": ("the client may not ask for it", "Check RECONCILER_OAUTH_CLIENT_ID and the connection."),
    "invalid_request": (
        "the service does not accept the request",
        "If it knows no PKCE, run reconciler login --no-pkce. Check that the redirect URI is the registered one.",
    ),
    "unsupported_response_type": ("the service issues no codes", "Check RECONCILER_OAUTH_AUTHORIZE_URL."),
    "invalid_scope": ("the service needs a scope, and none was asked for", "Apple's service needs none."),
    "server_error": ("the service failed", f"Try again later. {_AGAIN}"),
    "temporarily_unavailable": ("the service is busy", f"Try again later. {_AGAIN}"),
}


class AuthorizationError(TargetError):
    """No code came back: the authorization has ended without one. Exit code 1."""


class UnrelatedRedirectError(AuthorizationError):
    """A URL that does not belong to this authorization, which goes on. Exit code 1 if it is the last one."""


class Authorization:
    """An authorization that was begun: its state and verifier are new, and good once.

    `pkce`: send a challenge. `clock`: seconds. `make_random`: unguessable text of that many random bytes.
    """

    def __init__(
        self,
        client_id: str,
        redirect: RedirectUri,
        *,
        pkce: bool = True,
        clock: Callable[[], float] = time.monotonic,
        make_random: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._client_id = client_id
        self._redirect = redirect
        self._state = Secret(make_random(_RANDOM_BYTES))
        self._verifier = Secret(make_random(_RANDOM_BYTES)) if pkce else None
        self._clock = clock
        self._ends = clock() + MINUTES * 60
        self._answered = False

    @property
    def verifier(self) -> Secret | None:
        """The secret that the exchange of the code needs; None without PKCE."""
        return self._verifier

    @property
    def seconds_left(self) -> float:
        """Until it is no longer accepted; 0 from then on."""
        return max(0.0, self._ends - self._clock())

    def build_url(self, authorize_url: str) -> str:
        """Return the URL that asks a user for the authorization. It has no scope: Apple's service knows none."""
        fields = {
            "client_id": self._client_id,
            "redirect_uri": self._redirect.text,
            "response_type": "code",
            "state": self._state.reveal(),
        }
        if self._verifier is not None:
            fields |= {"code_challenge": _compute_challenge(self._verifier), "code_challenge_method": "S256"}
        return f"{authorize_url}?{urlencode(fields)}"

    def receive(self, url: str) -> Secret:
        """Return the code in the URL that the browser was redirected to; no second URL is accepted after it.

        Raises `UnrelatedRedirectError` if it is not the redirect of this authorization, `AuthorizationError` if it is,
        and holds no code. No message repeats the URL.
        """
        fields = self._read_fields(url)
        if self._answered:
            raise UnrelatedRedirectError("this authorization has been answered already", _AGAIN)
        if not self.seconds_left:
            raise AuthorizationError(f"the authorization took longer than {MINUTES} minutes", _AGAIN)
        self._answered = True
        if "error" in fields:
            raise _explain_error(fields)
        code = fields.get("code", "")
        if not 0 < len(code) <= _LONGEST_CODE or not is_token(code):
            raise AuthorizationError("the redirect holds no code that can be one", _AGAIN)
        return Secret(code)

    def _read_fields(self, url: str) -> dict[str, str]:
        """Return the parameters of a redirect. Raises `UnrelatedRedirectError` unless it has this one's state, once."""
        if len(url) > LONGEST_URL or not all("!" <= character <= "~" for character in url):
            raise UnrelatedRedirectError("this is not the redirected URL", _advise_paste(self._redirect))
        try:
            origin, path, query = split_redirect(url)
            pairs = parse_qsl(
                query, keep_blank_values=True, strict_parsing=True, errors="strict", max_num_fields=_MAX_FIELDS
            )
        except ValueError as exc:
            # Not the error itself, which can repeat the query.
            raise UnrelatedRedirectError("this is not the redirected URL", _advise_paste(self._redirect)) from exc
        if (origin, path) != (self._redirect.origin, self._redirect.path) or not set(self._redirect.query) <= set(
            pairs
        ):
            raise UnrelatedRedirectError("this URL is not the redirect URI", _advise_paste(self._redirect))
        fields = dict(pairs)
        if len(fields) != len(pairs):
            raise UnrelatedRedirectError("the redirected URL has a parameter twice", _AGAIN)
        if not hmac.compare_digest(fields.get("state", "").encode(), self._state.reveal().encode()):
            raise UnrelatedRedirectError(
                "the redirected URL is not the answer to this login: its state is another",
                "It may come from an earlier attempt, or from another person. Use the URL that this run shows.",
            )
        if ("code" in fields) == ("error" in fields):
            raise UnrelatedRedirectError("the redirected URL holds not one of code and error", _AGAIN)
        return fields


def _compute_challenge(verifier: Secret) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _advise_paste(redirect: RedirectUri) -> str:
    return f"Paste all of the address that the browser ends at. It begins with {redirect.text}"


def _explain_error(fields: Mapping[str, str]) -> AuthorizationError:
    code = fields["error"]
    code = code if _CODE.fullmatch(code) else "an error without a valid code"
    why, next_step = _CAUSES.get(code, ("", _AGAIN))
    said = fields.get("error_description", "").strip()
    words = f"; it says {quote(shorten(said, 300))}" if said else ""
    return AuthorizationError(
        f"the service does not authorize the connection ({code}){f': {why}' if why else ''}{words}", next_step
    )
