"""The error that ends a worker, without the libraries of the queue."""

from __future__ import annotations

from reconciler.errors import FleetError


class WorkerUnusableError(FleetError):
    """A worker can run no tenant at all: it takes no more, and those that wait stay in the queue. Exit code 1."""
