"""Outlines of receipts: how each begins, and its applies. One pass over the record is for all who ask about applies."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from pathlib import Path

import msgspec

from reconciler.core.model import Target
from reconciler.core.plan import Population
from reconciler.record.attempts import Attempt
from reconciler.record.files import read_file
from reconciler.record.kept_parts import LARGEST, RECEIPTS, PartDigest, RecordStore, split_into_parts
from reconciler.record.known_files import KnownFiles
from reconciler.record.layout import RECEIPT
from reconciler.record.packed_attempts import PackedAttempts, pack_attempts
from reconciler.record.receipt_content import parse_receipt
from reconciler.record.receipt_line import (
    ApplyFinished,
    ApplyStarted,
    Finished,
    PopulationNote,
    Quarantined,
    ReceiptLine,
    Started,
    parse_line,
    parse_whole_lines,
)
from reconciler.record.record_files import list_receipt_files
from reconciler.record.runs import ApplyRun, Quarantine, SettledPlan, disregard_future
from reconciler.record.timestamps import parse_timestamp


@dataclass(frozen=True, slots=True)
class ReceiptStart:
    """The first line of a receipt, if an apply begins with it. `key`: of its digests; None: it holds none."""

    target: Target
    when: datetime
    key: str | None = None


@dataclass(frozen=True, slots=True)
class ReceiptOutline:
    """One receipt without its lines. `file`: its path, as text. `targets`: where each of `runs` went.

    `is_empty`: it has no complete line. `lines`: how many ends of lines it has. `is_mixed`: they are of several plans,
    which no apply writes. `digest`: the SHA-256 of its content.
    """

    file: str
    start: ReceiptStart | None
    runs: tuple[ApplyRun, ...]
    targets: tuple[Target, ...]
    is_empty: bool = False
    lines: int = 0
    is_mixed: bool = False
    digest: bytes = b""

    @property
    def path(self) -> Path:
        """Where it is."""
        return Path(self.file)

    @property
    def directory(self) -> str:
        """The path of the directory that it is in, as text."""
        return self.file.removesuffix(RECEIPT)[:-1]

    def name_beside(self, name: str) -> str:
        """Return the path of another file of the same directory, as text."""
        return self.file.removesuffix(RECEIPT) + name

    def list_runs(self, target: Target) -> list[ApplyRun]:
        """Return its applies to `target`."""
        return [self.runs[number] for number in self.list_numbers(target)]

    def list_numbers(self, target: Target) -> list[int]:
        """Return the places of these in `runs`."""
        return [number for number, went in enumerate(self.targets) if target.covers(went)]

    def pack(self) -> _PackedOutline:
        """Return all but the path, with the attempts as bytes."""
        runs = tuple(replace(run, attempts=()) for run in self.runs)
        attempts = tuple(pack_attempts(run.attempts) for run in self.runs)
        rest = self.is_empty, self.lines, self.is_mixed, self.digest
        return _PackedOutline(self.start, runs, attempts, self.targets, *rest)


class _PackedOutline(msgspec.Struct, frozen=True, array_like=True):
    start: ReceiptStart | None
    runs: tuple[ApplyRun, ...]
    attempts: tuple[PackedAttempts, ...]
    targets: tuple[Target, ...]
    is_empty: bool
    lines: int
    is_mixed: bool
    digest: bytes

    def unpack(self, file: str) -> ReceiptOutline:
        """Return the outline of the receipt at `file`. Raises `ValueError` if parts of it are missing."""
        for run, packed in zip(self.runs, self.attempts, strict=True):
            if packed.count:
                # Nothing else refers to this run yet, and copying very many takes as long as reading them.
                object.__setattr__(run, "attempts", packed.unpack())
        rest = self.is_empty, self.lines, self.is_mixed, self.digest
        return ReceiptOutline(file, self.start, self.runs, self.targets, *rest)


Outlines = Sequence[ReceiptOutline]
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[_PackedOutline]).decode


def read_outlines(plans: Path, store: RecordStore | None = None) -> Outlines:
    """Return the outline of each receipt below `plans`, in the order of their paths.

    `store` keeps those of long records, so that only receipts that changed are read and parsed.
    """
    paths = list_receipt_files(plans)
    if store is None or len(paths) < RECEIPTS:
        return [outline_receipt(path, read_file(path)) for path in paths]
    files = KnownFiles(plans, store, RECEIPT)
    found = [outline for part in split_into_parts(paths) for outline in _read_part(plans, part, files, store)]
    files.save()
    return found


def _read_part(plans: Path, paths: Sequence[str], files: KnownFiles, store: RecordStore) -> Sequence[ReceiptOutline]:
    if len(paths) < RECEIPTS:
        return [outline_receipt(path, files.read(path)) for path in paths]
    known = [files.digest(path) for path in paths]
    kept = store.read(_find_key(plans, paths, (digest for digest, _ in known)), LARGEST // 2, counts=False)
    if kept is not None:
        with suppress(msgspec.DecodeError, ValueError):
            return [each.unpack(path) for path, each in zip(paths, _decode(kept), strict=True)]
    contents = [
        files.read(path) if content is None else content for path, (_, content) in zip(paths, known, strict=True)
    ]
    found = list(map(outline_receipt, paths, contents))
    # By what was parsed: a receipt may have changed since it was asked for.
    key = _find_key(plans, paths, (outline.digest for outline in found))
    store.write(key, LARGEST // 2, _encode([each.pack() for each in found]))
    return found


def _find_key(plans: Path, paths: Iterable[str], digests: Iterable[bytes]) -> str:
    """Return the key of the outlines of receipts with these digests."""
    part = PartDigest(plans)
    for path, digest in zip(paths, digests, strict=True):
        part.add(path, digest)
    return part.to_key("outlines")


def outline_receipt(file: str, content: bytes) -> ReceiptOutline:
    """Return the outline of the receipt at `file` with this content."""
    lines = list(parse_lines(content, file))
    first = lines[0] if lines else None
    start = None
    if isinstance(first, ApplyStarted):
        start = ReceiptStart(first.recorded_target, first.sort_time, first.key if isinstance(first.key, str) else None)
    targets = tuple(line.recorded_target for line in lines if isinstance(line, ApplyStarted))
    return ReceiptOutline(
        file,
        start,
        tuple(collect_runs(lines, Path(file).parent.name, None)),
        targets,
        is_empty=not lines,
        lines=count_lines(content),
        is_mixed=len({line.plan_id for line in lines}) > 1,
        digest=hashlib.sha256(content).digest(),
    )


def select_runs(outlines: Outlines, target: Target, now: datetime | None = None) -> list[ApplyRun]:
    """Return all applies to `target`, oldest first. `now`: as for `read_runs`."""
    runs = (run for outline in outlines for run in outline.list_runs(target))
    return sort_runs(runs, now)


def sort_runs(runs: Iterable[ApplyRun], now: datetime | None) -> list[ApplyRun]:
    """Return applies, oldest first; those from after `now` are undated."""
    dated = runs if now is None else (disregard_future(run, now) for run in runs)
    return sorted(dated, key=lambda run: run.began)


def find_previous_target(outlines: Outlines, target: Target) -> str | None:
    """Return where the last apply by the same profile went; None if there is none, or if any went to `target`."""
    starts = (outline.start for outline in outlines if outline.start is not None)
    applies = sorted(
        ((start.when, start.target) for start in starts if start.target.profile == target.profile), key=itemgetter(0)
    )
    return applies[-1][1].address if applies and not _is_known(target, [each for _, each in applies]) else None


def _is_known(target: Target, applies: Iterable[Target]) -> bool:
    """Whether one of `applies`, oldest first, went to `target`.

    One without a tenant went to the only tenant there was, until another is named at that address. Afterwards it is
    one that a guard let pass.
    """
    known = others = False
    for each in applies:
        if target.covers(each):
            if each.tenant is not None or others:
                return True
            known = True
        elif target.covers(replace(each, tenant=None)):
            known, others = False, True
    return known


def count_lines(content: bytes) -> int:
    """Return the number of ends of lines in a receipt: a line without an end is what a crash left of one."""
    return content.count(b"\n")


def list_key_ids(outlines: Outlines) -> set[str]:
    """Return the ids of the keys that the digests of receipts were made with."""
    starts = (outline.start for outline in outlines if outline.start is not None)
    return {start.key for start in starts if start.key is not None}


# --- one receipt --------------------------------------------------------------------


def read_lines(path: Path) -> Iterator[ReceiptLine]:
    """Yield the lines of a receipt; a last line that a crash cut short is left out."""
    return parse_lines(read_file(path), str(path))


def parse_lines(content: bytes, name: str) -> Iterator[ReceiptLine]:
    """Yield the lines of the receipt `content`, as `read_lines`."""
    lines = parse_whole_lines(content)
    return iter(lines) if lines is not None else parse_receipt(content, name, parse_line)


def collect_runs(lines: Iterable[ReceiptLine], record: str, target: Target | None) -> Iterator[ApplyRun]:
    """Yield the applies to `target`, None for any, in one receipt: one run again adds another `apply_started`."""
    started: ApplyStarted | None = None
    found: list[ReceiptLine] = []
    for line in lines:
        if isinstance(line, ApplyStarted):
            if started is not None:
                yield _run(record, started, found)
            ours = target is None or target.covers(line.recorded_target)
            started, found = (line if ours else None), []
        elif started is not None:
            found.append(line)
    if started is not None:
        yield _run(record, started, found)


def _run(record: str, started: ApplyStarted, lines: Iterable[ReceiptLine]) -> ApplyRun:
    attempts: dict[str, Attempt] = {}
    quarantine: Quarantine | None = None
    end: ApplyFinished | None = None
    requests = 0
    for line in lines:
        match line:
            case Started():
                requests += 1
            case Finished():
                # Of a user with several outcomes the last counts: it was looked at again.
                attempts.pop(line.address, None)
                attempts[line.address] = _attempt(line)
            case Quarantined():
                quarantine = Quarantine(line.reason, line.message)
            case ApplyFinished():
                end = line
            case _:
                pass
    return ApplyRun(
        record=record,
        plan_id=started.plan_id,
        commit=started.commit or None,
        began=started.sort_time,
        whole=started.whole,
        key=started.key if isinstance(started.key, str) and started.key else None,
        config_digest=started.config_digest or None,
        attempts=tuple(attempts.values()),
        quarantine=quarantine,
        requests=requests,
        workflow_run=started.run if isinstance(started.run, str) else "",
        settled=_read_settled(started),
        how=end.how if end is not None else "",
        left=end.left if end is not None else 0,
        ended=end.sort_time if end is not None else None,
    )


def _read_settled(started: ApplyStarted) -> SettledPlan | None:
    """Return what an incremental plan goes on from; None if the line has none that makes sense."""
    found = started.population
    if not isinstance(found, PopulationNote):
        return None
    at, planned = parse_timestamp(found.at), parse_timestamp(found.planned)
    if at is None or planned is None or not 0 <= found.active <= found.managed or found.users < 0:
        return None
    return SettledPlan(planned, found.version, Population(found.users, found.managed, found.active, at))


def _attempt(line: Finished) -> Attempt:
    return Attempt(line.address, line.action, line.change, line.result, line.message, line.sort_time, line.id)
