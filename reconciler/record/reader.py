"""Read the record of applies: every receipt, each apply as one `ApplyRun`, and what else receipts answer.

What is on record was written by this tool, but may have been edited since: nothing in it is relied on to be
well-formed. Every function that reads receipts raises `PlanFileError`, with file and line, for one that is broken.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any

from reconciler.core.model import Target
from reconciler.core.plan import Population
from reconciler.record.account_history import AccountHistory, AccountHistoryBuilder
from reconciler.record.files import read_file
from reconciler.record.late_plan import PlanReader
from reconciler.record.layout import PLAN, RECEIPT, shorten_plan_id
from reconciler.record.plan_summary import read_plan_summary
from reconciler.record.receipt_content import parse_receipt
from reconciler.record.receipt_line import (
    ApplyFinished,
    ApplyStarted,
    Finished,
    PopulationNote,
    Quarantined,
    ReceiptLine,
    Started,
    parse_entry,
    parse_line,
    parse_whole_lines,
)
from reconciler.record.record_files import list_receipts
from reconciler.record.runs import (
    AppliedChange,
    ApplyRun,
    Attempt,
    Quarantine,
    SettledPlan,
    disregard_future,
    join_plan,
)
from reconciler.record.timestamps import LONG_AGO, parse_timestamp

_LONGEST_NAME = 512
"""Characters of a user name."""


# --- lines ------------------------------------------------------------------------


def read_lines(path: Path) -> Iterator[ReceiptLine]:
    """Yield the lines of a receipt; a last line that a crash cut short is left out."""
    return parse_lines(read_file(path), str(path))


def parse_lines(content: bytes, name: str) -> Iterator[ReceiptLine]:
    """Yield the lines of the receipt `content`, as `read_lines`."""
    lines = parse_whole_lines(content)
    return iter(lines) if lines is not None else parse_receipt(content, name, parse_line)


def read_entries(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a receipt as they are, with every key and value, to be shown."""
    return parse_receipt(read_file(path), str(path), parse_entry)


def _first_lines(plans: Path) -> Iterator[ApplyStarted]:
    """Yield the first line of each receipt that begins with an apply."""
    for path in list_receipts(plans):
        first = next(parse_receipt(read_file(path), str(path), parse_line), None)
        if isinstance(first, ApplyStarted):
            yield first


# --- applies ------------------------------------------------------------------------


def read_runs(plans: Path, target: Target, now: datetime | None = None) -> list[ApplyRun]:
    """Return all applies to `target` by their receipts alone, oldest first.

    Those from after `now` are undated and come first; None: every time counts as it was written.
    """
    return _sort([run for path in list_receipts(plans) for run in _runs_in(path, target)], now)


def read_all_runs(plans: Path) -> list[ApplyRun]:
    """Return all applies, whatever their target, by their receipts alone."""
    return [run for path in list_receipts(plans) for run in collect_runs(read_lines(path), path.parent.name, None)]


def read_runs_with_plans(plans: Path, target: Target, now: datetime | None = None) -> list[ApplyRun]:
    """Return all applies to `target` joined with their plans on record, oldest first. `now`: as for `read_runs`.

    Changes are read from `plans` when they are asked for: the directory must be there as long as the applies are used.
    """
    reader = PlanReader()
    return _sort([run for path in list_receipts(plans) for run in _runs_with_plan(path, target, reader)], now)


def _sort(runs: Iterable[ApplyRun], now: datetime | None) -> list[ApplyRun]:
    dated = runs if now is None else (disregard_future(run, now) for run in runs)
    return sorted(dated, key=lambda run: run.began)


def _runs_in(path: Path, target: Target) -> Iterator[ApplyRun]:
    return collect_runs(read_lines(path), path.parent.name, target)


def _runs_with_plan(path: Path, target: Target, reader: PlanReader) -> list[ApplyRun]:
    runs = list(_runs_in(path, target))
    return reader.join(runs, path.with_name(PLAN)) if runs else []


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


# --- one record ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """One record: the plan, and all applies of it. `commit`: of the last one. `redacted`: it holds digests."""

    target: Target | None
    plan_id: str
    commit: str | None
    planned: Mapping[str, AppliedChange]
    runs: tuple[ApplyRun, ...]
    redacted: bool


def read_record(directory: Path) -> PlanRecord:
    """Return the record in `directory`."""
    lines, plan = list(read_lines(directory / RECEIPT)), read_plan_summary(directory / PLAN)
    first = lines[0] if lines else None
    target = first.recorded_target if isinstance(first, ApplyStarted) else None
    runs = collect_runs(lines, directory.name, target) if target is not None else ()
    joined = tuple(join_plan(run, plan) for run in runs)
    commit = joined[-1].commit if joined else plan.commit
    return PlanRecord(target, first.plan_id if first is not None else "", commit, plan.changes, joined, plan.redacted)


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
) -> AccountHistory:
    """Return the history of the target's accounts, from all receipts, in one pass.

    `present`: the time by which a change is recent; None: `now`. `service_time`: as in
    `RecentChangeReader`. `names`: the names of accounts too, for which the plans of version 0.1 are read.
    """
    builder = AccountHistoryBuilder(
        target, quarantine_days, now, present=present, service_time=service_time, names=names
    )
    for path in list_receipts(plans):
        if builder.add(read_lines(path), path.parent.name):
            builder.add_plan(read_plan_summary(path.with_name(PLAN)))
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


def read_key_ids(plans: Path) -> set[str]:
    """Return the ids of the keys that the digests of receipts were made with."""
    return {line.key for line in _first_lines(plans) if isinstance(line.key, str)}


def read_previous_target(plans: Path, target: Target) -> str | None:
    """Return where the last apply by the same profile went; None if there is none, or if any went to `target`."""
    applies = sorted(
        ((line.sort_time, line.recorded_target) for line in _first_lines(plans) if line.profile == target.profile),
        key=itemgetter(0),
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
