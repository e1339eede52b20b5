"""Outlines of the plans of a long record, kept from one run to the next by the bytes of plans and receipts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from reconciler.errors import PlanFileError
from reconciler.record.kept_parts import LARGEST, RECEIPTS, PartDigest, RecordStore, split_into_parts
from reconciler.record.known_files import KnownFiles
from reconciler.record.late_plan import PackedPlan, PlanReader
from reconciler.record.layout import PLAN
from reconciler.record.outlines import Outlines, ReceiptOutline

_NO_PLAN = b"\0"
"""In place of a digest."""
_decode = msgspec.msgpack.Decoder(list[PackedPlan | None]).decode
_PlanFile = tuple[bytes, bytes | None]
"""The digest of a plan, and its content if it was read."""


def read_packed_plans(
    outlines: Outlines, plans: Path, store: RecordStore | None, reader: PlanReader
) -> Iterator[tuple[ReceiptOutline, PackedPlan | None]]:
    """Yield each receipt with its plan; None: a caller that needs the plan has to read it.

    `plans`: the directory of the record. `store` keeps those of long records.
    """
    if store is None or len(outlines) < RECEIPTS:
        yield from ((outline, None) for outline in outlines)
        return
    files = KnownFiles(plans, store, PLAN)
    for part in split_into_parts(outlines):
        packed = _read_part(part, plans, files, store, reader) if len(part) == RECEIPTS else [None] * len(part)
        yield from zip(part, packed, strict=True)
    files.save()


def _read_part(
    part: Outlines, plans: Path, files: KnownFiles, store: RecordStore, reader: PlanReader
) -> Sequence[PackedPlan | None]:
    found = [_read_plan(files, outline.name_beside(PLAN)) for outline in part]
    kept = store.read(_find_key(part, plans, [digest for digest, _ in found]), LARGEST // 2, counts=False)
    if kept is not None:
        with suppress(msgspec.DecodeError):
            packed = _decode(kept)
            if len(packed) == len(part):
                return packed
    packed = [_pack(files, outline, plan, reader) for outline, plan in zip(part, found, strict=True)]
    # By what was parsed. What has no outline is read each time.
    digests = [each.digest if each is not None else digest for each, (digest, _) in zip(packed, found, strict=True)]
    store.write(_find_key(part, plans, digests), LARGEST // 2, msgspec.msgpack.encode(packed))
    return packed


def _read_plan(files: KnownFiles, path: str) -> _PlanFile:
    try:
        return files.digest(path)
    except PlanFileError:
        return _NO_PLAN, None


def _pack(files: KnownFiles, outline: ReceiptOutline, plan: _PlanFile, reader: PlanReader) -> PackedPlan | None:
    digest, content = plan
    if digest == _NO_PLAN:
        return None
    try:
        return reader.pack(outline.runs, files.read(outline.name_beside(PLAN)) if content is None else content)
    except PlanFileError:  # it was removed meanwhile
        return None


def _find_key(part: Outlines, plans: Path, digests: Sequence[bytes]) -> str:
    """Return the key of what is kept of plans with these digests, and of the receipts that they belong to."""
    found = PartDigest(plans)
    for outline, digest in zip(part, digests, strict=True):
        found.add(outline.file, outline.digest)
        found.add(outline.name_beside(PLAN), digest)
    return found.to_key("plans")
