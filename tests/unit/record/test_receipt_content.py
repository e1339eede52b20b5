"""What a crash leaves of a receipt is tolerated; anything else in place of a line is an error with its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import PlanFileError
from reconciler.record.receipt_content import is_cut_line, parse_receipt
from reconciler.record.receipt_line import ApplyStarted, Started, parse_line, to_entry

LINES = [
    f"{json.dumps(to_entry(line))}\n".encode()
    for line in (ApplyStarted(plan_id="sha256:x"), Started(address='user["Zoë"]'), Started(address="b"))
]
WHOLE = b"".join(LINES)


def read(content: bytes) -> int:
    return sum(1 for _ in parse_receipt(content, "r", parse_line))


@given(st.integers(0, len(WHOLE)))
def test_wherever_a_crash_cuts_a_receipt_its_whole_lines_are_read(length: int) -> None:
    """A line of which only the end is missing is one."""
    cut = WHOLE[:length]
    assert read(cut) == cut.count(b"}")


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (bytes(400), "r:1: the receipt is damaged: it has NULs"),
        (LINES[0] + bytes(90), "r:2: the receipt is damaged: it has NULs"),
        (LINES[0] + bytes(90) + b"\n" + LINES[1], "r:2: the receipt is damaged: it has NULs"),
        (WHOLE[:-5] + b"\0", "r:3: the receipt is damaged: it has NULs"),
        (b"\n\n", "r:1: the receipt is damaged: it has blank lines only"),
        (b" ", "r:1: the receipt is damaged: it has blank lines only"),
        (WHOLE.replace(b"\n", b""), "r:1: not a receipt line"),
        (WHOLE.replace(b"\n", b" "), "r:1: not a receipt line"),
        (WHOLE.replace(b"\n", b"\r"), "r:1: not a receipt line"),
        (LINES[0] + LINES[1][:-1] + LINES[2][:9], "r:2: not a receipt line"),
        (LINES[0][:40] + b"\n" + LINES[1], "r:1: not a receipt line"),
        (LINES[0] + LINES[1][:40] + b"\n", "r:2: not a receipt line"),
        (LINES[0] + b"rubbish", "r:2: not a receipt line"),
        (LINES[0] + b"\xff\xfe", "r:2: not a receipt line"),
        (b"[", "r:1: not a receipt line"),
        (b"7", "r:1: not a receipt line"),
    ],
)
def test_what_no_crash_leaves_is_an_error(content: bytes, place: str) -> None:
    with pytest.raises(PlanFileError) as caught:
        read(content)
    assert caught.value.summary == place
    assert "from git or from the record branch" in caught.value.detail


def test_line_ends_of_windows_are_ends_of_lines() -> None:
    assert read(WHOLE.replace(b"\n", b"\r\n")) == 3


def test_a_line_nested_without_end_is_cut() -> None:
    assert is_cut_line(b'{"a":' + b"[" * 100_000)
