"""The libraries of the cluster engine are an extra, imported by the commands of the queue only."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from reconciler.errors import FleetError

_INSTALL = "pip install --require-hashes -r requirements/cluster.lock"
"""From a lock, never by a name that anyone could register on an index."""
_LIBRARIES = ("procrastinate", "psycopg", "psycopg_pool", "psycopg_binary")


def import_cluster(name: str) -> ModuleType:
    """Return the module of this package that needs the extra. Raises `FleetError` if the extra is not installed."""
    try:
        for library in _LIBRARIES:
            import_module(library)
    except ImportError as exc:
        raise FleetError(
            "the queue of a fleet needs a library that is not installed", f"Install it: {_INSTALL}"
        ) from exc
    return import_module(f"reconciler.session.fleet.{name}")
