"""Merge two copies of the record: of a branch and of a directory, or of two applies. Pure.

A record only grows: receipts get lines, records are added. So copies never contradict one another, and a merge loses
nothing, in any order and however often it is done.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from reconciler.record.layout import PAGE, PLAN, RECEIPT, is_notified, is_refusal
from reconciler.record.notified import merge_notified
from reconciler.record.timestamps import parse_timestamp

RECORD_FILES = (RECEIPT, PLAN, PAGE)
_STARTED = b'"event": "apply_started"'
_NEVER = datetime.min.replace(tzinfo=UTC)


def is_record_file(name: str) -> bool:
    """Return whether a file is part of the record, by its name below the directory of the record."""
    return is_refusal(name) or is_notified(name) or ("/" in name and name.rpartition("/")[2] in RECORD_FILES)


def is_receipt_or_note(name: str) -> bool:
    """The same without plans and pages: what each is made of, or about, is in the receipt too."""
    return is_record_file(name) and name.rpartition("/")[2] not in (PLAN, PAGE)


def files_to_write(theirs: Mapping[str, bytes], ours: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """Return the files to write so that `theirs` includes `ours`; None means delete."""
    found: dict[str, bytes | None] = {}
    for name in ours:
        if is_refusal(name):
            found[name] = newer_refusal(theirs.get(name, b""), ours[name])
        elif is_notified(name):
            found[name] = merge_notified(theirs.get(name, b""), ours[name])
        elif name.endswith(f"/{RECEIPT}"):
            found |= _merge_record(name.removesuffix(RECEIPT), theirs, ours)
    return {name: content for name, content in found.items() if content != theirs.get(name)}


def _merge_record(folder: str, theirs: Mapping[str, bytes], ours: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """Return the files of one record.

    None without a complete line: that apply sent nothing. A page is made of the other two files. One that lists only
    some applies is deleted: the next apply writes it again.
    """
    receipt, plan, page = (folder + file for file in RECORD_FILES)
    known = theirs.get(receipt, b"")
    whole = merge_receipts(known, ours[receipt])
    if not whole:
        return {}
    found: dict[str, bytes | None] = {receipt: whole}
    if plan in ours and (whole != known or plan not in theirs):
        found[plan] = ours[plan]
    if whole == ours[receipt]:
        found[page] = ours.get(page, theirs.get(page) if whole == known else None)
    elif whole != known:
        found[page] = None
    return found


def merge_file(name: str, theirs: bytes, ours: bytes) -> bytes:
    """Return the content of one file of the record, from two copies of it; `ours` is the later one."""
    if is_refusal(name):
        return newer_refusal(theirs, ours)
    if is_notified(name):
        return merge_notified(theirs, ours)
    return merge_receipts(theirs, ours) if name.endswith(f"/{RECEIPT}") else ours


def merge_receipts(theirs: bytes, ours: bytes) -> bytes:
    """Return the applies of both receipts, each with the lines of both. A line that a crash cut short is left out."""
    applies = dict(_split_applies(theirs))
    for first, lines in _split_applies(ours):
        known = applies.setdefault(first, [])
        before = set(known)
        known += [line for line in lines if line not in before]
    return b"".join(line for lines in applies.values() for line in lines)


def _split_applies(receipt: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """Yield the first line of each apply, and all of its lines. Quotes in values are escaped: they begin no apply."""
    lines: list[bytes] = []
    for line in receipt[: receipt.rfind(b"\n") + 1].splitlines(keepends=True):
        if _STARTED in line and lines:
            yield lines[0], lines
            lines = []
        lines.append(line)
    if lines:
        yield lines[0], lines


def newer_refusal(one: bytes, other: bytes) -> bytes:
    """Return the newer of two copies of the refusal; `one` if neither is."""
    return other if _refusal_time(other) > _refusal_time(one) else one


def _refusal_time(content: bytes) -> datetime:
    found = parse_refusal(content)
    return parse_timestamp(found.get("answered") or found.get("last")) or _NEVER


def parse_refusal(content: bytes) -> dict[str, Any]:
    """Return the JSON object of a refusal; empty if it is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
