"""Copies of a record made one: nothing is lost, whatever the order, and however often."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from reconciler.record.merge import files_to_write, is_record_file, merge_file, merge_receipts

RECEIPT, PLAN, PAGE = (f"2026-03-01-0123456789ab/{name}" for name in ("receipt.jsonl", "plan.json", "README.md"))


def run_of(number: int, lines: int = 2) -> bytes:
    """The lines that the apply `number` leaves; a hostile value does not begin another one."""
    evil = '"event": "apply_started"'
    found = [{"time": number, "event": "apply_started"}]
    found += [{"time": number, "event": "finished", "line": line, "message": evil} for line in range(lines)]
    return "".join(json.dumps(each) + "\n" for each in found).encode()


RUNS = st.lists(st.integers(0, 5), unique=True)


@given(RUNS, RUNS)
def test_both_receipts_are_in_the_merged_one_and_each_apply_is_whole(one: list[int], other: list[int]) -> None:
    theirs, ours = (b"".join(map(run_of, numbers)) for numbers in (one, other))
    whole = merge_receipts(theirs, ours)
    assert sorted(whole.splitlines()) == sorted({*theirs.splitlines(), *ours.splitlines()})
    assert all(run_of(number) in whole for number in {*one, *other})
    assert whole.startswith(theirs)
    assert merge_receipts(whole, ours) == merge_receipts(whole, theirs) == whole


def test_an_apply_that_one_copy_knows_further_goes_on_where_it_was() -> None:
    theirs, ours = run_of(1) + run_of(2), run_of(1, 5)
    assert merge_receipts(theirs, ours) == run_of(1, 5) + run_of(2)


def test_a_line_that_was_cut_short_is_none() -> None:
    assert merge_receipts(b"", run_of(1) + b'{"time": 1, "ev') == run_of(1)
    assert merge_receipts(run_of(1) + b'{"ev', run_of(2)) == run_of(1) + run_of(2)


def test_a_receipt_without_a_complete_line_is_not_added_and_takes_the_place_of_none() -> None:
    """An apply that was killed before its first line was written has sent nothing."""
    for left in (b"", b'{"ev', bytes(99)):
        ours = {RECEIPT: left, PLAN: b"p", PAGE: b"none"}
        assert files_to_write({}, ours) == {}
        assert files_to_write({RECEIPT: run_of(1)}, ours) == {PLAN: b"p"}


def test_new_files_are_added_and_an_incomplete_page_is_removed() -> None:
    one, two = run_of(1), run_of(2)
    theirs = {RECEIPT: one, PLAN: b"p", PAGE: b"one"}
    assert files_to_write({}, theirs) == theirs
    assert files_to_write(theirs, theirs) == {}
    assert files_to_write(theirs, {RECEIPT: one + two, PLAN: b"p", PAGE: b"both"}) == {
        RECEIPT: one + two,
        PAGE: b"both",
    }
    assert files_to_write(theirs, {RECEIPT: one + two, PLAN: b"p"}) == {RECEIPT: one + two, PAGE: None}
    assert files_to_write(theirs, {RECEIPT: two, PLAN: b"q", PAGE: b"two"}) == {
        RECEIPT: one + two,
        PLAN: b"q",
        PAGE: None,
    }
    later = {RECEIPT: one + two, PLAN: b"p", PAGE: b"both"}
    assert files_to_write(later, theirs) == {}, "an old copy takes nothing away"
    assert files_to_write({RECEIPT: one, PLAN: b"p"}, theirs) == {PAGE: b"one"}


def test_only_files_below_the_directory_of_a_plan_belong_to_the_record() -> None:
    assert all(map(is_record_file, ("refusal.json", "refusal-acme.json", "refusal-a1-b.json")))
    assert not any(map(is_record_file, ("refusal-.json", "refusal-A.json", "x/refusal.json", "refusal--a.json")))
    assert [is_record_file(name) for name in ("receipt.jsonl", "x/plan.json", "x/y/README.md", "x/z.txt")] == [
        False,
        True,
        True,
        False,
    ]


def test_one_file_is_merged_by_its_name() -> None:
    older, newer = (json.dumps({"last": f"2026-03-0{day}T00:00:00+00:00"}).encode() for day in (1, 2))
    for name in ("refusal.json", "refusal-acme.json"):
        assert merge_file(name, older, newer) == merge_file(name, newer, older) == newer
    assert merge_file(RECEIPT, run_of(1), run_of(2)) == run_of(1) + run_of(2)
    assert merge_file(PLAN, b"theirs", b"ours") == b"ours"
