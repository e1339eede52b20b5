"""What a saved plan would do, as counts of users. The file can come from an artifact of another job: untrusted.

Only what is counted is read of it. What each change would do is not verified: an apply does that, by the plan's id.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from operator import and_, gt
from pathlib import Path

import msgspec

from reconciler.core.plan import REMOVALS, Action, Attribution
from reconciler.errors import PlanFileError
from reconciler.record.files import read_beginning, read_file

_USUAL = 64 * 1024
"""Bytes of most plans: room for the largest one would be asked for each."""

CountedChange = tuple[Action, Attribution | None, bool]
"""Of a change: its action, its attribution, and whether some of its attributes are pending."""


class _Change(msgspec.Struct, gc=False):
    action: Action
    attribution: Attribution | None = None
    pending_attributes: list[str] = []


class _CountedSummary(msgspec.Struct, gc=False):
    unchanged: int
    unmanaged: int
    failed: int


class _Plan(msgspec.Struct):
    plan_id: str
    summary: _CountedSummary
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
    changes = [(each.action, each.attribution, bool(each.pending_attributes)) for each in plan.resource_changes]
    counts = count_changes(changes, is_drift=plan.drift is not None) | msgspec.structs.asdict(plan.summary)
    return CountedPlan(plan.plan_id, {name: count for name, count in counts.items() if count})


def count_changes(changes: Sequence[CountedChange], *, is_drift: bool) -> dict[str, int]:
    """Return the counts of changes. Of drift, what only waits for an apply is counted apart."""
    waits = [is_drift and attribution is Attribution.NOT_APPLIED for _, attribution, _ in changes]
    counts = dict(Counter(each[0].value for each, waiting in zip(changes, waits, strict=True) if not waiting))
    if not is_drift:
        return counts
    removes = [action in REMOVALS for action, _, _ in changes]
    may_wait = [attribution is not Attribution.EDITED_IN_TARGET or pending for _, attribution, pending in changes]
    counts["not_applied"] = sum(waits)
    counts["removals_not_applied"] = sum(map(and_, waits, removes))
    counts["may_wait"] = sum(map(gt, may_wait, waits))  # of those that do not wait for certain
    return counts
