import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from support.builders import change, rename

from reconciler.apply import quarantine as module
from reconciler.apply.quarantine import ATTEMPTS, RETRIES, Health, assess, exceeded_limit, select_probe
from reconciler.core.plan import Action
from reconciler.core.policy import Limit, Policy
from reconciler.record.attempts import Attempt, LateAttempts
from reconciler.record.runs import ApplyRun, Quarantine, QuarantineReason

DAY = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
WHY = Quarantine(QuarantineReason.PROPORTION, "too many")


def attempt(who: str, result: str = "failed", digest: str = "d1", at: datetime = DAY, message: str = "no") -> Attempt:
    return Attempt(f'user["{who}"]', "update", digest, result, message, at)


def run(*attempts: Attempt, at: datetime = DAY, **fields: Any) -> ApplyRun:
    settled = {"how": "complete", "ended": at, "whole": True, **fields}
    return ApplyRun("x", "sha256:x", None, at, attempts=tuple(replace(item, time=at) for item in attempts), **settled)


def after(runs: Iterable[ApplyRun]) -> Health:
    return assess(runs)


def failing_users(health: Health) -> dict[str, int]:
    return {address: failing.count for address, failing in health.failing_users.items()}


ADA, BOB = 'user["ada"]', 'user["bob"]'


# --- where to begin ------------------------------------------------------------------------------


def random_run(chance: random.Random, number: int) -> ApplyRun:
    results = chance.choices(("done", "failed", "skipped"), (8, 1, 1), k=chance.randrange(4))
    return run(
        *(attempt(chance.choice(("ada", "bob")), result) for result in results),
        at=DAY + number * HOUR,
        whole=chance.random() < 0.7,
        how=chance.choices(("complete", "interrupted", ""), (6, 1, 1))[0],
        left=chance.choices((0, 1), (6, 1))[0],
        quarantine=WHY if chance.random() < 0.2 else None,
    )


def test_applies_before_the_last_clean_one_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(7)  # noqa: S311
    histories = [[random_run(chance, number) for number in range(chance.randrange(9))] for _ in range(2_000)]
    found = list(map(after, histories))
    assert sum(health.quarantine is not None and bool(health.failing_users) for health in found) > 20
    monkeypatch.setattr(module, "_find_last_clean", lambda _: 0)
    assert found == list(map(after, histories))


def test_attempts_before_the_last_clean_apply_are_not_looked_at() -> None:
    def fail() -> tuple[Attempt, ...]:
        raise AssertionError

    before = replace(run(), attempts=LateAttempts(1, DAY, fail))
    assert after([before, run(attempt("ada", "done"))]).runs == 2


# --- users that keep failing ---------------------------------------------------------------------


@pytest.mark.parametrize("result", ["failed", "not_in_effect", "unknown"])
def test_each_failure_of_the_same_change_is_tried_later_than_the_one_before(result: str) -> None:
    runs = [run(attempt("ada", result), at=DAY + day * timedelta(days=1)) for day in range(6)]
    waits = []
    for count in range(1, 7):
        failing = after(runs[:count]).failing_users[ADA]
        assert (failing.count, failing.first) == (count, DAY)
        waits.append(failing.next_attempt - failing.last)
    assert waits == [0 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 24 * HOUR, 24 * HOUR]
    assert list(RETRIES) == waits[:4]


def test_another_change_of_the_same_user_starts_over() -> None:
    health = after([run(attempt("ada")), run(attempt("ada")), run(attempt("ada", digest="d2"), at=DAY + HOUR)])
    assert failing_users(health) == {ADA: 1}
    assert health.failing_users[ADA].first == DAY + HOUR


def test_a_rename_that_failed_and_was_undone_failed_once() -> None:
    assert failing_users(after([run(attempt("ada"), attempt("bob", "done"), attempt("ada"))])) == {ADA: 1}
    # One that was done, and undone because of another user, did not fail, and is not done.
    undone = [run(attempt("bob")), run(attempt("bob", "done"), attempt("ada"), attempt("bob", "skipped"))]
    assert failing_users(after(undone)) == {ADA: 1, BOB: 1}


def test_what_works_at_last_is_forgotten() -> None:
    assert failing_users(after([run(attempt("ada"), attempt("bob")), run(attempt("ada", "done"))])) == {}
    kept = after([run(attempt("ada"), attempt("bob")), run(attempt("ada", "done"), attempt("bob", "skipped"))])
    assert failing_users(kept) == {BOB: 1}


@pytest.mark.parametrize(
    "later",
    [
        run(attempt("bob", "done"), whole=False),
        run(attempt("bob", "done"), how="interrupted"),
        run(attempt("bob", "done"), how=""),
        run(attempt("bob", "done"), left=1),
    ],
)
def test_only_a_run_over_all_users_forgets_changes_that_are_no_longer_needed(later: ApplyRun) -> None:
    assert failing_users(after([run(attempt("ada")), later])) == {ADA: 1}
    assert failing_users(after([run(attempt("ada")), run(attempt("bob", "done"))])) == {}
    assert failing_users(after([run(attempt("ada")), run()])) == {}


def test_in_a_run_that_stopped_itself_it_was_the_service_that_failed() -> None:
    stopped = run(attempt("ada"), attempt("bob", "done"), quarantine=WHY, how="quarantined")
    assert failing_users(after([stopped])) == {}
    assert failing_users(after([run(attempt("bob")), stopped])) == {}


# --- quarantine ------------------------------------------------------------------------------------


def test_runs_that_stop_themselves_are_counted_and_the_next_attempt_moves_away() -> None:
    runs = [run(at=DAY + count * 30 * HOUR, quarantine=WHY, how="quarantined") for count in range(6)]
    waits = []
    for count in range(1, 7):
        standing = after(runs[:count]).quarantine
        assert standing is not None
        assert (standing.count, standing.began, standing.why) == (count, DAY, WHY)
        waits.append(standing.next_attempt - standing.last)
    assert waits == [HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 24 * HOUR, 24 * HOUR]
    assert list(ATTEMPTS) == waits[:4]


@pytest.mark.parametrize(
    ("later", "lifted"),
    [
        (run(attempt("ada", "done")), True),
        (run(attempt("ada", "done"), whole=False), True),
        (run(), True),
        (run(whole=False), False),
        (run(attempt("ada", "failed")), False),
        (run(attempt("ada", "skipped")), False),
        (run(attempt("ada", "done"), how="interrupted"), False),
        (run(attempt("ada", "done"), how="", ended=None), False),
    ],
)
def test_a_quarantine_is_lifted_by_a_run_that_worked_to_its_end(later: ApplyRun, lifted: bool) -> None:
    health = after([run(quarantine=WHY, how="quarantined"), later])
    assert (health.quarantine is None) == lifted


def test_a_crash_after_the_brakes_were_pulled_leaves_the_quarantine() -> None:
    assert after([run(quarantine=WHY, how="", ended=None)]).quarantine is not None


@pytest.mark.parametrize(
    ("runs", "healthy"),
    [
        ([], True),
        ([run(attempt("ada", "done"))], True),
        ([run()], True),
        ([run(attempt("ada", "failed"))], False),
        ([run(attempt("ada", "skipped"))], False),
        ([run(attempt("ada", "done"), left=1)], False),
        ([run(attempt("ada", "done"), how="interrupted")], False),
        ([run(attempt("ada", "done"), how="", ended=None)], False),
        ([run(attempt("ada", "failed")), run(attempt("ada", "done"))], True),
        ([run(attempt("ada")), run(attempt("bob", "done"), whole=False)], False),
        ([run(quarantine=WHY, how="quarantined"), run(whole=False)], False),
    ],
)
def test_healthy_means_that_no_action_is_needed(runs: list[ApplyRun], healthy: bool) -> None:
    assert after(runs).healthy == healthy


def test_the_last_success_is_kept() -> None:
    good, bad = run(attempt("ada", "done")), run(attempt("ada"), at=DAY + HOUR)
    health = after([good, bad])
    assert (health.runs, health.last, health.last_success) == (2, bad, good)


# --- the brakes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "failed", "attempted", "reason"),
    [
        (Policy().failures, 10, 10, None),
        (Policy().failures, 11, 11, QuarantineReason.PROPORTION),
        (Policy().failures, 12, 30, None),
        (Policy().failures, 13, 30, QuarantineReason.PROPORTION),
        (Policy().failures, 4000, 10_000, None),
        (Limit(None, 40, 0), 2, 5, None),
        (Limit(None, 40, 0), 3, 5, QuarantineReason.PROPORTION),
        (Limit(5, None), 5, 5, None),
        (Limit(5, None), 6, 1000, QuarantineReason.TOTAL),
        (Limit(None, None), 1000, 1000, None),
        (Limit(None, 0, 0), 1, 1000, QuarantineReason.PROPORTION),
        (Limit(None, 0, 0), 0, 0, None),
    ],
)
def test_when_too_many_fail(limit: Limit, failed: int, attempted: int, reason: QuarantineReason | None) -> None:
    found = exceeded_limit(limit, failed, attempted)
    assert (found.reason if found else None) == reason


def test_it_says_its_numbers() -> None:
    found = exceeded_limit(Policy().failures, 11, 20)
    assert found is not None
    assert found.message == "11 of 20 attempted changes failed, more than 40 % (guards.failures.percent)"
    found = exceeded_limit(Limit(5), 6, 20)
    assert found is not None
    assert found.message == "6 of 20 attempted changes failed, more than 5 (guards.failures.count)"


def test_a_probe_removes_no_user_and_prefers_users_that_never_failed() -> None:
    changes = [
        *(change(f"gone{number}", Action.DEACTIVATE) for number in range(9)),
        *(change(f"u{number}") for number in range(7)),
        rename("swap", "swop", temporary_user_name="x@example.com"),
        change("waits", requires=('user["u1@example.com"]',)),
    ]
    failed = {f'user["u{number}@example.com"]' for number in (0, 1, 2)}
    chosen = select_probe(changes, failed)
    assert chosen == {f'user["u{number}@example.com"]' for number in (3, 4, 5, 6, 0)}
    assert all("gone" in address for address in select_probe(changes[:9], ()))
    assert select_probe([], ()) == frozenset()


def test_a_trial_is_spread_over_the_plan() -> None:
    chosen = select_probe([change(f"u{number:02}") for number in range(52)], {'user["u00@example.com"]'})
    assert chosen == {f'user["u{number:02}@example.com"]' for number in (1, 11, 21, 31, 41)}


def test_who_failed_in_a_run_that_ended_in_quarantine_may_be_its_reason_until_it_is_over() -> None:
    bad = run(attempt("ada"), attempt("bob"), attempt("eve", "done"), how="quarantined", quarantine=WHY)
    assert after([bad]).failed_before == {ADA, BOB}
    healing = run(attempt("ada", "done"), how="interrupted")
    assert after([bad, healing]).failed_before == {BOB}
    assert after([bad, run(attempt("eve", "done"))]).failed_before == frozenset()


# --- leaving out -----------------------------------------------------------------------------------
