from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from support.builders import NOW, TARGET, change, plan_with

from reconciler.core.model import Target
from reconciler.core.plan import Outcome, Plan, Result
from reconciler.errors import PlanFileError
from reconciler.record.outlines import (
    ReceiptStart,
    find_previous_target,
    read_lines,
    read_outlines,
    select_runs,
)
from reconciler.record.reader import read_previous_target, read_runs
from reconciler.record.receipt import Receipt
from reconciler.record.redaction import Redactor

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
        assert find_previous_target(outlines, target) == read_previous_target(tmp_path, target)
    assert [run.record for run in select_runs(outlines, TARGET)] == ["a", "c"]


def test_the_lines_of_a_receipt_are_its_events(tmp_path: Path) -> None:
    receipt(tmp_path, "a").close({})
    assert [line.event for line in read_lines(tmp_path / "a" / "receipt.jsonl")] == ["apply_started", "apply_finished"]
