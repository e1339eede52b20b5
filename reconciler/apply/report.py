"""What an apply did, as its caller gets it."""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.core.plan import Action, Outcome, Result
from reconciler.errors import TargetError
from reconciler.record.runs import Quarantine


@dataclass(slots=True)
class Report:
    """What happened. `stopped`: the service refused every request; `interrupted`: the user pressed Ctrl-C.

    `quarantine`: why the run stopped itself; also set if `stopped` is.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    stopped: TargetError | None = None
    quarantine: Quarantine | None = None
    left: int = 0
    """Changes that were not begun."""
    interrupted: bool = False
    timed_out: str = ""
    """If `interrupted`: which time limit the run reached (`TimeLimit.exceeded`); "" for the user's Ctrl-C."""

    def count(self, result: Result, *actions: Action) -> int:
        """Count the outcomes with this result, of these actions (none given: of all)."""
        return sum(item.result is result and (not actions or item.change.action in actions) for item in self.outcomes)
