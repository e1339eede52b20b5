from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from reconciler.core.plan import Population
from reconciler.history.outcomes import find_merge_points
from reconciler.history.unapplied import (
    UnappliedCommit,
    UnappliedCommits,
    find_last_complete,
    find_last_incremental,
    find_later_apply,
)
from reconciler.record.runs import ApplyRun, SettledPlan

DAY = datetime(2026, 12, 1, 8, tzinfo=UTC)


def applied(commit: str | None = "a" * 40, *, whole: bool = True, **fields: Any) -> ApplyRun:
    """A complete apply, but for `fields`."""
    return ApplyRun("x", "sha256:0", commit, DAY, whole, **{"how": "complete", **fields})


@pytest.mark.parametrize(
    "last",
    [applied(how=""), applied(how="interrupted"), applied(how="quarantined"), applied(left=1), applied(whole=False)],
)
def test_the_last_complete_apply_is_of_all_users_and_reached_its_end(last: ApplyRun) -> None:
    complete = applied()
    assert find_last_complete([applied(), complete, last]) is complete
    assert find_last_complete([last]) is None


SETTLED = SettledPlan(DAY, "0.1.0", Population(3, 3, 3, DAY))


def test_an_incremental_apply_since_the_last_complete_one_is_found() -> None:
    incremental = applied(whole=False, settled=SETTLED)
    of_some = applied(whole=False)
    assert find_last_incremental([applied(), incremental, of_some]) is incremental
    assert find_last_incremental([incremental, applied()]) is None
    for run in (of_some, applied(whole=False, settled=SETTLED, left=1), applied(settled=SETTLED)):
        assert find_last_incremental([applied(), run]) is None
    assert find_last_incremental([]) is None


def test_a_commit_is_shown_with_its_pull_request_if_it_names_one() -> None:
    assert str(UnappliedCommit("b" * 40, DAY, "7")) == "bbbbbbbbbbbb (#7), 2026-12-01 08:00 UTC"
    assert str(UnappliedCommit("b" * 40, DAY, None)) == "bbbbbbbbbbbb, 2026-12-01 08:00 UTC"


def test_commits_that_are_not_listed_are_counted() -> None:
    found = UnappliedCommits(applied(), (UnappliedCommit("b" * 40, DAY, None),), more=3)
    assert (found.count, found.since) == (4, "aaaaaaaaaaaa, applied 2026-12-01 08:00 UTC")


POINTS = find_merge_points({"c": ("b", "t"), "b": ("a",), "t": ("a",), "a": ()}, "c")


@pytest.mark.parametrize(("commit", "later"), [("a", True), ("b", True), ("c", False), ("t", False)])
def test_an_apply_of_a_commit_that_was_merged_later_is_found(commit: str, later: bool) -> None:
    run = applied("c")
    assert find_later_apply([run], POINTS, commit) is (run if later else None)


@pytest.mark.parametrize("run", [applied("x"), applied(None), applied("a"), applied("c", how="interrupted")])
def test_another_apply_is_not_later(run: ApplyRun) -> None:
    assert find_later_apply([run], POINTS, "a") is None


def test_an_interrupted_apply_that_sent_a_request_is_later() -> None:
    run = applied("b", how="interrupted", requests=1)
    assert find_later_apply([run], POINTS, "a") is run


def test_earlier_merges_are_those_of_other_pull_requests_than_the_newest() -> None:
    """Commits without a number, or with that of the newest, may have been pushed with it."""
    numbers = ("9", "9", None, "8", "7")
    found = UnappliedCommits(applied(), tuple(UnappliedCommit("b" * 40, DAY, number) for number in numbers))
    assert [each.pull_request for each in found.earlier_merges] == ["8", "7"]
    assert UnappliedCommits(applied()).earlier_merges == ()
