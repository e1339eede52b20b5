"""Two copies of the record made one: that of a branch and that of a directory, or what two applies left.

A record only grows: receipts get lines, records come. So copies never contradict one another, and uniting them loses
nothing, in whichever order and however often it is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from reconciler.errors import PlanFileError
from reconciler.record.files import read_file
from reconciler.record.reader import PAGE, PLAN
from reconciler.record.receipt import RECEIPT
from reconciler.record.refusal import REFUSAL, newer_refusal

_FILES = (RECEIPT, PLAN, PAGE)
_STARTED = b'"event": "apply_started"'


def belongs(name: str) -> bool:
    """Whether a file below the directory of the record is one of it, by its name there."""
    return name == REFUSAL or ("/" in name and name.rpartition("/")[2] in _FILES)


def files_of(plans: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of the record in `plans`; links are left out, and so is a plan without receipt."""
    if _is_file(plans / REFUSAL):
        yield REFUSAL, read_file(plans / REFUSAL)
    for receipt in sorted(plans.rglob(RECEIPT)):
        for name in _FILES:
            path = receipt.with_name(name)
            if receipt.parent != plans and _is_file(path):
                yield path.relative_to(plans).as_posix(), read_file(path)


def _is_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink()


def merge_into(files: Iterable[tuple[str, bytes]], into: Path) -> None:
    """Adds files of the record, each before those of a later copy, to what is in the directory `into`."""
    for name, content in files:
        path = into / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(_merged(name, path.read_bytes(), content) if path.exists() else content)
        except OSError as fault:
            raise PlanFileError(
                f"cannot write {path}: {fault.strerror}", "Check TMPDIR and the space there."
            ) from fault


def files_to_write(theirs: Mapping[str, bytes], ours: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """What has to be written, so that `theirs` holds all of `ours` too; None: what has to go."""
    found: dict[str, bytes | None] = {}
    if REFUSAL in ours:
        found[REFUSAL] = newer_refusal(theirs.get(REFUSAL, b""), ours[REFUSAL])
    for name in ours:
        if name.endswith(f"/{RECEIPT}"):
            found |= _record(name.removesuffix(RECEIPT), theirs, ours)
    return {name: content for name, content in found.items() if content != theirs.get(name)}


def _record(folder: str, theirs: Mapping[str, bytes], ours: Mapping[str, bytes]) -> dict[str, bytes | None]:
    """The files of one record.

    A page is made of the other two files. One that does not tell of all applies goes: the next apply makes it anew.
    """
    receipt, plan, page = (folder + file for file in _FILES)
    known = theirs.get(receipt, b"")
    whole = merged_receipt(known, ours[receipt])
    found: dict[str, bytes | None] = {receipt: whole}
    if plan in ours and (whole != known or plan not in theirs):
        found[plan] = ours[plan]
    if whole == ours[receipt]:
        found[page] = ours.get(page, theirs.get(page) if whole == known else None)
    elif whole != known:
        found[page] = None
    return found


def _merged(name: str, theirs: bytes, ours: bytes) -> bytes:
    if name == REFUSAL:
        return newer_refusal(theirs, ours)
    return merged_receipt(theirs, ours) if name.endswith(f"/{RECEIPT}") else ours


def merged_receipt(theirs: bytes, ours: bytes) -> bytes:
    """The applies of both, each with the lines of both. A line that a crash cut short is none."""
    runs = dict(_runs(theirs))
    for first, lines in _runs(ours):
        known = runs.setdefault(first, [])
        before = set(known)
        known += [line for line in lines if line not in before]
    return b"".join(line for lines in runs.values() for line in lines)


def _runs(receipt: bytes) -> Iterator[tuple[bytes, list[bytes]]]:
    """The first line of each apply, and all of its lines. Quotes in values are escaped: they begin no apply."""
    lines: list[bytes] = []
    for line in receipt[: receipt.rfind(b"\n") + 1].splitlines(keepends=True):
        if _STARTED in line and lines:
            yield lines[0], lines
            lines = []
        lines.append(line)
    if lines:
        yield lines[0], lines
