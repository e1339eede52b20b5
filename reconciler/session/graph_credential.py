"""When the credential for Microsoft Graph ends: read from Graph where that is permitted, else as declared."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import date

from reconciler.core.expiry import (
    ConnectionCredential,
    CredentialKind,
    assess_credentials,
)
from reconciler.core.refused_credentials import find_credential
from reconciler.desired.source_settings import EntraSource
from reconciler.errors import SourceError
from reconciler.session.terminal import Terminal
from reconciler.sources.graph.assertions import REQUEST_TOKEN, REQUEST_URL, TOKEN_FILE
from reconciler.sources.graph.credential_dates import read_credential_end
from reconciler.sources.graph.credentials import CLIENT_ID, CLIENT_SECRET, READY_TOKEN
from reconciler.sources.graph.rows import GraphReader

_HINT = 3
"""Characters of a secret that Graph tells."""


def never_expires(environment: Mapping[str, str] = os.environ) -> str:
    """Return the name of the credential in use if it is a federated one, which has no end; "" if it is another."""
    if environment.get(READY_TOKEN, "").strip() or environment.get(CLIENT_SECRET, "").strip():
        return ""
    if environment.get(REQUEST_URL, "").strip() and environment.get(REQUEST_TOKEN, "").strip():
        return "GitHub's OIDC token"
    return f"the token in {TOKEN_FILE}" if environment.get(TOKEN_FILE, "").strip() else ""


def read_graph_credential(
    reader: GraphReader, source: EntraSource, today: date, environment: Mapping[str, str] = os.environ
) -> ConnectionCredential | None:
    """Return the app's credential with its end, by Graph; None if it has none, or the app is not known.

    Raises `SourceError` if it cannot be read.
    """
    client_id = source.client_id or environment.get(CLIENT_ID, "").strip()
    if not client_id:
        return None
    start = "" if environment.get(READY_TOKEN, "").strip() else environment.get(CLIENT_SECRET, "").strip()[:_HINT]
    return read_credential_end(reader, client_id, today, secret_start=start)


def note_expiry(
    reader: GraphReader,
    source: EntraSource,
    declared: Sequence[ConnectionCredential],
    today: date,
    terminal: Terminal,
    *,
    environment: Mapping[str, str] = os.environ,
) -> None:
    """Note in one line that the credential that an import reads with ends soon, if it does.

    What cannot be read decides nothing: then the declared date counts.
    """
    if never_expires(environment):
        return
    try:
        found = read_graph_credential(reader, source, today, environment)
    except SourceError:
        found = None
    credential = found or find_credential(declared, CredentialKind.GRAPH_CREDENTIAL)
    for each in assess_credentials([credential], today) if credential is not None else ():
        terminal.note(f"{each.message[0].upper()}{each.message[1:]}. {each.way_out}")
