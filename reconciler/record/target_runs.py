"""The applies of the past, read from their receipts: input of `core.health`, and where applies went before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.core.model import Target
from reconciler.record.receipt import RECEIPT, read_receipt, time_of
from reconciler.record.runs import Attempt, Quarantine, ReceiptRun


def runs_of(plans: Path, target: Target) -> list[ReceiptRun]:
    """All applies to `target` that have a receipt in `plans`, oldest first. Raises `PlanFileError`."""
    runs = [run for path in sorted(plans.rglob(RECEIPT)) for run in _runs_in(path, target)]
    return sorted(runs, key=lambda run: run.began)


def moved_from(plans: Path, target: Target) -> str | None:
    """Where the last apply by the same profile went, when there is one and none ever went to `target`; else None."""
    last: tuple[datetime, str] | None = None
    for path in plans.rglob(RECEIPT):
        first = next(read_receipt(path), {})
        if first.get("event") != "apply_started" or first.get("profile") != target.profile:
            continue
        where = str(first.get("target"))
        if where == target.base_url:
            return None
        began = time_of(first)
        if last is None or (began, where) > last:
            last = (began, where)
    return last[1] if last is not None else None


def _runs_in(path: Path, target: Target) -> Iterator[ReceiptRun]:
    """An apply that is run again adds to the same receipt: each `apply_started` begins another run."""
    open_run: _Open | None = None
    for entry in read_receipt(path):
        if entry.get("event") == "apply_started":
            if open_run is not None:
                yield open_run.run()
            ours = (entry.get("profile"), entry.get("target")) == (target.profile, target.base_url)
            open_run = _Open(entry) if ours else None
        elif open_run is not None:
            open_run.add(entry)
    if open_run is not None:
        yield open_run.run()


@dataclass(slots=True)
class _Open:
    """A run while its lines are read."""

    first: Mapping[str, Any]
    attempts: list[Attempt] = field(default_factory=list)
    quarantine: Quarantine | None = None
    last: Mapping[str, Any] | None = None

    def add(self, entry: Mapping[str, Any]) -> None:
        match entry.get("event"):
            case "finished":
                self.attempts.append(_attempt(entry))
            case "quarantined":
                self.quarantine = Quarantine(str(entry.get("reason", "")), str(entry.get("message", "")))
            case "apply_finished":
                self.last = entry
            case _:
                pass

    def run(self) -> ReceiptRun:
        end = self.last or {}
        left = end.get("left", 0)
        return ReceiptRun(
            plan_id=str(self.first.get("plan_id", "")),
            began=time_of(self.first),
            whole=self.first.get("whole", True) is True,
            attempts=tuple(self.attempts),
            ended=time_of(end) if self.last is not None else None,
            how=str(end.get("how", "complete")) if self.last is not None else "",
            left=left if isinstance(left, int) else 0,
            quarantine=self.quarantine,
        )


def _attempt(entry: Mapping[str, Any]) -> Attempt:
    names = ("address", "action", "change", "result", "message")
    address, action, digest, result, message = (str(entry.get(name, "")) for name in names)
    return Attempt(address, action, digest, result, message, time_of(entry))
