"""When the credentials of the app registration end that reads from Microsoft Graph. Rows are untrusted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from reconciler.core.expiry import ConnectionCredential, CredentialKind, DateSource
from reconciler.errors import SourceError
from reconciler.sources.graph.client import encode_text
from reconciler.sources.graph.permissions import Permission
from reconciler.sources.graph.rows import GraphReader

SECRETS, CERTIFICATES = "passwordCredentials", "keyCredentials"
_MOST_CREDENTIALS = 1_000
"""Of one kind; an app has a few."""
_TIME = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d{1,7})?Z")


@dataclass(frozen=True, slots=True)
class _Listed:
    """One credential of the app. `hint`: the first characters of a secret."""

    ends: date
    hint: str


def read_credential_end(
    reader: GraphReader, client_id: str, today: date, *, secret_start: str = ""
) -> ConnectionCredential | None:
    """Return the credential that ends first of those that have not ended; the last one if all have, None if none is.

    `client_id`: of the app. `secret_start`: the first characters of the client secret in use. With it, certificates
    cannot be meant, and other secrets neither if Graph's hint tells which one it is. Raises `SourceError` if it cannot
    be read, as without `Application.Read.All`.
    """
    reader.require((Permission.APPLICATIONS,))
    kinds = (SECRETS,) if secret_start else (SECRETS, CERTIFICATES)
    found = reader.find(f"/applications(appId={encode_text(client_id)})?$select={SECRETS},{CERTIFICATES}")
    if found is None:
        return None
    listed = [each for kind in kinds for each in _read_kind(found.get(kind), kind)]
    hinted = [each for each in listed if secret_start and each.hint and secret_start.startswith(each.hint)]
    return _choose(hinted or listed, today)


def _choose(listed: list[_Listed], today: date) -> ConnectionCredential | None:
    if not listed:
        return None
    ends = sorted(each.ends for each in listed)
    chosen = next((each for each in ends if each >= today), ends[-1])
    return ConnectionCredential(
        CredentialKind.GRAPH_CREDENTIAL, chosen, source=DateSource.GRAPH, others=len(listed) - 1
    )


def _read_kind(rows: Any, kind: str) -> Iterator[_Listed]:
    """Yield the credentials that have an end. Raises `SourceError` for what is no list of credentials."""
    if rows is None:
        return
    if not isinstance(rows, list) or len(rows) > _MOST_CREDENTIALS:
        raise SourceError(f"Microsoft Graph does not answer with a list of {kind}")
    for row in rows:
        ends = row.get("endDateTime") if isinstance(row, dict) else None
        if ends is not None:
            hint = row.get("hint")
            yield _Listed(_parse_day(ends, kind), hint if isinstance(hint, str) else "")


def _parse_day(text: Any, kind: str) -> date:
    """Return the day in UTC. Raises `SourceError` if it is none."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    try:
        return datetime.fromisoformat(match[1]).replace(tzinfo=UTC).date() if match else _refuse(kind)
    except ValueError:
        return _refuse(kind)


def _refuse(kind: str) -> date:
    raise SourceError(f"Microsoft Graph lists {kind} with an endDateTime that is no time")
