"""Copies of a record made one: nothing is lost, whatever the order, and however often."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from reconciler.record.merge import belongs, files_of, files_to_write, merge_into, merged_receipt

RECEIPT, PLAN, PAGE = (f"2026-03-01-0123456789ab/{name}" for name in ("receipt.jsonl", "plan.json", "README.md"))


def run_of(number: int, lines: int = 2) -> bytes:
    """The lines that the apply `number` leaves; a hostile value does not begin another one."""
    evil = '"event": "apply_started"'
    found = [{"time": number, "event": "apply_started"}]
    found += [{"time": number, "event": "finished", "line": line, "message": evil} for line in range(lines)]
    return "".join(json.dumps(each) + "\n" for each in found).encode()


RUNS = st.lists(st.integers(0, 5), unique=True)


@given(RUNS, RUNS)
def test_both_receipts_are_in_the_united_one_and_each_apply_is_whole(one: list[int], other: list[int]) -> None:
    theirs, ours = (b"".join(map(run_of, numbers)) for numbers in (one, other))
    whole = merged_receipt(theirs, ours)
    assert sorted(whole.splitlines()) == sorted({*theirs.splitlines(), *ours.splitlines()})
    assert all(run_of(number) in whole for number in {*one, *other})
    assert whole.startswith(theirs)
    assert merged_receipt(whole, ours) == merged_receipt(whole, theirs) == whole


def test_an_apply_that_one_copy_knows_further_goes_on_where_it_was() -> None:
    theirs, ours = run_of(1) + run_of(2), run_of(1, 5)
    assert merged_receipt(theirs, ours) == run_of(1, 5) + run_of(2)


def test_a_line_that_was_cut_short_is_none() -> None:
    assert merged_receipt(b"", run_of(1) + b'{"time": 1, "ev') == run_of(1)
    assert merged_receipt(run_of(1) + b'{"ev', run_of(2)) == run_of(1) + run_of(2)


def test_what_is_new_is_added_and_a_page_that_tells_not_all_goes() -> None:
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


def test_nothing_else_belongs_to_a_record(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/receipt.jsonl", "a/notes.txt", "receipt.jsonl", ".gitkeep", "refusal.json"):
        (tmp_path / name).write_text("{}\n")
    (tmp_path / "b").mkdir()
    (tmp_path / "b/receipt.jsonl").symlink_to(tmp_path / "a/receipt.jsonl")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/plan.json").write_text("{}")
    assert [name for name, _ in files_of(tmp_path)] == ["refusal.json", "a/receipt.jsonl"]
    assert [belongs(name) for name in ("receipt.jsonl", "x/plan.json", "x/y/README.md", "x/z.txt")] == [
        False,
        True,
        True,
        False,
    ]
    assert list(files_of(tmp_path / "nowhere")) == []


def test_copies_are_united_in_a_directory(tmp_path: Path) -> None:
    merge_into([(RECEIPT, run_of(1)), (PLAN, b"p"), ("refusal.json", b"{}")], tmp_path)
    merge_into(
        [(RECEIPT, run_of(2)), (PLAN, b"q"), ("refusal.json", b'{"last": "2026-03-01T00:00:00+00:00"}')], tmp_path
    )
    assert dict(files_of(tmp_path)) == {
        RECEIPT: run_of(1) + run_of(2),
        PLAN: b"q",
        "refusal.json": b'{"last": "2026-03-01T00:00:00+00:00"}',
    }
