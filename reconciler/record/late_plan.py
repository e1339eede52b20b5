"""Plans on record of which only the outline is read: which accounts each is about.

A record of years has very many plans, and a question is about few of their changes. Names, ids and times are taken from
a plan at once, in a pass that makes no objects of its values; its changes are read again when one is asked for that may
be there. A plan with anything unusual in it has no outline and is read in full at once.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import chain
from pathlib import Path

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from reconciler.core.untrusted_values import parse_count
from reconciler.core.values import fold_case
from reconciler.errors import PlanFileError
from reconciler.record.files import read_file
from reconciler.record.late_changes import LateChanges, hash_key, pack_hashes
from reconciler.record.plan_summary import parse_plan_summary
from reconciler.record.runs import AppliedChange, ApplyRun, Planned, PlanSummary, account_keys, join_plan
from reconciler.record.timestamps import parse_timestamp

_PLANS_KEPT = 256
_ACCOUNTS_KEPT = 50_000


# --- the outline of a plan -----------------------------------------------------------


class _Side(Struct):
    external_id: str | UnsetType | None = msgspec.field(default=UNSET, name="externalId")


class _Values(Struct):
    before: _Side | None
    after: _Side | None


class _PlannedChange(Struct):
    """All keys that a change on record must have to be read at all."""

    address: str
    action: Raw
    action_reason: Raw
    detail: Raw
    id: str | None
    change: _Values

    @property
    def external_id(self) -> str | None:
        """The externalId, as `AppliedChange.keys` takes it."""
        after, before = self.change.after, self.change.before
        found = (after is not None and after.external_id) or (before is not None and before.external_id)
        return found if isinstance(found, str) else None


class _Diagnostic(Struct):
    severity: str | None = None
    address: str | None = None


class _Summary(Struct):
    unmanaged: int


class _Outline(Struct):
    resource_changes: list[_PlannedChange]
    diagnostics: list[_Diagnostic]
    commit: str | None
    created_at: str
    summary: _Summary
    values: str | None = None
    config_digest: str = ""
    reconciler_version: str = ""


_decode = msgspec.json.Decoder(_Outline).decode


def _read_outline(content: bytes) -> _Outline | None:
    try:
        if not content.isascii():
            content.decode()  # what is skipped below is not looked at
        return _decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


class PackedPlan(Struct, frozen=True, array_like=True):
    """The outline of a plan, and which accounts its applies attempted. `at` None: it cannot be attributed to.

    `planned`, `attempted` (by apply): the keys of accounts, by `pack_hashes`. `digest`: the SHA-256 of the plan.
    """

    digest: bytes
    commit: str | None
    unplannable: tuple[str, ...]
    config_digest: str
    version: str
    at: datetime | None
    unmanaged: int
    planned: bytes
    attempted: tuple[bytes, ...]


# --- plans and applies ----------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class _LateRun:
    """An apply, and where its plan is, as text. `digest`: of the bytes that its outline was made of."""

    run: ApplyRun
    path: str
    digest: bytes


def _read_late(late: _LateRun) -> ApplyRun:
    """Return the apply joined with its plan. Raises `PlanFileError` if the plan is not what it was."""
    content = read_file(late.path)
    if hashlib.sha256(content).digest() != late.digest:
        raise PlanFileError(f"{late.path} was changed while it was read", "Run the command again.")
    return join_plan(late.run, parse_plan_summary(content))


class PlanReader:
    """Joins applies with their plans on record, whose changes are read when they are asked for.

    The plans must be there as long as the applies are used.
    """

    def __init__(self) -> None:
        self._read = lru_cache(_PLANS_KEPT)(_read_late)
        self._hash_keys = lru_cache(_ACCOUNTS_KEPT)(_hash_keys)

    def join(self, runs: Sequence[ApplyRun], path: Path | str) -> list[ApplyRun]:
        """Return `runs` joined with the plan at `path`, as by `join_plan`; without a plan they still count."""
        try:
            content = read_file(path)
        except PlanFileError:
            return [join_plan(run, PlanSummary()) for run in runs]
        packed = self.pack(runs, content)
        if packed is None:
            plan = parse_plan_summary(content)
            return [join_plan(run, plan) for run in runs]
        return [self.join_packed(run, number, packed, path) for number, run in enumerate(runs)]

    def pack(self, runs: Iterable[ApplyRun], content: bytes) -> PackedPlan | None:
        """Return what `join_packed` needs of the plan with this content; None if there is anything unusual in it."""
        outline = _read_outline(content)
        if outline is None:
            return None
        at, unmanaged = parse_timestamp(outline.created_at), parse_count(outline.summary.unmanaged)
        errors = (each.address for each in outline.diagnostics if each.severity == "error")
        planned = (self._hash_keys(each.address, each.external_id, each.id) for each in outline.resource_changes)
        return PackedPlan(
            hashlib.sha256(content).digest(),
            outline.commit,
            tuple(fold_case(each) for each in errors if each is not None),
            outline.config_digest,
            outline.reconciler_version,
            at if unmanaged is not None else None,
            unmanaged or 0,
            pack_hashes(chain.from_iterable(planned)),
            tuple(pack_hashes(self._hash_attempted(run, outline)) for run in runs),
        )

    def join_packed(self, run: ApplyRun, number: int, packed: PackedPlan, path: Path | str) -> ApplyRun:
        """Return the apply of this number joined with its plan at `path`."""
        late = _LateRun(run, os.fspath(path), packed.digest)
        return replace(
            run,
            commit=run.commit or packed.commit,
            changes=LateChanges(packed.attempted[number], lambda: self._read(late).changes),
            unplannable=frozenset(packed.unplannable),
            planned=self._describe_plan(packed, late),
        )

    def _describe_plan(self, packed: PackedPlan, late: _LateRun) -> Planned | None:
        if packed.at is None:
            return None

        def read() -> Mapping[str, AppliedChange]:
            planned = self._read(late).planned
            return planned.changes if planned is not None else {}

        changes = LateChanges(packed.planned, read)
        digest = late.run.config_digest if late.run.config_digest is not None else packed.config_digest
        return Planned(changes, digest, packed.version, packed.at, packed.unmanaged)

    def _hash_attempted(self, run: ApplyRun, outline: _Outline) -> Iterator[int]:
        """Yield the hashes of the keys of the changes that an apply attempted, as `join_plan` finds them."""
        by_address = {each.address: each for each in outline.resource_changes}
        for attempt in run.attempts:
            planned = by_address.get(attempt.address)
            external_id, planned_id = (planned.external_id, planned.id) if planned is not None else (None, None)
            live_id = attempt.live_id if attempt.live_id is not None else planned_id
            yield from self._hash_keys(attempt.address, external_id, live_id)


def _hash_keys(address: str, external_id: str | None, live_id: str | None) -> frozenset[int]:
    return frozenset(map(hash_key, account_keys(address, external_id, live_id)))
