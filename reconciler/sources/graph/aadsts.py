"""Messages for the errors of Microsoft Entra ID's token endpoint, with a next step each.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from reconciler.core.text import escape_control, shorten
from reconciler.errors import SourceError
from reconciler.sources.graph.access_token import read_claims

_SUBJECT, _SUBJECT_CASE, _ISSUER, _AUDIENCE, _ANY = 700213, 7002138, 700211, 700212, 70021
_FEDERATED = (_SUBJECT, _SUBJECT_CASE, _ISSUER, _AUDIENCE, _ANY)
_MESSAGES: Mapping[int, tuple[str, str]] = {
    _SUBJECT: ("no federated credential of the app has the subject that was presented", ""),
    _SUBJECT_CASE: ("the subject that was presented differs from a federated credential's in upper and lower case", ""),
    _ISSUER: ("no federated credential of the app has the issuer that was presented", ""),
    _AUDIENCE: ("no federated credential of the app has the audience that was presented", ""),
    _ANY: (
        "no federated credential of the app matches what was presented",
        "A credential that was just added takes some minutes.",
    ),
    700024: (
        "the assertion is not valid at this time",
        "Check the clock of this machine, then run the same command again.",
    ),
    7000215: (
        "the client secret is wrong",
        "AZURE_CLIENT_SECRET is the secret's value and not its id: add a new client secret and copy its value.",
    ),
    7000222: (
        "the client secret has expired",
        "Add a new client secret to the app registration, or a federated credential, which does not expire.",
    ),
    700016: (
        "the tenant has no such app registration",
        "Check source.entra.tenant and source.entra.client_id, the Application (client) ID, in settings.yaml.",
    ),
    90002: (
        "there is no such tenant",
        "Check source.entra.tenant and source.entra.cloud in settings.yaml.",
    ),
    53003: (
        "a Conditional Access policy blocks the app",
        "An administrator must exclude the app from the policy, or allow this machine's addresses in it.",
    ),
}
_SHOWN = (("issuer", "iss"), ("subject", "sub"), ("audience", "aud"))
_REGISTER = (
    "The federated credential must have exactly these, letter by letter: Microsoft Entra admin center > App"
    " registrations > the app > Certificates & secrets > Federated credentials."
)
_OTHER_FORM = (
    "GitHub sends the form with ids for repositories that were created or renamed since 2026-07-15, and the other form"
    " for older ones. The same subject in the other form is"
)
_CODE = re.compile(r"AADSTS([0-9]{4,8})\b")
_MAX_CODE = 99_999_999


def explain_token_refusal(body: Mapping[str, Any], credential: str, presented: str, said: str) -> SourceError:
    """Explain an error of the token endpoint. `presented`: the assertion, "" for a secret. `said`: its words."""
    code = find_code(body)
    why, next_step = _MESSAGES.get(code) or (said, "Check source.entra in settings.yaml and the app registration.")
    lines = [next_step] if next_step else []
    if code in _FEDERATED:
        lines += describe_presented(presented)
    lines += [f"{name} {escape_control(shorten(value, 80))}" for name, value in _list_ids(body)]
    named = f" (AADSTS{code})" if code else ""
    return SourceError(f"Microsoft Entra ID refuses {credential}{named}: {why}", "\n".join(lines))


def find_code(body: Mapping[str, Any]) -> int:
    """Return the AADSTS number of an error; 0 without one."""
    codes, description = body.get("error_codes"), body.get("error_description")
    listed = codes[0] if isinstance(codes, list) and codes else None
    if isinstance(listed, int) and 0 < listed <= _MAX_CODE:
        return listed
    found = _CODE.search(description[:1000]) if isinstance(description, str) else None
    return int(found.group(1)) if found else 0


def _list_ids(body: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the ids that Microsoft's support asks for."""
    found = [(name, body.get(name)) for name in ("trace_id", "correlation_id")]
    return [(name, value) for name, value in found if isinstance(value, str) and value]


def describe_presented(assertion: str) -> list[str]:
    """Return lines that say what an assertion presents, unverified, and how to register it."""
    claims = read_claims(assertion)
    if claims is None:
        return ["The assertion is no JWT: check where it comes from."]
    lines = ["The assertion presents"]
    lines += [f"  {name:<9} {_show(claims.get(key))}" for name, key in _SHOWN]
    lines.append(_REGISTER)
    other = find_other_subject(claims)
    return [*lines, _OTHER_FORM, f"  {_show(other)}"] if other else lines


def _show(value: object) -> str:
    shown = value if isinstance(value, str) else "(none)" if value is None else repr(value)
    return escape_control(shorten(shown, 400))


def find_other_subject(claims: Mapping[str, Any]) -> str:
    """Return the subject of GitHub's assertion in GitHub's other form; "" if it is not GitHub's.

    `repo:OWNER/REPO:…` and, with ids that never change, `repo:OWNER@OWNERID/REPO@REPOID:…`:
    https://docs.github.com/actions/reference/security/oidc
    """
    names = ("sub", "repository", "repository_owner", "repository_id", "repository_owner_id")
    subject, repository, owner, repository_id, owner_id = (_text(claims, name) for name in names)
    kind, _, rest = subject.partition(":")
    presented, colon, context = rest.partition(":")
    name = repository.removeprefix(f"{owner}/")
    if kind != "repo" or not (colon and owner and owner_id and repository_id) or name == repository:
        return ""
    forms = {f"{owner}/{name}", f"{owner}@{owner_id}/{name}@{repository_id}"}
    if presented not in forms:
        return ""
    (other,) = forms - {presented}
    return f"repo:{other}:{context}"


def _text(claims: Mapping[str, Any], name: str) -> str:
    found = claims.get(name)
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
