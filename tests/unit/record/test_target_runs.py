import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.builders import NOW, TARGET, change, plan_with, values_of

from reconciler.apply.quarantine import assess
from reconciler.core.model import Target
from reconciler.core.plan import Outcome, Plan, Result
from reconciler.core.plan_id import digest_change
from reconciler.errors import PlanFileError
from reconciler.record.receipt import Receipt
from reconciler.record.refusal import REFUSAL, clear_refusal, newer_refusal, read_refusal, save_refusal
from reconciler.record.runs import Quarantine
from reconciler.record.target_runs import moved_from, runs_of

ADA = change("ada", after=values_of("ada", family="King"))
PLAN = plan_with(ADA)
WHY = Quarantine("Because", "it failed")


def receipt(plans: Path, name: str, *, at: datetime = NOW, plan: Plan = PLAN, **options: Any) -> Receipt:
    return Receipt(plans / name, plan, lambda: at, **options)


def elsewhere(url: str) -> Plan:
    return replace(PLAN, target=Target(TARGET.profile, url))


def test_what_a_receipt_says_is_read_back(tmp_path: Path) -> None:
    written = receipt(tmp_path, "a", whole=False)
    written.started(ADA.address, ADA.action, "live-ada", [])
    written.finished(Outcome(ADA, Result.FAILED, "no"))
    written.quarantined(WHY)
    written.close({Result.FAILED: 1}, how="quarantined", left=7)
    (run,) = runs_of(tmp_path, TARGET)
    (attempt,) = run.attempts
    assert (run.plan_id, run.began, run.ended, run.whole) == (PLAN.plan_id, NOW, NOW, False)
    assert (run.how, run.left, run.quarantine) == ("quarantined", 7, WHY)
    assert (attempt.address, attempt.action, attempt.result) == (ADA.address, "update", "failed")
    assert (attempt.digest, attempt.message, attempt.time) == (digest_change(ADA), "no", NOW)


def test_runs_of_one_plan_share_a_file_and_are_told_apart(tmp_path: Path) -> None:
    receipt(tmp_path, "a").finished(Outcome(ADA, Result.FAILED, "no"))  # it crashed then
    later = receipt(tmp_path, "a", at=NOW + timedelta(hours=1))
    later.finished(Outcome(ADA, Result.DONE))
    later.close({Result.DONE: 1})
    first, second = runs_of(tmp_path, TARGET)
    assert (first.how, first.ended, first.failed) == ("", None, 1)
    assert (second.how, second.successful) == ("complete", True)


def test_runs_are_in_the_order_in_which_they_began_and_of_this_target_only(tmp_path: Path) -> None:
    receipt(tmp_path, "b", at=NOW).close({})
    receipt(tmp_path, "a", at=NOW + timedelta(days=1)).close({})
    receipt(tmp_path, "c", plan=elsewhere("https://other.example.com")).close({})
    assert [run.began for run in runs_of(tmp_path, TARGET)] == [NOW, NOW + timedelta(days=1)]
    assert runs_of(tmp_path / "nowhere", TARGET) == []


def test_a_torn_last_line_is_left_out_and_a_broken_one_in_the_middle_is_an_error(tmp_path: Path) -> None:
    written = receipt(tmp_path, "a")
    with written.path.open("a") as file:
        file.write('{"event": "apply_fin')
    assert runs_of(tmp_path, TARGET)[0].how == ""
    with written.path.open("a") as file:
        file.write("\n{}\n")
    with pytest.raises(PlanFileError, match="not a receipt line"):
        runs_of(tmp_path, TARGET)


@pytest.mark.parametrize("value", [None, 7, [], {"a": 1}, "x" * 9, True, "2026-03-01", "9" * 400])
@pytest.mark.parametrize("name", ["time", "left", "how", "whole", "message", "address", "change", "result", "reason"])
def test_hostile_lines_break_nothing(name: str, value: Any, tmp_path: Path) -> None:
    written = receipt(tmp_path, "a")
    written.finished(Outcome(ADA, Result.FAILED, "no"))
    written.quarantined(WHY)
    written.close({Result.FAILED: 1})
    lines = [json.loads(line) for line in written.path.read_text("utf-8").splitlines()]
    text = "".join(json.dumps({**line, name: value}) + "\n" for line in lines)
    written.path.write_text(text, "utf-8")
    health = assess(runs_of(tmp_path, TARGET))
    assert health.runs == 1
    assert not health.healthy


def test_a_thousand_receipts_are_read_quickly(tmp_path: Path) -> None:
    for number in range(1000):
        written = receipt(tmp_path, f"{number:04}", at=NOW + timedelta(hours=number))
        written.close({})
        line = written.path.read_text("utf-8").splitlines(keepends=True)[0]
        done = json.dumps({"event": "finished", "address": ADA.address, "result": "done", "time": NOW.isoformat()})
        end = json.dumps({"event": "apply_finished", "how": "complete", "left": 0, "time": NOW.isoformat()})
        written.path.write_text(line + (done + "\n") * 20 + end + "\n", "utf-8")
    began = time.perf_counter()
    assert assess(runs_of(tmp_path, TARGET)).runs == 1000
    assert time.perf_counter() - began < 20  # a hang, not speed


# --- where applies went -----------------------------------------------------------------------------


def test_a_target_that_no_receipt_knows_has_moved(tmp_path: Path) -> None:
    assert moved_from(tmp_path / "nowhere", TARGET) is None
    assert moved_from(tmp_path, TARGET) is None, "the first one"
    receipt(tmp_path, "a", plan=elsewhere("https://one.example.com"), at=NOW)
    receipt(tmp_path, "b", plan=elsewhere("https://two.example.com"), at=NOW + timedelta(days=1))
    receipt(tmp_path, "c", plan=replace(PLAN, target=Target("scim", TARGET.base_url)), at=NOW + timedelta(days=2))
    assert moved_from(tmp_path, TARGET) == "https://two.example.com"
    receipt(tmp_path, "d", at=NOW - timedelta(days=9))
    assert moved_from(tmp_path, TARGET) is None, "known again"


# --- refusals ---------------------------------------------------------------------------------------


def test_refusals_are_counted_and_forgotten(tmp_path: Path) -> None:
    plans = tmp_path / "plans"
    assert read_refusal(plans, TARGET) is None
    save_refusal(plans, None, TARGET, "the token is refused", NOW)
    save_refusal(plans, read_refusal(plans, TARGET), TARGET, "still", NOW + timedelta(hours=1))
    found = read_refusal(plans, TARGET)
    assert found is not None
    assert (found.message, found.began, found.last, found.count) == ("still", NOW, NOW + timedelta(hours=1), 2)
    assert read_refusal(plans, Target("scim", TARGET.base_url)) is None
    clear_refusal(plans, plans, NOW + timedelta(hours=2))
    assert read_refusal(plans, TARGET) is None
    answered = (plans / REFUSAL).read_bytes()
    clear_refusal(plans, plans, NOW + timedelta(hours=3))
    assert (plans / REFUSAL).read_bytes() == answered, "it answers since then"


def test_of_two_copies_of_a_refusal_the_newer_one_counts(tmp_path: Path) -> None:
    save_refusal(tmp_path, None, TARGET, "no", NOW)
    refused = (tmp_path / REFUSAL).read_bytes()
    clear_refusal(tmp_path, tmp_path, NOW + timedelta(hours=1))
    answered = (tmp_path / REFUSAL).read_bytes()
    for broken in (b"", b"[]", b"{}", b'{"last": 1}', b'{"last": "2026-03-01"}'):
        assert newer_refusal(broken, refused) == refused
        assert newer_refusal(refused, broken) == refused
    assert newer_refusal(refused, answered) == newer_refusal(answered, refused) == answered


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"profile": 1}', "[" * 9000])
def test_a_record_that_cannot_be_understood_says_nothing(content: str, tmp_path: Path) -> None:
    (tmp_path / "refusal.json").write_text(content)
    assert read_refusal(tmp_path, TARGET) is None
    save_refusal(tmp_path, None, TARGET, "no", datetime(2026, 3, 1, tzinfo=UTC))
    assert read_refusal(tmp_path, TARGET) is not None


def test_a_place_that_cannot_be_written_is_no_further_error(tmp_path: Path) -> None:
    (tmp_path / "plans").write_text("")
    save_refusal(tmp_path / "plans", None, TARGET, "no", NOW)
    clear_refusal(tmp_path / "plans", tmp_path / "plans", NOW)
