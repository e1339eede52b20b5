"""How `FailureWatch` decides; test_executor.py has the runs that it stops."""

from __future__ import annotations

import pytest
from support.builders import change

from reconciler.apply.failure_watch import FailureWatch
from reconciler.apply.report import Report
from reconciler.core.plan import Action, Change, Outcome, Result
from reconciler.core.policy import Limit
from reconciler.errors import MachineLimitError, ScimError, TargetError
from reconciler.record.runs import Quarantine, QuarantineReason

FORBIDDEN = ScimError(403, "", "forbidden")


class Written(list[Quarantine]):
    """A record that keeps what is written."""

    quarantined = list.append


def watch(limit: Limit = Limit(percent=50, floor=2)) -> tuple[FailureWatch, Report, Written]:  # noqa: B008
    report, written = Report(), Written()
    return FailureWatch(report, written, limit), report, written


def one(name: str) -> Change:
    return change(name, Action.DELETE)


def forbid(found: FailureWatch, names: str) -> None:
    for name in names:
        found.begin(one(name))
        found.note_refusal(FORBIDDEN)
        found.count(Outcome(one(name), Result.FAILED))
        found.end(one(name))


def test_failures_within_the_limit_stop_nothing_and_the_first_beyond_it_is_recorded_once() -> None:
    found, report, written = watch()
    for name in "ab":
        found.count(Outcome(one(name), Result.FAILED))
    assert (report.quarantine, written) == (None, [])
    for name in "cd":
        found.count(Outcome(one(name), Result.FAILED))
    assert [report.quarantine] == written
    assert written[0].reason is QuarantineReason.PROPORTION


def test_a_change_that_was_not_begun_is_no_attempt() -> None:
    found, report, _ = watch()
    for name in "abcdef":
        found.count(Outcome(one(name), Result.SKIPPED))
    found.count(Outcome(one("g"), Result.DONE))
    assert report.quarantine is None


def test_what_turns_out_not_to_be_in_effect_is_a_failure() -> None:
    found, report, _ = watch()
    for name in "abcd":
        found.count(Outcome(one(name), Result.DONE))
    for _ in "ab":
        found.count_reversal()
    assert report.quarantine is None
    found.count_reversal()
    assert report.quarantine is not None


def test_the_third_user_that_is_forbidden_stops_the_run() -> None:
    found, report, written = watch(Limit(percent=100, floor=9))
    forbid(found, "ab")
    assert report.stopped is None
    forbid(found, "c")
    assert report.stopped is not None
    assert [item.reason for item in written] == [QuarantineReason.REFUSED]


@pytest.mark.parametrize("shown", [True, False])
def test_forbidden_users_do_not_stop_a_run_in_which_a_change_was_accepted(shown: bool) -> None:
    found, report, _ = watch(Limit(percent=100, floor=9))
    if shown:
        found.count(Outcome(one("z"), Result.DONE))
    else:
        found.note_accepted()
    forbid(found, "abcd")
    assert report.stopped is None


def test_a_target_that_refuses_is_in_quarantine_and_a_machine_without_resources_is_not() -> None:
    found, report, written = watch()
    report.stopped = MachineLimitError("no sockets are left")
    found.count(Outcome(one("a"), Result.FAILED))
    assert written == []
    found, report, written = watch()
    found.note_refusal(TargetError("the token was refused"))
    found.count(Outcome(one("a"), Result.FAILED))
    assert [item.reason for item in written] == [QuarantineReason.REFUSED]
