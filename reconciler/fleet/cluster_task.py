"""What the queue of a cluster says about one tenant: names and digests, never a token, a command, a path or a user.

A row of the queue can be written by others than `fleet submit`: it is read strictly, and anything else is refused.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from reconciler.core.tenant_names import is_tenant_name
from reconciler.core.text import quote, shorten
from reconciler.errors import FleetError
from reconciler.fleet.result import VERBS

TASK_NAME = "reconciler.tenant"
MAX_TASK_BYTES = 1024
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_PLAN_ID = re.compile(r"sha256:[0-9a-f]{64}")
_SUBMISSION = re.compile(r"[0-9a-f]{16}-[0-9]{1,5}")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,99}")
_CHECKS: Mapping[str, Callable[[str], object]] = {
    "tenant": is_tenant_name,
    "verb": VERBS.__contains__,
    "commit": _COMMIT.fullmatch,
    "run": _RUN.fullmatch,
    "plan_id": _PLAN_ID.fullmatch,
    "submission": _SUBMISSION.fullmatch,
}
_REFUSED = "It was not queued by fleet submit of this version. Nothing was run: find out who wrote it."


@dataclass(frozen=True, slots=True)
class ClusterTask:
    """One verb for one tenant at one commit. `run`: whose result it is; `plan_id`: the reviewed plan of an apply.

    `submission`: the tasks that were queued together; None: a person queued this one again.
    """

    tenant: str
    verb: str
    commit: str
    run: str
    plan_id: str | None = None
    submission: str | None = None


def to_arguments(task: ClusterTask) -> dict[str, Any]:
    """Return the task as it is queued."""
    return asdict(task)


def read_task(arguments: Mapping[str, Any]) -> ClusterTask:
    """Return the task of a row. Raises `FleetError` for anything that `to_arguments` does not write."""
    if arguments.keys() != _CHECKS.keys():
        raise FleetError("the task has other fields", _REFUSED)
    for name in _CHECKS:
        if not _is_valid(name, arguments[name]):
            raise FleetError(f"the task has an invalid {name}: {_show(arguments[name])}", _REFUSED)
    return ClusterTask(**arguments)


def _is_valid(name: str, value: object) -> bool:
    if name in ("plan_id", "submission") and value is None:
        return True
    return isinstance(value, str) and bool(_CHECKS[name](value))


def name_submission(tasks: int) -> str:
    """Return a new name for so many tasks that are queued together."""
    return f"{secrets.token_hex(8)}-{tasks}"


def count_submission(submission: str) -> int:
    """Return how many tasks were queued together."""
    return int(submission.rpartition("-")[2])


def _show(value: object) -> str:
    return quote(shorten(value, 60)) if isinstance(value, str) else f"a {type(value).__name__}"


def check_queue(queue: str) -> str:
    """Return the name of a queue. Raises `FleetError` if `queue` cannot be one."""
    if not is_tenant_name(queue):
        raise FleetError(
            f"{quote(shorten(queue, 60))} cannot name a queue", "Use lowercase letters, digits and hyphens, at most 40."
        )
    return queue


def build_queue_name(queue: str, commit: str) -> str:
    """Return the queue of one commit in the database: a worker at another commit never sees its tasks.

    Postgres' channels have names of at most 63 bytes, of which procrastinate uses 23.
    """
    return f"reconciler-{hashlib.sha256(f'{check_queue(queue)}@{commit}'.encode()).hexdigest()[:24]}"


def build_lock(queue: str, tenant: str) -> str:
    """Return the lock of a tenant, whatever the commit: one job of it runs at a time, and at most one more waits."""
    return f"{build_lock_prefix(queue)}{tenant}"


def build_lock_prefix(queue: str) -> str:
    """Return what the locks of all tenants of a queue begin with, and of no other."""
    return f"reconciler:{check_queue(queue)}/"
