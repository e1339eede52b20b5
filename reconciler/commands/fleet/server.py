"""The program that the processes of tenants are forked from: it imports what their verbs need, once for all of them."""

from __future__ import annotations

import gc

from reconciler.commands.fleet.tenant import run_task
from reconciler.session.fleet.fork_server import serve


def main(handle: int, parent: int) -> None:
    """Serve on the inherited socket `handle` for the process `parent`."""
    # As the command line does for each command.
    gc.set_threshold(100_000, 50, 100)
    serve(handle, parent, run_task)
