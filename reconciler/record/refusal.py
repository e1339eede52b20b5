"""The last refusal: a service that refused an apply before there was a plan, which no receipt can record.

One small file next to the receipts, or one for each named tenant, replaced as a whole each time. Once the service
answers again the file says so and no longer counts. It is not deleted: of two copies of the record the newer one
counts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from reconciler.core.model import Target
from reconciler.core.untrusted_values import parse_count
from reconciler.errors import PlanFileError
from reconciler.record.files import read_file, write_private
from reconciler.record.layout import REFUSAL, name_refusal
from reconciler.record.merge import parse_refusal
from reconciler.record.timestamps import parse_timestamp

_MAX_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the service answered, since when, the last time and how often in a row."""

    message: str
    began: datetime
    last: datetime
    count: int


def _ignore(_problem: str) -> None:
    """Report nothing."""


def save_refusal(
    plans: Path,
    before: Refusal | None,
    target: Target,
    message: str,
    now: datetime,
    *,
    report: Callable[[str], None] = _ignore,
) -> None:
    """Add one refusal to those `before`. A file that cannot be written is reported, and is no error of its own."""
    content = {
        "format_version": "1.0",
        "profile": target.profile,
        "target": target.base_url,
        **({"tenant": target.tenant} if target.tenant is not None else {}),
        "message": message,
        "began": (before.began if before is not None else now).isoformat(),
        "last": now.isoformat(),
        "count": before.count + 1 if before is not None else 1,
        "answered": None,
    }
    _write(plans / name_refusal(target.tenant), content, report)


def _write(path: Path, content: Mapping[str, Any], report: Callable[[str], None]) -> None:
    try:
        write_private(path, json.dumps(content, indent=2) + "\n")
    except PlanFileError as exc:
        report(f"Could not record the state of the service: {exc.summary}.")


def clear_refusal(
    plans: Path, history: Path, target: Target, now: datetime, *, report: Callable[[str], None] = _ignore
) -> None:
    """Record in `plans` that the service answers again, if `history` holds a refusal of `target`."""
    for name, found in _refusals(history, target):
        if found.get("answered", "") is None:
            _write(plans / name, {**found, "answered": now.isoformat()}, report)


def read_refusal(plans: Path, target: Target) -> Refusal | None:
    """Return the refusal on record for `target`; None if there is none or the file cannot be read."""
    return next((refusal for _, found in _refusals(plans, target) if (refusal := _read(found)) is not None), None)


def _refusals(plans: Path, target: Target) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the files about `target`, by name: its own, and one from before its tenant was named."""
    for name in dict.fromkeys((name_refusal(target.tenant), REFUSAL)):
        found = parse_refusal(_content(plans / name))
        tenant = found.get("tenant")
        recorded = Target(str(found.get("profile")), str(found.get("target")), str(tenant) if tenant else None)
        if target.covers(recorded):
            yield name, found


def _read(found: Mapping[str, Any]) -> Refusal | None:
    """Return the refusal in a file; None if the service has answered since."""
    try:
        if found.get("answered"):
            return None
        began, last = (parse_timestamp(found[name]) for name in ("began", "last"))
        count = parse_count(found["count"])
        if began is None or last is None or count is None:
            return None
        return Refusal(str(found["message"]), began, last, count)
    except (ValueError, KeyError, TypeError):
        return None


def _content(path: Path) -> bytes:
    try:
        return read_file(path, _MAX_BYTES)
    except PlanFileError:
        return b""
