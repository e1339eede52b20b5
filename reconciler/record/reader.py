"""Read the record of applies: every receipt, each apply as one `ApplyRun`, and what else receipts answer.

What is on record was written by this tool, but may have been edited since: nothing in it is relied on to be
well-formed. Every function that reads receipts raises `PlanFileError`, with file and line, for one that is broken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.core.model import Target
from reconciler.record.account_history import AccountHistory, AccountHistoryBuilder
from reconciler.record.files import read_file
from reconciler.record.history_state import SETTLED_AFTER, find_last_moment
from reconciler.record.kept_history import KeptHistory
from reconciler.record.kept_parts import RECEIPTS, RecordStore
from reconciler.record.kept_plans import read_packed_plans
from reconciler.record.late_plan import PlanReader
from reconciler.record.layout import PLAN, RECEIPT, shorten_plan_id
from reconciler.record.outlines import (
    Outlines,
    collect_runs,
    count_lines,
    parse_lines,
    read_lines,
    read_outlines,
    select_runs,
    sort_runs,
)
from reconciler.record.plan_summary import read_plan_summary
from reconciler.record.receipt_content import parse_receipt
from reconciler.record.receipt_line import (
    ApplyStarted,
    Started,
    parse_entry,
)
from reconciler.record.record_files import list_receipt_files, list_receipts
from reconciler.record.runs import (
    AppliedChange,
    ApplyRun,
    join_plan,
)
from reconciler.record.timestamps import LONG_AGO

_LONGEST_NAME = 512
"""Characters of a user name."""


# --- lines ------------------------------------------------------------------------


def read_entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a receipt as they are, with every key and value, to be shown."""
    return parse_receipt(read_file(path), str(path), parse_entry)


# --- applies ------------------------------------------------------------------------


def read_runs(plans: Path, target: Target, now: datetime | None = None) -> list[ApplyRun]:
    """Return all applies to `target` by their receipts alone, oldest first.

    Those from after `now` are undated and come first; None: every time counts as it was written.
    """
    return select_runs(read_outlines(plans), target, now)


def read_all_runs(plans: Path) -> list[ApplyRun]:
    """Return all applies, whatever their target, by their receipts alone."""
    return [run for outline in read_outlines(plans) for run in outline.runs]


def read_runs_with_plans(plans: Path, target: Target, now: datetime | None = None) -> list[ApplyRun]:
    """Return all applies to `target` joined with their plans on record, oldest first. `now`: as for `read_runs`.

    Changes are read from `plans` when they are asked for: the directory must be there as long as the applies are used.
    """
    return join_plans(read_outlines(plans), target, now)


def join_plans(
    outlines: Outlines,
    target: Target,
    now: datetime | None = None,
    *,
    plans: Path = Path(),
    store: RecordStore | None = None,
) -> list[ApplyRun]:
    """Return all applies to `target` as `read_runs_with_plans` does, from outlines of their receipts.

    `store` keeps outlines of the plans of the record in the directory `plans`.
    """
    reader = PlanReader()
    found: list[ApplyRun] = []
    for outline, packed in read_packed_plans(outlines, plans, store, reader):
        numbers, file = outline.list_numbers(target), outline.name_beside(PLAN)
        if packed is not None:
            found += [reader.join_packed(outline.runs[number], number, packed, file) for number in numbers]
        elif numbers:
            found += reader.join(outline.list_runs(target), file)
    return sort_runs(found, now)


# --- one record ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """One record: the plan, and all applies of it. `commit`: of the last one. `redacted`: it holds digests.

    `lines`: how many the receipt has.
    """

    target: Target | None
    plan_id: str
    commit: str | None
    planned: Mapping[str, AppliedChange]
    runs: tuple[ApplyRun, ...]
    redacted: bool
    lines: int


def read_record(directory: Path) -> PlanRecord:
    """Return the record in `directory`."""
    content = read_file(directory / RECEIPT)
    lines, plan = list(parse_lines(content, str(directory / RECEIPT))), read_plan_summary(directory / PLAN)
    first = lines[0] if lines else None
    target = first.recorded_target if isinstance(first, ApplyStarted) else None
    runs = collect_runs(lines, directory.name, target) if target is not None else ()
    joined = tuple(join_plan(run, plan) for run in runs)
    commit = joined[-1].commit if joined else plan.commit
    plan_id = first.plan_id if first is not None else ""
    return PlanRecord(target, plan_id, commit, plan.changes, joined, plan.redacted, count_lines(content))


# --- what receipts answer -------------------------------------------------------------


def read_account_history(
    plans: Path,
    target: Target,
    quarantine_days: int,
    now: datetime,
    *,
    present: datetime | None = None,
    service_time: datetime | None = None,
    names: bool = False,
    store: RecordStore | None = None,
) -> AccountHistory:
    """Return the history of the target's accounts, from all receipts, in one pass.

    `present`: the time by which a change is recent; None: `now`. `service_time`: as in
    `RecentChangeReader`. `names`: the names of accounts too, for which the plans of version 0.1 are read.
    `store` keeps what old receipts of a long record say.
    """
    builder = AccountHistoryBuilder(
        target, quarantine_days, now, present=present, service_time=service_time, names=names
    )
    paths = list_receipt_files(plans)
    kept = None
    if store is not None and len(paths) >= RECEIPTS:
        settings = repr((target, quarantine_days, names))
        earliest = min(filter(None, (now, present, service_time)))
        kept = KeptHistory(plans, store, f"accounts {settings}", earliest - SETTLED_AFTER)
        paths = paths[kept.resume(builder, paths) :]
    for path in paths:
        content = read_file(path)
        lines = list(parse_lines(content, path))
        lacking = builder.add(lines, Path(path).parent.name)
        if lacking:
            builder.add_plan(read_plan_summary(Path(path).with_name(PLAN)))
        if kept is not None:
            kept.add(builder, path, content, None if lacking else find_last_moment(lines))
    if kept is not None:
        kept.save()
    return builder.build()


def read_started_addresses(plans: Path, plan_id: str) -> frozenset[str]:
    """Return the addresses of all changes of a plan that earlier applies of it started, whatever their outcome."""
    return frozenset(
        line.address
        for path in list_receipts(plans)
        if path.parent.name.endswith(f"-{shorten_plan_id(plan_id)}")
        for line in read_lines(path)
        if isinstance(line, Started) and line.plan_id == plan_id
    )


def read_original_names(plans: Path, target: Target) -> dict[str, str]:
    """Return the user names before temporary ones, by live id; the latest on record counts."""
    found: dict[str, tuple[datetime, str]] = {}
    for path in list_receipts(plans):
        ours = False
        for line in read_lines(path):
            if isinstance(line, ApplyStarted):
                ours = target.covers(line.recorded_target)
            elif ours and isinstance(line, Started) and line.id is not None and _is_name(line.original_user_name):
                found[line.id] = max(found.get(line.id, (LONG_AGO, "")), (line.sort_time, str(line.original_user_name)))
    return {identity: name for identity, (_, name) in found.items()}


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()
