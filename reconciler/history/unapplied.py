"""Merges that were never applied: commits that changed the desired state after the last complete apply. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.history.outcomes import MergePoint
from reconciler.record.runs import ApplyRun


@dataclass(frozen=True, slots=True)
class UnappliedCommit:
    """A commit of the first-parent line that changed the desired state. `pull_request`: its number, if it names one."""

    id: str
    when: datetime
    pull_request: str | None

    def __str__(self) -> str:
        number = f" (#{self.pull_request})" if self.pull_request is not None else ""
        return f"{self.id[:12]}{number}, {self.when:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True)
class UnappliedCommits:
    """The commits after `last`, the last complete apply on record, newest first. `more`: how many are not listed.

    `why`: why they are not known; empty if they are. `incremental`: the last incremental apply since, if it made all of
    its changes: it may have applied these commits, but did not look at all users.
    """

    last: ApplyRun
    commits: tuple[UnappliedCommit, ...] = ()
    more: int = 0
    why: str = ""
    incremental: ApplyRun | None = None

    @property
    def count(self) -> int:
        """The number of commits."""
        return len(self.commits) + self.more

    @property
    def earlier_merges(self) -> tuple[UnappliedCommit, ...]:
        """The merges of pull requests before the newest commit. Other commits may be of the same push as the newest."""
        newest = self.commits[0].pull_request if self.commits else None
        return tuple(each for each in self.commits[1:] if each.pull_request not in (None, newest))

    @property
    def since(self) -> str:
        """The last complete apply, as text: `4f1c2a9be0d3, applied 2026-11-20 06:00 UTC`."""
        return f"{(self.last.commit or '')[:12]}, applied {self.last.began:%Y-%m-%d %H:%M} UTC"


def find_last_complete(runs: Sequence[ApplyRun]) -> ApplyRun | None:
    """Return the last apply of all users that reached its end. `runs`: oldest first.

    Users that failed in it are not its commit's: they keep being retried and reported by name.
    """
    return next((run for run in reversed(runs) if run.whole and run.complete), None)


def find_last_incremental(runs: Sequence[ApplyRun]) -> ApplyRun | None:
    """Return the last successful incremental apply after the last complete one. `runs`: oldest first."""
    for run in reversed(runs):
        if run.whole and run.complete:
            return None
        if not run.whole and run.settled is not None and run.successful:
            return run
    return None


def find_later_apply(runs: Sequence[ApplyRun], points: Mapping[str, MergePoint], commit: str) -> ApplyRun | None:
    """Return an apply that took effect and was of a commit merged after `commit`.

    `points`: where each commit of the branch was merged. Applies of other commits do not count: anyone who may write to
    the record can invent them.
    """
    own = points[commit].position
    later = (run for run in runs if run.took_effect and run.commit in points)
    return next((run for run in later if points[run.commit or ""].position > own), None)
