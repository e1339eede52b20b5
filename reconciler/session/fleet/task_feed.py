"""Tasks that are added while a run goes on: a queue's worker learns of them one by one. Any thread may add."""

from __future__ import annotations

import os
from collections import deque

from reconciler.session.fleet.task import TenantTask


class TaskFeed:
    """Tasks to come. `fileno`: readable when there are some, or no more will come."""

    def __init__(self) -> None:
        self._tasks: deque[TenantTask] = deque()
        self._reader, self._writer = os.pipe()
        self.is_open = True
        """Whether more tasks can come; set by the reader."""

    def fileno(self) -> int:
        """Return the file descriptor."""
        return self._reader

    def add(self, task: TenantTask) -> None:
        """Add a task."""
        self._tasks.append(task)
        os.write(self._writer, b".")

    def finish(self) -> None:
        """Say that no more will come."""
        os.write(self._writer, b"!")

    def take(self) -> list[TenantTask]:
        """Return the tasks that were added since, waiting for one or the end."""
        signs = os.read(self._reader, 4096)
        self.is_open = self.is_open and b"!" not in signs
        return [self._tasks.popleft() for _ in range(signs.count(b"."))]

    def close(self) -> None:
        """Close it."""
        os.close(self._reader)
        os.close(self._writer)
