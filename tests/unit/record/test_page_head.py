"""What a page says about its receipt."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.record.page_head import PageHead, format_lines, parse_page_head, read_page_head
from reconciler.record.runs import ApplyRun
from reconciler.render.record_page import render_record

BEGAN = datetime(2026, 3, 1, 8, 0, tzinfo=UTC)


def run(how: str) -> ApplyRun:
    ended = BEGAN + timedelta(minutes=5) if how else None
    return ApplyRun("one", "sha256:ab", None, BEGAN, whole=True, how=how, ended=ended, left=2)


def render(*hows: str, lines: int = 1_234) -> bytes:
    return render_record(None, "sha256:ab", [run(how) for how in hows], {}, None, lines=lines).encode()


@pytest.mark.parametrize(
    ("hows", "head"),
    [
        (("complete",), PageHead(1_234, 1, 1, 0)),
        (("quarantined", "", "interrupted", "quarantined"), PageHead(1_234, 4, 3, 2)),
        (("",), PageHead(1_234, 1, 0, 0)),
        ((), PageHead(1_234, 0, 0, 0)),
    ],
)
def test_a_page_says_what_its_receipt_had(hows: tuple[str, ...], head: PageHead) -> None:
    assert parse_page_head(render(*hows)) == head
    assert parse_page_head(render(*hows).replace(b"\n", b"\r\n")) == head


def test_a_page_of_an_earlier_version_says_how_applies_ended() -> None:
    def parse(*hows: str) -> PageHead:
        return parse_page_head(render(*hows).replace(format_lines(1_234).encode() + b"\n", b""))

    assert parse("quarantined", "complete") == PageHead(None, 2, 2, 1)
    assert parse("quarantined", "complete").vouches
    assert not parse("quarantined", "").vouches
    assert not parse().vouches


@pytest.mark.parametrize("content", [b"", b"# Plan", b"\xff\0", b"- Receipt: , lines\n", b"- Started x, ended y: z\n"])
def test_any_other_page_says_nothing(content: bytes) -> None:
    head = parse_page_head(content)
    assert (head.lines or 0, head.applies, head.ended, head.quarantined) == (0, 0, 0, 0)


def test_what_is_no_page_says_nothing(tmp_path: Path) -> None:
    assert read_page_head(tmp_path / "README.md") is None
    assert read_page_head(tmp_path) is None
    os.mkfifo(tmp_path / "pipe")
    assert read_page_head(tmp_path / "pipe") is None
    (tmp_path / "README.md").write_bytes(render("complete"))
    assert read_page_head(tmp_path / "README.md") == PageHead(1_234, 1, 1, 0)
