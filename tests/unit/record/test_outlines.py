from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.builders import NOW, TARGET, change, plan_with
from support.memory_cache import MemoryCache

from reconciler.core.model import Target
from reconciler.core.plan import Outcome, Plan, Result
from reconciler.errors import PlanFileError
from reconciler.record import kept_parts, outlines
from reconciler.record.attempts import LateAttempts
from reconciler.record.outlines import (
    ReceiptStart,
    find_previous_target,
    read_lines,
    read_outlines,
    select_runs,
)
from reconciler.record.reader import read_runs
from reconciler.record.receipt import Receipt
from reconciler.record.redaction import Redactor
from reconciler.record.runs import Quarantine

ADA = change("ada")
PLAN = plan_with(ADA)


def receipt(plans: Path, name: str, plan: Plan = PLAN, **options: Any) -> Receipt:
    return Receipt(plans / name, plan, lambda: NOW, **options)


def elsewhere(name: str) -> Plan:
    return replace(PLAN, target=Target(TARGET.profile, f"https://{name}.example.com"))


def test_an_outline_says_how_a_receipt_begins_and_which_applies_it_has(tmp_path: Path) -> None:
    redactor = Redactor(b"1" * 32)
    for _ in range(2):
        written = receipt(tmp_path, "a", redactor=redactor)
        written.finished(Outcome(ADA, Result.DONE))
        written.close({Result.DONE: 1})
    (outline,) = read_outlines(tmp_path)
    assert outline.path == tmp_path / "a" / "receipt.jsonl"
    assert outline.directory == str(tmp_path / "a")
    assert outline.name_beside("plan.json") == str(tmp_path / "a" / "plan.json")
    assert outline.start == ReceiptStart(TARGET, NOW, redactor.key_id)
    assert (outline.targets, outline.is_empty) == ((TARGET, TARGET), False)
    assert [run.successful for run in outline.runs] == [True, True]


def test_a_receipt_without_lines_or_without_a_beginning_has_an_outline(tmp_path: Path) -> None:
    for name, content in (("a", ""), ("b", '{"event": "finished"}\n')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "receipt.jsonl").write_text(content)
    empty, headless = read_outlines(tmp_path)
    assert (empty.is_empty, empty.start, empty.runs) == (True, None, ())
    assert (headless.is_empty, headless.start, headless.runs) == (False, None, ())
    assert read_outlines(tmp_path / "nowhere") == []


def test_a_damaged_receipt_has_none(tmp_path: Path) -> None:
    receipt(tmp_path, "a").close({})
    path = tmp_path / "a" / "receipt.jsonl"
    path.write_text(f"nonsense\n{path.read_text()}")
    with pytest.raises(PlanFileError, match=r"receipt\.jsonl:1: not a receipt line"):
        read_outlines(tmp_path)


def test_what_is_found_in_outlines_is_what_a_pass_of_its_own_finds(tmp_path: Path) -> None:
    for name, plan in (("c", PLAN), ("b", elsewhere("other")), ("a", PLAN)):
        receipt(tmp_path, name, plan).close({})
    outlines = read_outlines(tmp_path)
    for target in (TARGET, elsewhere("other").target, elsewhere("third").target):
        for now in (None, NOW, NOW - timedelta(days=9)):
            assert select_runs(outlines, target, now) == read_runs(tmp_path, target, now)
    assert [run.record for run in select_runs(outlines, TARGET)] == ["a", "c"]


def test_the_previous_target_is_where_the_last_apply_went(tmp_path: Path) -> None:
    other, third = elsewhere("other"), elsewhere("third")
    receipt(tmp_path, "a", PLAN).close({})
    Receipt(tmp_path / "b", other, lambda: NOW + timedelta(days=1)).close({})
    outlines = read_outlines(tmp_path)
    assert find_previous_target(outlines, third.target) == other.target.address
    assert [find_previous_target(outlines, each) for each in (TARGET, other.target)] == [None, None], "known"


def test_the_lines_of_a_receipt_are_its_events(tmp_path: Path) -> None:
    receipt(tmp_path, "a").close({})
    assert [line.event for line in read_lines(tmp_path / "a" / "receipt.jsonl")] == ["apply_started", "apply_finished"]


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Five receipts, in parts of two."""
    monkeypatch.setattr(outlines, "RECEIPTS", 2)
    monkeypatch.setattr(kept_parts, "RECEIPTS", 2)
    for name in "abcde":
        written = receipt(tmp_path, name, PLAN if name != "c" else elsewhere("other"))
        written.finished(Outcome(ADA, Result.FAILED, "no", "live-ada"))
        written.quarantined(Quarantine("Because", "it failed"))
        written.close({Result.FAILED: 1}, how="quarantined")
    (tmp_path / "b" / "receipt.jsonl").write_text("")
    return tmp_path


def test_kept_outlines_are_those_of_the_receipts(record: Path) -> None:
    store = MemoryCache()
    expected = read_outlines(record)
    assert read_outlines(record, store) == expected
    assert (len(store.entries), store.hits) == (2, 0)
    assert read_outlines(record, store) == expected
    assert store.hits == 2


def test_kept_attempts_are_decoded_when_they_are_asked_for(record: Path) -> None:
    store = MemoryCache()
    read_outlines(record, store)
    first = read_outlines(record, store)[0].runs[0].attempts
    assert isinstance(first, LateAttempts)
    assert [each.message for each in first] == ["no"]


def test_of_a_record_that_changed_only_the_same_parts_are_kept(record: Path) -> None:
    store = MemoryCache()
    read_outlines(record, store)
    receipt(record, "d").close({})
    assert read_outlines(record, store) == read_outlines(record)
    assert (len(store.entries), store.hits) == (3, 1)
    (record / "a" / "receipt.jsonl").unlink()
    assert read_outlines(record, store) == read_outlines(record)


def test_kept_outlines_that_cannot_be_decoded_are_as_good_as_absent(record: Path) -> None:
    store = MemoryCache()
    read_outlines(record, store)
    for content in (b"", b"\xc1", b"\x90"):
        store.entries = dict.fromkeys(store.entries, content)
        assert read_outlines(record, store) == read_outlines(record)


def test_a_receipt_that_was_damaged_since_is_an_error(record: Path) -> None:
    store = MemoryCache()
    read_outlines(record, store)
    path = record / "a" / "receipt.jsonl"
    path.write_text(path.read_text().replace("\n", "", 1))
    with pytest.raises(PlanFileError):
        read_outlines(record, store)
