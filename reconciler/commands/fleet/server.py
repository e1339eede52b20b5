"""The program that the processes of tenants are forked from: it imports what their verbs need, once for all of them."""

from __future__ import annotations

import gc

from reconciler.commands.fleet.tenant import run_task
from reconciler.session.fleet.fork_server import serve
from reconciler.session.fleet.task import TenantTask
from reconciler.session.fleet.warm_up import warm_up, warm_up_sandbox


def main(handle: int, parent: int) -> None:
    """Serve on the inherited socket `handle` for the process `parent`."""
    # As the command line does for each command.
    gc.set_threshold(100_000, 50, 100)
    warm_up()
    serve(handle, parent, run_task, prepare)


def prepare(task: TenantTask) -> None:
    """Import what a task needs and most do not, before the first process that needs it."""
    if task.sandbox:
        warm_up_sandbox()
