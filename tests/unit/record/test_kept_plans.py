from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.builders import NOW, TARGET, change, plan_with, values_of
from support.memory_cache import MemoryCache

from reconciler.core.plan import Outcome, Result
from reconciler.errors import PlanFileError
from reconciler.record import kept_parts, kept_plans, known_files, outlines
from reconciler.record.late_changes import LateChanges
from reconciler.record.late_plan import PlanReader
from reconciler.record.outlines import read_outlines
from reconciler.record.plan_record import to_record
from reconciler.record.reader import join_plans
from reconciler.record.receipt import Receipt
from reconciler.record.redaction import NO_REDACTION
from reconciler.record.runs import ApplyRun


@pytest.fixture(autouse=True, params=["read again", "known by their stamps"])
def small_parts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (kept_parts, kept_plans, outlines):
        monkeypatch.setattr(module, "RECEIPTS", 2)
    if request.param != "read again":
        monkeypatch.setattr(known_files, "_AT_REST", -60.0)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """Five applies of two users each, one with a plan that has no outline and one without a plan."""
    for number, name in enumerate("abcde"):
        ada, bob = change("ada", after=values_of("ada", family=f"Name {number}")), change(f"bob{number}")
        plan = replace(plan_with(ada, bob), commit=str(number) * 40)
        receipt = Receipt(tmp_path / name, plan, lambda number=number: NOW + timedelta(days=number))  # type: ignore[misc]
        (tmp_path / name / "plan.json").write_text(to_record(plan, NO_REDACTION))
        receipt.finished(Outcome(ada, Result.DONE, "", "live-ada"))
        receipt.close({Result.DONE: 1}, how="interrupted", left=1)
    path = tmp_path / "c" / "plan.json"
    path.write_text(path.read_text().replace('"summary": {', '"summary": {"odd": NaN, '))
    (tmp_path / "d" / "plan.json").unlink()
    return tmp_path


def read(plans: Path, store: MemoryCache | None) -> list[ApplyRun]:
    return join_plans(read_outlines(plans, store), TARGET, plans=plans, store=store)


def assert_same(plans: Path, store: MemoryCache) -> list[ApplyRun]:
    found, expected = read(plans, store), read(plans, None)
    assert found == expected
    planned = {key for run in expected if run.planned is not None for key in run.planned.changes}
    keys = planned.union(*(run.changes for run in expected))
    for one, other in zip(found, expected, strict=True):
        assert [(one.find([key]), one.converged([key])) for key in keys] == [
            (other.find([key]), other.converged([key])) for key in keys
        ]
    return found


def test_applies_with_kept_plans_are_those_with_plans(record: Path) -> None:
    store = MemoryCache()
    assert_same(record, store)
    found = assert_same(record, store)
    assert [isinstance(run.changes, LateChanges) for run in found] == [True, True, False, False, True]


def test_kept_plans_are_not_parsed(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryCache()
    read(record, store)
    parsed: list[bytes] = []
    monkeypatch.setattr(PlanReader, "pack", lambda _self, _runs, content: parsed.append(content))
    runs = read(record, store)
    assert len(parsed) == 2, "the one that has no outline, and the one after the last part"
    assert isinstance(runs[0].changes, LateChanges)


def test_a_plan_or_a_receipt_that_changed_is_parsed(record: Path) -> None:
    store = MemoryCache()
    read(record, store)
    path = record / "a" / "plan.json"
    path.write_text(path.read_text().replace("Name 0", "Name X"))
    assert assert_same(record, store)[0].find(["live:live-ada"]).after["name.familyName"] == "Name X"  # type: ignore[union-attr]
    receipt = record / "b" / "receipt.jsonl"
    receipt.write_text(receipt.read_text().replace('"address": "user[', '"address": "other['))
    assert_same(record, store)
    (record / "a" / "plan.json").rename(record / "d" / "plan.json")
    assert_same(record, store)
    (record / "e").rename(record / "aa")
    assert_same(record, store)


def test_what_cannot_be_decoded_is_as_good_as_absent(record: Path) -> None:
    store = MemoryCache()
    read(record, store)
    entries = dict(store.entries)
    for content in (b"", b"\xc1", b"\x90", b"\x91\xc0"):
        store.entries = {key: content if key.startswith("plans ") else kept for key, kept in entries.items()}
        assert_same(record, store)


def test_a_plan_that_changes_while_it_is_used_is_noticed(record: Path) -> None:
    store = MemoryCache()
    read(record, store)
    found = read(record, store)
    (record / "a" / "plan.json").write_text("{}")
    with pytest.raises(PlanFileError, match="was changed"):
        found[0].find(["live:live-ada"])
