import json
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.builders import NOW, TARGET, change, plan_with, values_of

from reconciler.apply.quarantine import assess
from reconciler.core.model import Target
from reconciler.core.plan import Action, Outcome, Plan, Result
from reconciler.core.plan_id import digest_change
from reconciler.errors import PlanFileError
from reconciler.record.layout import RECEIPT, shorten_plan_id
from reconciler.record.outlines import find_previous_target, list_key_ids, read_lines, read_outlines
from reconciler.record.plan_file import to_json
from reconciler.record.reader import (
    read_entries,
    read_original_names,
    read_record,
    read_runs,
    read_runs_with_plans,
    read_started_addresses,
)
from reconciler.record.receipt import ApplyNotes, Receipt, directory_for
from reconciler.record.receipt_content import RESTORE
from reconciler.record.receipt_line import UnknownLine
from reconciler.record.redaction import Redactor
from reconciler.record.runs import AppliedChange, ApplyRun, Quarantine
from reconciler.record.timestamps import LONG_AGO

ADA = change("ada", after=values_of("ada", family="King"))
NEW = change("new", Action.CREATE)
PLAN = replace(plan_with(ADA, NEW), commit="a" * 40, config_digest="sha256:a")
WHY = Quarantine("Because", "it failed")


def receipt(plans: Path, name: str, *, at: datetime = NOW, plan: Plan = PLAN, **options: Any) -> Receipt:
    return Receipt(plans / name, plan, lambda: at, **options)


def elsewhere(url: str) -> Plan:
    return replace(PLAN, target=Target(TARGET.profile, url))


# --- lines ----


@pytest.mark.parametrize("line", ["nonsense", "[]", "1", '"x"', "[" * 100_000])
def test_a_broken_line_in_the_middle_is_an_error(tmp_path: Path, line: str) -> None:
    path = tmp_path / "receipt.jsonl"
    path.write_text(f'{{"event": "a"}}\n{line}\n{{"event": "b"}}\n')
    for read in (read_entries, read_lines):
        with pytest.raises(PlanFileError) as caught:
            list(read(path))
        assert (caught.value.summary, caught.value.detail) == (
            f"{path}:2: not a receipt line",
            RESTORE,
        )


def test_empty_lines_are_nothing(tmp_path: Path) -> None:
    path = tmp_path / "receipt.jsonl"
    path.write_text('\n{"event": "a"}\n\n')
    assert list(read_entries(path)) == [{"event": "a"}]
    assert list(read_lines(path)) == [UnknownLine()]


# --- applies ---


def test_what_a_receipt_says_is_read_back(tmp_path: Path) -> None:
    written = receipt(tmp_path, "a", notes=ApplyNotes(whole=False))
    written.started(ADA.address, ADA.action, "live-ada", [])
    written.finished(Outcome(ADA, Result.FAILED, "no"))
    written.quarantined(WHY)
    written.close({Result.FAILED: 1}, how="quarantined", left=7)
    (run,) = read_runs(tmp_path, TARGET)
    (attempt,) = run.attempts
    assert (run.plan_id, run.began, run.ended, run.whole) == (PLAN.plan_id, NOW, NOW, False)
    assert (run.how, run.left, run.quarantine) == ("quarantined", 7, WHY)
    assert (attempt.address, attempt.action, attempt.result) == (ADA.address, "update", "failed")
    assert (attempt.digest, attempt.message, attempt.time) == (digest_change(ADA), "no", NOW)


def test_of_a_user_with_several_outcomes_in_one_apply_the_last_counts(tmp_path: Path) -> None:
    opened = receipt(tmp_path, "one")
    opened.finished(Outcome(ADA, Result.NOT_IN_EFFECT, "not yet", "live-ada"))
    opened.finished(Outcome(NEW, Result.DONE, "", "live-new"))
    opened.finished(Outcome(ADA, Result.DONE, "", "live-ada"))
    opened.close({Result.DONE: 2})
    (run,) = read_runs(tmp_path, TARGET)
    assert [(each.address, each.result) for each in run.attempts] == [(NEW.address, "done"), (ADA.address, "done")]
    assert run.successful


def test_runs_of_one_plan_share_a_file_and_are_separate_runs(tmp_path: Path) -> None:
    receipt(tmp_path, "a").finished(Outcome(ADA, Result.FAILED, "no"))  # it crashed then
    later = receipt(tmp_path, "a", at=NOW + timedelta(hours=1))
    later.finished(Outcome(ADA, Result.DONE))
    later.close({Result.DONE: 1})
    first, second = read_runs(tmp_path, TARGET)
    assert (first.how, first.ended, first.failed) == ("", None, 1)
    assert (second.how, second.successful) == ("complete", True)


def test_runs_are_in_the_order_in_which_they_began_and_of_this_target_only(tmp_path: Path) -> None:
    receipt(tmp_path, "b", at=NOW).close({})
    receipt(tmp_path, "a", at=NOW + timedelta(days=1)).close({})
    receipt(tmp_path, "c", plan=elsewhere("https://other.example.com")).close({})
    assert [run.began for run in read_runs(tmp_path, TARGET)] == [NOW, NOW + timedelta(days=1)]
    assert read_runs(tmp_path / "nowhere", TARGET) == []


def test_a_torn_last_line_is_left_out_and_a_broken_one_in_the_middle_is_an_error(tmp_path: Path) -> None:
    written = receipt(tmp_path, "a")
    with written.path.open("a") as file:
        file.write('{"event": "apply_fin')
    assert read_runs(tmp_path, TARGET)[0].how == ""
    with written.path.open("a") as file:
        file.write("\n{}\n")
    with pytest.raises(PlanFileError, match="not a receipt line"):
        read_runs(tmp_path, TARGET)


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
    health = assess(read_runs(tmp_path, TARGET))
    assert health.runs == 1
    assert not health.healthy


@pytest.mark.slow
def test_a_thousand_receipts_are_read_quickly(tmp_path: Path) -> None:
    for number in range(1000):
        written = receipt(tmp_path, f"{number:04}", at=NOW + timedelta(hours=number))
        written.close({})
        line = written.path.read_text("utf-8").splitlines(keepends=True)[0]
        done = json.dumps({"event": "finished", "address": ADA.address, "result": "done", "time": NOW.isoformat()})
        end = json.dumps({"event": "apply_finished", "how": "complete", "left": 0, "time": NOW.isoformat()})
        written.path.write_text(line + (done + "\n") * 20 + end + "\n", "utf-8")
    began = time.perf_counter()
    assert assess(read_runs(tmp_path, TARGET)).runs == 1000
    assert time.perf_counter() - began < 20  # a hang, not speed


def recorded(plans: Path, made_now: Any = None) -> ApplyRun:
    """The run of an apply that carried out ADA and was cut short, read back."""
    written = receipt(plans, "one", notes=ApplyNotes(made_now=made_now))
    (plans / "one" / "plan.json").write_text(to_json(PLAN), "utf-8")
    written.finished(Outcome(ADA, Result.DONE))
    written.close({}, how="interrupted", left=1)
    (run,) = read_runs_with_plans(plans, TARGET)
    return run


def test_an_apply_is_of_what_was_checked_out_and_not_of_what_was_reviewed(tmp_path: Path) -> None:
    run = recorded(tmp_path, replace(PLAN, commit="b" * 40, config_digest="sha256:b"))
    assert (run.commit, run.planned and run.planned.digest) == ("b" * 40, "sha256:b")


def test_a_receipt_of_an_older_version_takes_commit_and_digest_from_the_plan(tmp_path: Path) -> None:
    recorded(tmp_path)
    path = tmp_path / "one" / "receipt.jsonl"
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    del lines[0]["commit"], lines[0]["config_digest"]
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines), "utf-8")
    (run,) = read_runs_with_plans(tmp_path, TARGET)
    assert (run.commit, run.planned and run.planned.digest) == ("a" * 40, "sha256:a")


def test_which_users_a_plan_was_about_is_known_also_after_an_interrupted_apply(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    assert run.converged({ADA.address})
    assert run.converged({"live:live-ada"}), "by the service's id"
    assert not run.converged({NEW.address}), "planned and not begun"
    assert run.converged({'user["else@example.com"]'}), "as desired already"


@pytest.mark.parametrize("key", ["created_at", "summary"])
def test_without_a_readable_plan_a_user_that_was_not_reached_has_not_converged(tmp_path: Path, key: str) -> None:
    recorded(tmp_path)
    path = tmp_path / "one" / "plan.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {key: "nonsense"}), "utf-8")
    (run,) = read_runs_with_plans(tmp_path, TARGET)
    assert run.planned is None
    assert run.converged({ADA.address})
    assert not run.converged({'user["else@example.com"]'})


def test_each_run_has_its_own_changes_joined_to_its_plan(tmp_path: Path) -> None:
    recorded(tmp_path)
    later = receipt(tmp_path, "one", at=NOW + timedelta(hours=1))
    later.finished(Outcome(NEW, Result.FAILED, "no"))
    later.close({Result.FAILED: 1})
    first, second = read_runs_with_plans(tmp_path, TARGET)
    assert [found.address for found in set_of(first)] == [ADA.address]
    (found,) = set_of(second)
    assert (found.address, found.reason, found.result, found.message) == (NEW.address, NEW.reason, "failed", "no")
    assert found.after == NEW.after
    assert first.planned is not None
    assert set(first.planned.changes) >= {ADA.address, NEW.address}
    assert read_runs(tmp_path, TARGET)[0].changes == {}


def set_of(run: ApplyRun) -> list[AppliedChange]:
    return list({found.address: found for found in run.changes.values()}.values())


def test_a_record_is_its_plan_and_all_applies_of_it(tmp_path: Path) -> None:
    run = recorded(tmp_path)
    record = read_record(tmp_path / "one")
    assert (record.target, record.plan_id, record.commit) == (TARGET, PLAN.plan_id, "a" * 40)
    assert (set(record.planned), record.runs, record.redacted) == ({ADA.address, NEW.address}, (run,), False)


def test_a_receipt_that_begins_with_no_apply_has_no_target(tmp_path: Path) -> None:
    (tmp_path / RECEIPT).write_text('{"event": "started", "plan_id": "sha256:x"}\n')
    record = read_record(tmp_path)
    assert (record.target, record.plan_id, record.commit, record.runs) == (None, "sha256:x", None, ())
    (tmp_path / RECEIPT).write_text("")
    assert read_record(tmp_path).plan_id == ""


def test_an_undated_apply_sorts_before_all_others(tmp_path: Path) -> None:
    receipt(tmp_path, "a", at=NOW).close({})
    written = receipt(tmp_path, "b", at=NOW + timedelta(days=1))
    written.close({})
    naive = written.path.read_text("utf-8").replace("+00:00", "")
    assert naive != written.path.read_text("utf-8")
    written.path.write_text(naive, "utf-8")
    assert [(run.record, run.began) for run in read_runs(tmp_path, TARGET)] == [("b", LONG_AGO), ("a", NOW)]


def test_an_apply_from_the_future_sorts_before_all_others_too(tmp_path: Path) -> None:
    """The clock of its machine was wrong: it does not stay the last apply for ever, and defers no user."""
    receipt(tmp_path, "a", at=NOW).close({})
    late = receipt(tmp_path, "b", at=NOW + timedelta(days=7_305))
    late.finished(Outcome(ADA, Result.FAILED, "no"))
    late.close({Result.FAILED: 1})
    receipt(tmp_path, "c", at=NOW + timedelta(minutes=4)).close({})
    for runs in (read_runs(tmp_path, TARGET, NOW), read_runs_with_plans(tmp_path, TARGET, NOW)):
        assert [run.record for run in runs] == ["b", "a", "c"]
        future = runs[0]
        assert {future.began, future.ended, *(each.time for each in future.attempts)} == {LONG_AGO}
        assert assess(runs).healthy
    assert [run.record for run in read_runs(tmp_path, TARGET)] == ["a", "c", "b"]


def test_the_keys_of_digests_are_found(tmp_path: Path) -> None:
    receipt(tmp_path, "a").close({})
    assert list_key_ids(read_outlines(tmp_path)) == set()
    one, other = Redactor(b"1" * 32), Redactor(b"2" * 32)
    receipt(tmp_path, "b", redactor=one).close({})
    receipt(tmp_path, "c", redactor=other).close({})
    assert list_key_ids(read_outlines(tmp_path)) == {one.key_id, other.key_id}
    assert {run.key for run in read_runs(tmp_path, TARGET)} == {None, one.key_id, other.key_id}


# --- what receipts answer ---


def test_the_previous_target_is_where_the_last_apply_went_unless_one_went_here(tmp_path: Path) -> None:
    assert find_previous_target(read_outlines(tmp_path / "nowhere"), TARGET) is None
    assert find_previous_target(read_outlines(tmp_path), TARGET) is None, "the first one"
    receipt(tmp_path, "a", plan=elsewhere("https://one.example.com"), at=NOW)
    receipt(tmp_path, "b", plan=elsewhere("https://two.example.com"), at=NOW + timedelta(days=1))
    receipt(tmp_path, "c", plan=replace(PLAN, target=Target("scim", TARGET.base_url)), at=NOW + timedelta(days=2))
    assert find_previous_target(read_outlines(tmp_path), TARGET) == "https://two.example.com"
    receipt(tmp_path, "d", at=NOW - timedelta(days=9))
    assert find_previous_target(read_outlines(tmp_path), TARGET) is None, "known again"


@pytest.mark.parametrize(
    ("applies", "tenant", "moved"),
    [
        ([None], "acme", None),
        ([None, "acme"], "acme", None),
        (["acme", "globex"], "acme", None),
        (["acme"], None, "acme"),
        (["acme"], "globex", "acme"),
        ([None, "acme"], None, "acme"),
        ([None, "acme"], "globex", "acme"),
        ([None, "acme", None], None, None),
        ([None, "acme", None, "acme"], None, None),
        (["acme", "globex", "acme"], "initech", "acme"),
    ],
    ids=str,
)
def test_a_tenant_that_is_renamed_or_no_longer_named_is_another_target(
    applies: list[str | None], tenant: str | None, moved: str | None, tmp_path: Path
) -> None:
    for day, name in enumerate(applies):
        named = replace(PLAN, target=replace(TARGET, tenant=name))
        receipt(tmp_path, f"{9 - day}", plan=named, at=NOW + timedelta(days=day))
    expected = f"{TARGET.base_url} (tenant {moved})" if moved is not None else None
    assert find_previous_target(read_outlines(tmp_path), replace(TARGET, tenant=tenant)) == expected


def test_a_tenant_at_another_address_says_nothing_about_this_one(tmp_path: Path) -> None:
    receipt(tmp_path, "a", at=NOW)
    moved = replace(PLAN, target=Target(TARGET.profile, "https://one.example.com", "globex"))
    receipt(tmp_path, "b", plan=moved, at=NOW + timedelta(days=1))
    assert find_previous_target(read_outlines(tmp_path), replace(TARGET, tenant="acme")) is None


def test_applies_before_the_tenant_was_named_count_for_it_and_those_of_other_tenants_do_not(tmp_path: Path) -> None:
    for name, tenant in (("a", None), ("b", "acme"), ("c", "globex")):
        receipt(tmp_path, name, plan=replace(PLAN, target=replace(TARGET, tenant=tenant))).close({})
    found = {
        tenant: [run.record for run in read_runs(tmp_path, replace(TARGET, tenant=tenant))]
        for tenant in (None, "acme", "globex", "initech")
    }
    assert found == {None: ["a"], "acme": ["a", "b"], "globex": ["a", "c"], "initech": ["a"]}
    assert read_record(tmp_path / "b").target == replace(TARGET, tenant="acme")


def test_all_addresses_that_were_ever_started_are_found(tmp_path: Path) -> None:
    other = plan_with(change("bob"))
    for plan, day, names in ((PLAN, "2026-03-01", "ad"), (PLAN, "2026-03-02", "e"), (other, "2026-03-01", "z")):
        written = receipt(tmp_path, f"{day}-{shorten_plan_id(plan.plan_id)}", plan=plan)
        for name in names:
            written.started(name, Action.UPDATE, None, [])
    written.finished(Outcome(change("finished-only"), Result.DONE))
    assert read_started_addresses(tmp_path, PLAN.plan_id) == {"a", "d", "e"}
    assert read_started_addresses(tmp_path, other.plan_id) == {"z"}
    assert read_started_addresses(tmp_path / "nowhere", PLAN.plan_id) == frozenset()


def test_plans_that_share_their_first_digits_are_not_confused(tmp_path: Path) -> None:
    twin = PLAN.plan_id[:-1] + ("0" if PLAN.plan_id[-1] != "0" else "1")
    receipt(tmp_path, directory_for(tmp_path, PLAN).name).started("a", Action.UPDATE, None, [])
    assert read_started_addresses(tmp_path, twin) == frozenset()


# --- original names ---------------------------------------------------------------------------


def test_the_names_before_temporary_ones_are_read_for_the_target(tmp_path: Path) -> None:
    first = receipt(tmp_path, "2026-03-01-a")
    first.started(ADA.address, ADA.action, "live-ada", ["userName"], "ada@example.com")
    first.started(NEW.address, NEW.action, None, ["userName"], "no-id@example.com")
    first.started(ADA.address, ADA.action, "live-eve", ["userName"])
    first.close({})
    later = receipt(tmp_path, "2026-03-02-b", at=NOW + timedelta(days=1))
    later.started(ADA.address, ADA.action, "live-ada", ["userName"], "countess@example.com")
    later.close({})
    other = receipt(tmp_path, "2026-03-03-c", at=NOW + timedelta(days=2), plan=elsewhere("https://other.example/scim"))
    other.started(ADA.address, ADA.action, "live-ada", ["userName"], "other@example.com")
    other.close({})
    redacted = receipt(tmp_path, "2026-03-04-d", at=NOW + timedelta(days=3), redactor=Redactor(b"k" * 32))
    redacted.started(ADA.address, ADA.action, "live-ada", ["userName"], "hidden@example.com")
    redacted.close({})
    assert read_original_names(tmp_path, TARGET) == {"live-ada": "countess@example.com"}
    assert "hidden@example.com" not in redacted.path.read_text("utf-8")


@pytest.mark.parametrize("value", ["", "a\nb", "x" * 513, 7, None, ["a"], "\ud800"])
def test_what_is_no_name_is_no_original_name(tmp_path: Path, value: object) -> None:
    written = receipt(tmp_path, "2026-03-01-a")
    written.started(ADA.address, ADA.action, "live-ada", ["userName"], "ada@example.com")
    written.close({})
    lines = written.path.read_text("utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    changed = [{**each, "original_user_name": value} if each["event"] == "started" else each for each in entries]
    written.path.write_text("".join(f"{json.dumps(each)}\n" for each in changed))
    assert read_original_names(tmp_path, TARGET) == {}
