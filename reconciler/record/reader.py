"""The record of each apply, read back: `plans/<date>-<id>/` with the plan and its receipt, as `core.history` has it.

What is on record was written by us, but may have been edited since: nothing in it is relied on to be well-formed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.core.model import Target
from reconciler.core.values import fold_case
from reconciler.errors import PlanFileError
from reconciler.record.files import read_file
from reconciler.record.receipt import RECEIPT, read_receipt, short_id, time_of
from reconciler.record.runs import AppliedChange, ApplyRun, Planned

PLAN = "plan.json"
PAGE = "README.md"


@dataclass(frozen=True, slots=True)
class _PlanSummary:
    """What history needs of a plan."""

    commit: str | None
    changes: Mapping[str, AppliedChange]
    unplannable: frozenset[str]
    redacted: bool = False
    said: Planned | None = None


@dataclass(frozen=True, slots=True)
class PlanRecord:
    """One record: what was planned, and all applies of it. `commit`: the last one's. `veiled`: it holds digests."""

    target: Target | None
    plan_id: str
    commit: str | None
    planned: Mapping[str, AppliedChange]
    runs: tuple[ApplyRun, ...]
    redacted: bool


def read_record(directory: Path) -> PlanRecord:
    """The record in `directory`; raises `PlanFileError` when its receipt cannot be read."""
    receipt, plan = directory / RECEIPT, _plan(directory / PLAN)
    first = next(read_receipt(receipt), {})
    target = Target(str(first.get("profile", "")), str(first.get("target", ""))) if first else None
    runs = tuple(_runs(receipt, target)) if target is not None else ()
    commit = runs[-1].commit if runs else plan.commit
    return PlanRecord(target, str(first.get("plan_id", "")), commit, plan.changes, runs, plan.redacted)


def runs_on_record(plans: Path, target: Target) -> list[ApplyRun]:
    """All applies to `target`, oldest first. Raises `PlanFileError` for a receipt that cannot be read."""
    runs = [run for path in sorted(plans.rglob(RECEIPT)) for run in _runs(path, target)]
    return sorted(runs, key=lambda run: run.began)


def _runs(path: Path, target: Target) -> Iterator[ApplyRun]:
    """Those of one record: an apply that is run again adds to the same receipt."""
    plan: _PlanSummary | None = None
    run: ApplyRun | None = None
    done: dict[str, AppliedChange] = {}
    for entry in read_receipt(path):
        event = entry.get("event")
        if event == "apply_started":
            if run is not None:
                yield replace(run, changes=done)
            here = (entry.get("profile"), entry.get("target")) == (target.profile, target.base_url)
            plan = plan or _plan(path.with_name(PLAN))
            run, done = (_run(path, entry, plan) if here else None), {}
        elif run is not None and plan is not None and event == "finished":
            applied = _applied(entry, plan)
            done |= dict.fromkeys(applied.keys, applied)
        elif run is not None and event == "apply_finished":
            left = entry.get("left", 0)
            how = str(entry.get("how", "complete"))
            run = replace(run, how=how, left=left if isinstance(left, int) else 0, ended=time_of(entry))
    if run is not None:
        yield replace(run, changes=done)


def _run(path: Path, entry: Mapping[str, Any], plan: _PlanSummary) -> ApplyRun:
    commit, digest, key = (_text(entry.get(name)) for name in ("commit", "config_digest", "key"))
    return ApplyRun(
        record=path.parent.name,
        plan_id=str(entry.get("plan_id", "")),
        commit=commit or plan.commit,
        began=time_of(entry),
        whole=entry.get("whole", True) is True,
        changes={},
        unplannable=plan.unplannable,
        planned=replace(plan.said, digest=digest or plan.said.digest) if plan.said is not None else None,
        key=key,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _applied(entry: Mapping[str, Any], plan: _PlanSummary) -> AppliedChange:
    address = str(entry.get("address", ""))
    planned = plan.changes.get(address) or AppliedChange(address, str(entry.get("action", "")), "", "", None, {}, {})
    live_id = entry.get("id")
    return replace(
        planned,
        live_id=live_id if isinstance(live_id, str) else planned.live_id,
        result=str(entry.get("result", "")),
        message=str(entry.get("message", "")),
        time=time_of(entry),
    )


def _plan(path: Path) -> _PlanSummary:
    """A plan that is not there, or none, says nothing: the receipt still counts."""
    try:
        found = json.loads(read_file(path))
        changes = [_change(each) for each in found["resource_changes"]]
        unplannable = [each.get("address") for each in found["diagnostics"] if each.get("severity") == "error"]
        commit, redacted = found["commit"], found.get("values") == "digest"
    except (PlanFileError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return _PlanSummary(None, {}, frozenset())
    by_address = {change.address: change for change in changes}
    return _PlanSummary(
        commit if isinstance(commit, str) else None,
        by_address,
        frozenset(fold_case(each) for each in unplannable if isinstance(each, str)),
        redacted,
        _said(found, changes),
    )


def _said(found: Mapping[str, Any], changes: list[AppliedChange]) -> Planned | None:
    try:
        at, unmanaged = datetime.fromisoformat(found["created_at"]), int(found["summary"]["unmanaged"])
    except (ValueError, KeyError, TypeError):
        return None
    return Planned(
        changes={key: change for change in changes for key in change.keys},
        digest=str(found.get("config_digest", "")),
        version=str(found.get("reconciler_version", "")),
        at=at if at.tzinfo is not None else at.replace(tzinfo=UTC),
        unmanaged=unmanaged,
    )


def _change(found: Mapping[str, Any]) -> AppliedChange:
    address, action, reason, detail = (str(found[name]) for name in ("address", "action", "action_reason", "detail"))
    live_id, values = found["id"], found["change"]
    before, after = ({str(path): value for path, value in (values[side] or {}).items()} for side in ("before", "after"))
    return AppliedChange(address, action, reason, detail, live_id if isinstance(live_id, str) else None, before, after)


def commit_before(runs: list[ApplyRun], plan_id: str) -> tuple[str, str | None] | None:
    """The commit of a plan on record, and that of the last apply before it that had another; None: no such plan.

    `plan_id` may be short.
    """
    found = next((run for run in runs if short_id(run.plan_id) == short_id(plan_id) and run.commit is not None), None)
    if found is None or found.commit is None:
        return None
    earlier = [run.commit for run in runs if run.began < found.began and run.commit not in (None, found.commit)]
    return found.commit, earlier[-1] if earlier else None
