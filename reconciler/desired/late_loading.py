"""Load the desired state, the users of a large one as rows: from what is kept, or by a worker meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

from reconciler.core.model import Diagnostic
from reconciler.desired.content import StateContent
from reconciler.desired.loader import BrokenState, DesiredState, prepare
from reconciler.desired.mapped_users import read_rows
from reconciler.desired.user_table import UserSink, UserTable
from reconciler.desired.users_cache import UsersCache
from reconciler.desired.worker import is_large, may_fork, start_worker
from reconciler.desired.worker_questions import Answer


def load_rows(
    root: Path, now: datetime, *, checked_out: bool = True, cache: UsersCache | None = None
) -> DesiredState | BrokenState:
    """Load the desired state in `root` as `loader.load` does; the users of a large one are rows, most of them kept.

    Without a cache no rows are kept, and packing them would gain nothing.
    """
    found = prepare(root, now, None, cache)
    if isinstance(found, BrokenState):
        return found
    if cache is None or not is_large(root / "users"):
        return found.load(checked_out=checked_out)
    users = UserTable()
    content = read_rows(found, users, checked_out=checked_out)
    return content if isinstance(content, BrokenState) else found.build(replace(content, users=users))


def load_later(
    root: Path,
    now: datetime,
    approval_date: date,
    *,
    cache: UsersCache | None = None,
    on_complete: Callable[[], None] = lambda: None,
    make_answer: Callable[[DesiredState], Answer] | None = None,
) -> DesiredState | BrokenState:
    """Load the desired state in `root` as `load` does; a worker reads the users of a large one, if that is safe.

    `on_complete`: called, from any thread, when a worker has read everything and nothing is broken. `make_answer`:
    called in a worker with the desired state without its users, returns what answers the questions to its content.
    """
    found = prepare(root, now, approval_date, cache)
    if isinstance(found, BrokenState):
        return found
    if may_fork() and not found.is_broken and is_large(root / "users"):

        def read(sink: UserSink) -> StateContent | tuple[Diagnostic, ...]:
            content = read_rows(found, sink)
            return content.diagnostics if isinstance(content, BrokenState) else content

        def prepare_answer() -> Answer:
            assert make_answer is not None  # noqa: S101 - it is not called otherwise
            return make_answer(found.build(StateContent((), (), "", {}, None)))

        with suppress(OSError):  # a machine that cannot start a process can perhaps read
            return found.build(start_worker(read, on_complete, prepare_answer if make_answer is not None else None))
    return found.load(checked_out=True)
