"""Cycles of renames: begin one only if it can be finished, and leave no user with a temporary name.

One member of a cycle gets a temporary name, which frees its own for the next, and so on around. If the rest cannot go
on, every member that was renamed goes back to its name, in the reverse order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.apply.change import ChangeExecutor
from reconciler.core.plan import Change, Outcome, Result
from reconciler.core.text import quote
from reconciler.errors import ScimError, StopRequestedError, TargetError


@dataclass(frozen=True, slots=True)
class RenameCycle:
    """The first member gets a temporary name. Each waits for the next one, and the last one for the first."""

    members: tuple[Change, ...]

    @property
    def first(self) -> Change:
        """The member with a temporary name."""
        return self.members[0]


def find_cycles(changes: Iterable[Change]) -> list[RenameCycle]:
    """Return the cycles of renames among `changes`."""
    by_address = {change.address: change for change in changes}
    return [
        RenameCycle(tuple(_follow(change, by_address)))
        for change in by_address.values()
        if change.temporary_user_name is not None
    ]


def _follow(first: Change, by_address: dict[str, Change]) -> list[Change]:
    members = [first]
    # What it waits for comes first in `requires`. A member that is in effect already is not among the changes.
    while members[-1].requires and members[-1].requires[0] in by_address:
        following = by_address[members[-1].requires[0]]
        if following.address == first.address:
            break
        members.append(following)
    return members


class CycleUndo:
    """Renames the members of a cycle back that cannot be finished."""

    def __init__(self, executor: ChangeExecutor) -> None:
        self._executor = executor

    def undo(self, cycle: RenameCycle, attempted: Callable[[Change], bool], why: Outcome) -> list[Outcome]:
        """Undo the cycle, whose first member has its temporary name; record and return the outcomes of its members.

        `why`: the outcome of the first member so far. Raises `StopRequestedError` as `ChangeExecutor.apply`.
        """
        outcomes: list[Outcome] = []
        steps = [change for change in cycle.members[1:] if attempted(change)]
        for change in [*steps, cycle.first]:
            present = change.temporary_user_name if change is cycle.first else change.after.get("userName")
            try:
                found = self._executor.restore_user_name(change, str(present), _original_name(change))
            except (ScimError, TargetError) as exc:
                return [*outcomes, self._executor.record(_describe_stuck(why, exc.summary))]
            if found is not None and found.result is not Result.DONE:
                return [*outcomes, self._executor.record(_describe_stuck(why, found.message))]
            if change is cycle.first:
                outcomes.append(self._executor.record(_describe_undone(why)) if found is not None else why)
            elif found is not None:
                outcomes.append(self._executor.record(_describe_renamed_back(change, cycle.first)))
        return outcomes


def _original_name(change: Change) -> str:
    return str(change.before.get("userName"))


def _describe_undone(why: Outcome) -> Outcome:
    return replace(why, message=f"{why.message}; its user name {quote(_original_name(why.change))} was restored")


def _describe_stuck(why: Outcome, reason: str) -> Outcome:
    name = quote(why.change.temporary_user_name or "")
    message = f"{why.message}; it now has the temporary user name {name}, which could not be undone: {reason}"
    return replace(why, message=f"{message}. The next plan repairs it")


def _describe_renamed_back(change: Change, first: Change) -> Outcome:
    message = (
        f"its user name {quote(_original_name(change))} was restored, because {first.address} could not be renamed"
    )
    return Outcome(change, Result.SKIPPED, message)


def finish_despite_stop(work: Callable[[], Sequence[Outcome]], clear_stop: Callable[[], None]) -> Sequence[Outcome]:
    """Run `work`, which can be repeated, to its end although the run is to end. A second interrupt ends the process."""
    clear_stop()
    try:
        return work()
    except StopRequestedError:
        # The first interrupt came only now.
        clear_stop()
        return work()
