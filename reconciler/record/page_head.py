"""What the page of a record says about its receipt: how many lines it was made of, and how its applies ended.

The page (`README.md`) is written from the whole receipt when an apply is over, so a receipt with less has lost lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.text import pluralize
from reconciler.record.files import read_beginning

HOW = {"complete": "complete", "interrupted": "interrupted", "quarantined": "stopped because too many changes failed"}
"""How the page says that an apply ended."""
_HEAD_BYTES = 64 * 1024
"""Some 500 applies of one plan."""
_LINES = re.compile(rb"^- Receipt: ([0-9,]{1,20}) lines?\r?$", re.MULTILINE)
_APPLY = re.compile(rb"^- Started [0-9: UTC-]{16,24}(, ended [0-9: UTC-]{16,24}: (.*))?", re.MULTILINE)
_OUTCOME = b"\n- Outcome:"


@dataclass(frozen=True, slots=True)
class PageHead:
    """What a page says about its receipt. `lines`: None in a page of version 0.1."""

    lines: int | None
    applies: int
    ended: int
    quarantined: int

    @property
    def vouches(self) -> bool:
        """Whether a receipt that has as much as this has what it had when the page was written."""
        return self.lines is not None or 0 < self.ended == self.applies


def format_lines(lines: int) -> str:
    """Return the line of the page that says how many lines its receipt has."""
    return f"- Receipt: {pluralize(lines, 'line')}"


def read_page_head(path: Path | str) -> PageHead | None:
    """Return what the page at `path` says; None if there is none that can be read: a page is no evidence then."""
    content = read_beginning(path, _HEAD_BYTES)
    return parse_page_head(content) if content is not None else None


def parse_page_head(content: bytes) -> PageHead:
    """Return what the page with this beginning says."""
    head = content.partition(_OUTCOME)[0]
    lines = _LINES.search(head)
    ends = [match[2] for match in _APPLY.finditer(head)]
    return PageHead(
        lines=int(lines[1].replace(b",", b"") or b"0") if lines is not None else None,
        applies=len(ends),
        ended=sum(end is not None for end in ends),
        quarantined=sum(end is not None and end.startswith(HOW["quarantined"].encode()) for end in ends),
    )
