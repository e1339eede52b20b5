"""A clock for services that lag: the pauses of an apply move it, so that no test waits."""

from __future__ import annotations

from functools import partial
from threading import Lock

import pytest

from reconciler.session import execution


class LagClock:
    """Seconds since the test began. `slept`: the pauses of applies."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []
        self._lock = Lock()
        patch.setattr(execution, "Execution", partial(execution.Execution, sleep=self.sleep))

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        """Let time pass without waiting."""
        with self._lock:
            self.slept.append(seconds)
            self.seconds += seconds

    def pass_by(self, seconds: float) -> None:
        """Let time pass between two commands."""
        self.seconds += seconds
