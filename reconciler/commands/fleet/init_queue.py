"""`fleet init-queue`: make the tables of the queue, once, as a role that may."""

from __future__ import annotations

from reconciler.errors import ExitCode
from reconciler.session.fleet.cluster_extra import import_cluster
from reconciler.session.terminal import Terminal


def run_init_queue(terminal: Terminal) -> ExitCode:
    """Make what is missing; run again, it changes nothing."""
    new = import_cluster("cluster").init_queue()
    terminal.result("The queue is ready.\n" if new else "The queue was ready already.\n")
    return ExitCode.OK
