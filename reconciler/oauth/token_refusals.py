"""Messages for answers of an authorization server that hold no token (RFC 6749 §5.2), with a next step each."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import quote_plus

import httpx

from reconciler.core.text import quote, shorten
from reconciler.errors import TargetError
from reconciler.oauth.endpoints import TOKEN_VARIABLE
from reconciler.scim.secret import Secret

_LOGIN = "Run reconciler login."
_REPORT = "This is a defect, or another kind of service: please report it."
_CAUSES: Mapping[str, tuple[str, str]] = {
    "invalid_client": (
        "the client ID or the client secret is wrong, or the secret has expired",
        "Make a new client secret, set RECONCILER_OAUTH_CLIENT_SECRET, then run reconciler login: Apple asks for both.",
    ),
    "unauthorized_client": (
        "the client may not do this: its secret may have expired, or the connection was removed",
        "Check the connection where it is set up; after a new client secret, run reconciler login again.",
    ),
    "unsupported_grant_type": (
        "it does not support this kind of authorization",
        f"Check {TOKEN_VARIABLE}: is it the token URL of this service?",
    ),
    "invalid_request": ("it does not accept the request", f"Check {TOKEN_VARIABLE}. {_REPORT}"),
    "invalid_scope": ("it does not accept the scope, although none was requested", _REPORT),
}
_INVALID_GRANT = {
    "refresh_token": (
        "the refresh token has expired, was revoked, or was replaced by a newer one",
        "Run reconciler login. If this happens again, look for a second run or machine that uses the same connection.",
    ),
    "authorization_code": (
        "the code has expired, was used before, or belongs to another client or redirect URI",
        "Run reconciler login again. The redirect URI must be the registered one, letter by letter.",
    ),
}
_CODE = re.compile(r"[a-z][a-z_]{1,39}")
_TEMPORARY = 500
_TEMPORARY_CODES = ("temporarily_unavailable", "server_error", "slow_down")
"""Of other parts of OAuth (RFC 6749 §4.1.2.1, RFC 8628 §3.5); some servers send them here, with the status 400."""
_WAIT = "Wait some minutes, then run the same command again."


class TokenRefusedError(TargetError):
    """The authorization server refused a request: it issued no tokens, and used up none. Exit code 1.

    `code`: the error code of RFC 6749 §5.2, such as "invalid_grant"; "" if the answer has none, or one that
    does not last.
    """

    def __init__(self, code: str, summary: str, detail: str) -> None:
        super().__init__(summary, detail)
        self.code = code


class TokenAnswerLostError(TargetError):
    """A request was sent and has no usable answer: the server may have replaced the refresh token. Exit code 1."""


def explain_token_refusal(
    response: httpx.Response, body: Mapping[str, Any], grant: str, secrets: Collection[Secret]
) -> TargetError:
    """Explain an answer other than 2xx. `body`: its JSON object, {} without one. `secrets`: what no message repeats."""
    status = response.status_code
    if status >= _TEMPORARY:
        return TokenAnswerLostError(
            f"the authorization server answers {status}{_quote_description(body, secrets)}",
            "It may be down. Run the same command again later; if it then refuses the tokens, run reconciler login.",
        )
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return TokenRefusedError("", "the authorization server answers 429: too many requests", _WAIT)
    code = body.get("error")
    code = code if isinstance(code, str) and _CODE.fullmatch(code) else ""
    if code in _TEMPORARY_CODES:
        said = _quote_description(body, secrets)
        return TokenRefusedError("", f"the authorization server issues no tokens now ({code}){said}", _WAIT)
    if code:
        why, next_step = _INVALID_GRANT[grant] if code == "invalid_grant" else _CAUSES.get(code, ("", ""))
        said = f": {why}" if why else ""
        summary = f"the authorization server refuses the request ({code}){said}{_quote_description(body, secrets)}"
        return TokenRefusedError(code, summary, next_step or f"Check the connection where it is set up. {_LOGIN}")
    return _explain_status(status)


def _explain_status(status: int) -> TargetError:
    """Explain an answer without an error code: another service, or a proxy, has answered."""
    if httpx.codes.is_redirect(status):
        why = "a redirect, which is not followed because the client secret would go with it"
    else:
        why = "without an error code of OAuth"
    return TokenRefusedError(
        "",
        f"the authorization server answers {status}, {why}",
        f"Check {TOKEN_VARIABLE}: it must be the token URL itself. A proxy may have answered instead of the service.",
    )


def _quote_description(body: Mapping[str, Any], secrets: Collection[Secret]) -> str:
    """Return what the server says about an error, without secrets that it repeats; "" if it says nothing."""
    said = body.get("error_description")
    if not isinstance(said, str) or not said.strip():
        return ""
    return f"; it says {quote(shorten(hide(said.strip(), secrets), 300))}"


def hide(text: str, secrets: Collection[Secret]) -> str:
    """Replace secrets in `text`, as they are and as they are in a form."""
    values = {form for secret in secrets for form in (secret.reveal(), quote_plus(secret.reveal())) if form}
    for value in sorted(values, key=len, reverse=True):
        text = text.replace(value, "(secret)")
    return text
