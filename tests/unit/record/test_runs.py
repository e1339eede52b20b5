"""One apply: what its receipt and its plan say together."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.core.plan import Result
from reconciler.record.attempts import Attempt
from reconciler.record.runs import (
    AppliedChange,
    ApplyRun,
    Planned,
    PlanSummary,
    Quarantine,
    account_keys,
    find_commit_before,
    join_plan,
    place_quarantines,
)
from reconciler.record.timestamps import LONG_AGO

DAY = datetime(2026, 3, 1, tzinfo=UTC)
ADA, BOB = 'user["ada"]', 'user["bob"]'


def planned(address: str = ADA, **fields: Any) -> AppliedChange:
    return AppliedChange(
        address, "update", "attributes_differ", "", f"live-{address}", {"title": "a"}, {"title": "b"}, **fields
    )


def attempt(address: str = ADA, result: str = "done", live_id: str | None = None) -> Attempt:
    return Attempt(address, "update", "sha256:c", result, "said", DAY, live_id)


def run(*attempts: Attempt, **fields: Any) -> ApplyRun:
    settled = {"record": "r", "plan_id": "sha256:x", "commit": None, "began": DAY, "whole": True, "how": "complete"}
    return ApplyRun(**{**settled, **fields}, attempts=attempts)


SUMMARY = PlanSummary(
    commit="a" * 40,
    changes={ADA: planned(), BOB: planned(BOB)},
    planned=Planned({key: each for each in (planned(), planned(BOB)) for key in each.keys}, "sha256:d", "1", DAY, 0),
)


def test_an_account_is_found_by_address_external_id_and_live_id() -> None:
    assert account_keys('user["Ada"]', "ID-1", "L1") == {ADA, "id:id-1", "live:L1"}
    assert account_keys(ADA, None, None) == {ADA}


# --- times that were changed ---


RECORD = "2026-03-01-0123456789ab"
WHY = Quarantine("r", "m")
END = DAY + timedelta(days=1, microseconds=-1)
LATER = DAY + timedelta(days=3)


@pytest.mark.parametrize("began", [LONG_AGO, DAY - timedelta(days=9_000)])
def test_a_changed_time_does_not_put_a_quarantine_before_its_day(began: datetime) -> None:
    failed = run(attempt(result="failed"), record=RECORD, began=began, ended=began, quarantine=WHY)
    before, after = (run(attempt(), began=DAY + timedelta(days=days)) for days in (-1, 2))
    placed = place_quarantines([failed, before, after], LATER)
    assert [(each.began, each.failed) for each in placed] == [(before.began, 0), (END, 1), (after.began, 0)]
    assert place_quarantines([replace(failed, ended=None)], LATER)[0].ended is None


@pytest.mark.parametrize(
    "fields",
    [
        {"began": DAY},
        {"began": DAY - timedelta(minutes=5)},
        {"began": DAY + timedelta(days=2)},
        {"record": "renamed", "began": LONG_AGO},
        {"record": "2046-03-01-0123456789ab", "began": LONG_AGO},
        {"began": LONG_AGO, "quarantine": None},
    ],
)
def test_other_applies_are_where_their_times_say(fields: dict[str, Any]) -> None:
    made = run(attempt(result="failed"), **{"record": RECORD, "quarantine": WHY, **fields})
    assert place_quarantines([made], LATER) == [made]


# --- with the plan ---------------------------------------------------------------------


def test_attempts_are_joined_to_the_changes_of_the_plan() -> None:
    joined = join_plan(run(attempt(result="failed")), SUMMARY)
    found = joined.find({ADA})
    assert found == planned(result="failed", message="said", time=DAY)
    assert joined.find({f"live:live-{ADA}"}) is found
    assert joined.find({BOB}) is None


def test_what_the_receipt_says_goes_before_what_the_plan_says() -> None:
    assert join_plan(run(), SUMMARY).commit == "a" * 40
    joined = join_plan(run(attempt(live_id="L2"), commit="b" * 40, config_digest="sha256:e"), SUMMARY)
    assert joined.commit == "b" * 40
    assert joined.planned is not None
    assert joined.planned.digest == "sha256:e"
    assert SUMMARY.planned is not None
    assert SUMMARY.planned.digest == "sha256:d"
    found = joined.find({"live:L2"})
    assert found is not None
    assert found.live_id == "L2"


def test_an_attempt_that_the_plan_does_not_have_still_counts() -> None:
    found = join_plan(run(attempt('user["eve"]')), SUMMARY).find({'user["eve"]'})
    assert found is not None
    assert (found.action, found.result, found.before, found.after) == ("update", "done", {}, {})


def test_without_a_plan_the_receipt_counts() -> None:
    joined = join_plan(run(attempt()), PlanSummary())
    assert (joined.commit, joined.planned, joined.unplannable) == (None, None, frozenset())
    assert joined.converged({ADA})


# --- how it ended ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "keys", "converged"),
    [
        ({}, {ADA}, True),
        ({}, {BOB}, False),
        ({}, {'user["eve"]'}, True),
        ({"whole": False}, {'user["eve"]'}, False),
        ({"how": "interrupted"}, {'user["eve"]'}, True),
        ({"how": "interrupted", "left": 1}, {BOB}, False),
        ({"how": ""}, {'user["eve"]'}, True),
    ],
)
def test_a_user_is_as_desired_if_its_change_was_done_or_none_was_planned(
    fields: dict[str, Any], keys: set[str], converged: bool
) -> None:
    joined = join_plan(run(attempt(), attempt(BOB, "failed"), **fields), SUMMARY)
    assert joined.converged(keys) == converged


def test_a_user_that_could_not_be_planned_is_not_as_desired() -> None:
    summary = PlanSummary(unplannable=frozenset({ADA}))
    assert not join_plan(run(attempt()), summary).converged({ADA})
    assert join_plan(run(attempt()), summary).converged({'user["eve"]'})


@pytest.mark.parametrize("how", ["interrupted", "quarantined", ""])
def test_an_apply_without_a_plan_says_nothing_about_others_unless_it_is_complete(how: str) -> None:
    assert not join_plan(run(attempt(), how=how), PlanSummary()).converged({BOB})
    assert not join_plan(run(attempt(), left=1), PlanSummary()).converged({BOB})
    assert join_plan(run(attempt()), PlanSummary()).converged({BOB})


@pytest.mark.parametrize(
    ("results", "fields", "successful"),
    [
        (["done"], {}, True),
        ([], {}, True),
        (["done", "skipped"], {}, False),
        (["done", "failed"], {}, False),
        (["done"], {"left": 1}, False),
        (["done"], {"how": "interrupted"}, False),
    ],
)
def test_an_apply_is_successful_if_everything_is_done(
    results: list[str], fields: dict[str, Any], successful: bool
) -> None:
    assert run(*(attempt(result=each) for each in results), **fields).successful == successful


def test_failures_are_counted() -> None:
    found = run(*(attempt(result=each.value) for each in Result))
    assert (found.failed, found.count(Result.DONE, Result.SKIPPED)) == (3, 2)


# --- the commit before ------------------------------------------------------------------------


def test_the_commit_before_a_plan_is_that_of_the_last_apply_with_another() -> None:
    runs = [
        run(plan_id=f"sha256:{letter * 64}", commit=commit, began=DAY + timedelta(days=number))
        for number, (letter, commit) in enumerate([("0", "a"), ("1", "b"), ("2", None), ("3", "c"), ("4", "c")])
    ]
    assert find_commit_before(runs, "4" * 12) == ("c", "b")
    assert find_commit_before(runs, f"sha256:{'1' * 64}") == ("b", "a")
    assert find_commit_before(runs, "0" * 12) == ("a", None)
    assert find_commit_before(runs, "2" * 12) is None, "it has no commit"
    assert find_commit_before(runs, "5" * 12) is None
