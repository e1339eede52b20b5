"""Why a service refuses a credential, as far as its dates tell, and what to do then."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta

from reconciler.core.expiry import (
    LONG_USED_DAYS,
    ConnectionCredential,
    CredentialKind,
    DateSource,
    count_days_left,
    count_days_to_use,
    describe_end,
    describe_renewal,
)

_REFUSED_CLIENT = ("invalid_client", "invalid_grant", "unauthorized_client")
"""Errors of a token endpoint (RFC 6749 §5.2): each of them was seen for a client secret that had expired."""
_REFUSED_GRANT = "invalid_grant"
_MAYBE_ENDED = 1
"""Days before its end from which a credential may have ended: days begin earlier in time zones ahead of UTC."""


def find_credential(credentials: Iterable[ConnectionCredential], kind: CredentialKind) -> ConnectionCredential | None:
    """Return the credential of this kind; None if there is none."""
    return next((credential for credential in credentials if credential.kind is kind), None)


def explain_refused_token(token: ConnectionCredential | None, today: date, advice: str, hint: str = "") -> str:
    """Return what to do about a token that the service refused (401) on the day `today` (UTC).

    `advice`: what to check in general, `hint`: the same for this kind of service; both are used unless its date is the
    cause.
    """
    general = f"{advice} {hint}".rstrip()
    if token is None:
        return general
    ended = _explain_end(token, today)
    if ended:
        return ended
    unused = _explain_first_use(token, today)
    if token.expires is None:
        return unused or f"{general} No date of its end is declared: set target.token_expires."
    return f"{advice} {_explain_rest(token, today)} {unused}".rstrip()


def explain_refused_secret(secret: ConnectionCredential | None, today: date, code: str) -> str:
    """Return what to do about the error `code` of a token endpoint, as far as the client secret's date tells.

    "" if it tells nothing: `code` is not about the client, or no date is declared.
    """
    if secret is None or code not in _REFUSED_CLIENT:
        return ""
    if code == _REFUSED_GRANT:  # the grant is at fault, unless the secret has ended
        return _explain_end(secret, today)
    if secret.expires is None:
        return "No date of the client secret's end is declared: set target.client_secret_expires."
    ended = _explain_end(secret, today)
    if ended:
        return ended
    return _explain_rest(secret, today)


def _explain_end(credential: ConnectionCredential, today: date) -> str:
    """Return that the credential has ended, or may have, and how it is replaced; "" if it has not."""
    left = count_days_left(credential, today)
    if left is None or left > _MAYBE_ENDED:
        return ""
    doubt = "" if left < 0 else ", and may have ended already"
    what = f"{credential.title} {describe_end(credential, today)}{doubt} ({_describe_place(credential)})"
    return f"{what[0].upper()}{what[1:]}. {describe_renewal(credential)}"


def _explain_rest(credential: ConnectionCredential, today: date) -> str:
    """Return that it is not its end."""
    until = f"{describe_end(credential, today)} ({_describe_place(credential)})"
    return f"As it {until}, it was probably revoked or replaced, or is another one."


def _explain_first_use(token: ConnectionCredential, today: date) -> str:
    """Return what the first days of a token say about it; "" if there is no such rule."""
    left, issued = count_days_to_use(token, today), token.issued
    if left is None or issued is None or left < -LONG_USED_DAYS:
        return ""
    days = int(token.rules.first_use_days.value)
    where = f" ({token.issued_origin})" if token.issued_origin is not None else ""
    if left >= 0:
        return (
            f"It was issued on {issued}{where}, and works only if it is used by {issued + timedelta(days)}: is"
            " RECONCILER_TOKEN the new token?"
        )
    return f"If it was not used within {days} days of {issued}{where}, it never will work. {describe_renewal(token)}"


def _describe_place(credential: ConnectionCredential) -> str:
    """Return where the date is from."""
    place = str(credential.origin) if credential.origin is not None else "settings.yaml"
    if credential.source is DateSource.COMPUTED:
        return f"its day of issue, {place}"
    return "Microsoft Graph" if credential.source is DateSource.GRAPH else place
