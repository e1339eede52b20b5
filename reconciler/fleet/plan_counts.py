"""What a saved plan would do, as counts of users. The file can come from an artifact of another job: untrusted.

Only what is counted is read of it. What each change would do is not verified: an apply does that, by the plan's id.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec

from reconciler.core.plan import REMOVALS, Action, Attribution
from reconciler.errors import PlanFileError
from reconciler.record.files import read_beginning, read_file

_USUAL = 64 * 1024
"""Bytes of most plans: room for the largest one would be asked for each."""


class _Change(msgspec.Struct, gc=False):
    action: Action
    attribution: Attribution | None = None


class _Summary(msgspec.Struct, gc=False):
    unchanged: int
    unmanaged: int
    failed: int


class _Plan(msgspec.Struct):
    plan_id: str
    summary: _Summary
    resource_changes: list[_Change]
    drift: dict[str, msgspec.Raw] | None = None


_decoder = msgspec.json.Decoder(_Plan)


@dataclass(frozen=True, slots=True)
class CountedPlan:
    """The id that a plan states, and the counts of its users, without zeros, as a result has them."""

    plan_id: str
    counts: dict[str, int]


def count_saved_plan(path: Path) -> CountedPlan | None:
    """Count the changes of the plan in a file; None if there is none that can be read. A link is not followed."""
    content = read_beginning(path, _USUAL, follow_links=False)
    if content is not None and len(content) == _USUAL:
        try:
            content = read_file(path)
        except PlanFileError:
            return None
    return count_plan(content) if content is not None else None


def count_plan(content: bytes) -> CountedPlan | None:
    """Count the changes of a plan as JSON; None if it is none."""
    try:
        plan = _decoder.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    is_drift = plan.drift is not None
    actions = [change.action for change in plan.resource_changes if not (is_drift and _waits(change))]
    counts = {**Counter(action.value for action in actions), **msgspec.structs.asdict(plan.summary)}
    if is_drift:
        waiting = [change.action for change in plan.resource_changes if _waits(change)]
        counts |= {"not_applied": len(waiting), "removals_not_applied": sum(each in REMOVALS for each in waiting)}
    return CountedPlan(plan.plan_id, {name: count for name, count in counts.items() if count})


def _waits(change: _Change) -> bool:
    return change.attribution is Attribution.NOT_APPLIED
