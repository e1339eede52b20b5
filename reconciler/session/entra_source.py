"""The Entra source of settings.yaml, and a client for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from reconciler.desired.directory import Directory
from reconciler.desired.source_settings import EntraSource
from reconciler.errors import SourceError
from reconciler.session.network import read_network
from reconciler.session.terminal import Terminal
from reconciler.session.waiting import WaitReport
from reconciler.sources.graph.client import GraphClient
from reconciler.sources.graph.credentials import open_entra
from reconciler.sources.graph.retry import REQUEST_SECONDS, Waiting


def find_entra_source(state: Path) -> EntraSource:
    """Return `source.entra` of a valid settings.yaml. Raises `SourceError` if there is none."""
    settings = Directory(state).read_settings()
    return require_entra_source(settings.value.source.entra if settings is not None else None)


def require_entra_source(source: EntraSource | None) -> EntraSource:
    """Return `source`. Raises `SourceError` if there is none."""
    if source is None:
        raise SourceError(
            "settings.yaml has no source.entra",
            "Add tenant and application under source.entra: docs/entra-import.md shows how.",
        )
    return source


def open_source(
    source: EntraSource,
    terminal: Terminal,
    environment: Mapping[str, str] = os.environ,
    *,
    seconds: float = REQUEST_SECONDS,
) -> AbstractContextManager[GraphClient]:
    """Open a client for Microsoft Graph with the credential of the environment; the terminal reports waits.

    `seconds`: for one request, with all its attempts and pauses.
    """
    waiting = Waiting(on_wait=WaitReport(terminal), network=read_network(environment), seconds=seconds)
    return open_entra(source.tenant, source.client_id, source.cloud, environment=environment, waiting=waiting)
