"""A service that refused an apply before it had a plan: the one thing of which no receipt can tell.

One small file beside the receipts, replaced whole each time. Once an apply gets as far as a plan it says so, and means
nothing any more. It is not removed: where two copies meet, the newer one counts.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reconciler.core.model import Target
from reconciler.errors import PlanFileError
from reconciler.record.files import write_private

REFUSAL = "refusal.json"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the service said, since when, the last time and how often in a row."""

    message: str
    began: datetime
    last: datetime
    count: int


def save_refusal(plans: Path, before: Refusal | None, target: Target, message: str, now: datetime) -> None:
    """Adds one refusal to those `before`; what cannot be written is not worth another error."""
    content = {
        "format_version": "1.0",
        "profile": target.profile,
        "target": target.base_url,
        "message": message,
        "began": (before.began if before is not None else now).isoformat(),
        "last": now.isoformat(),
        "count": before.count + 1 if before is not None else 1,
        "answered": None,
    }
    with suppress(PlanFileError):
        write_private(plans / REFUSAL, json.dumps(content, indent=2) + "\n")


def clear_refusal(plans: Path, history: Path, now: datetime) -> None:
    """The service answers: says so in `plans` when `history` holds a refusal."""
    found = _document(_content(history))
    if found.get("answered", "") is None:
        with suppress(PlanFileError):
            write_private(plans / REFUSAL, json.dumps({**found, "answered": now.isoformat()}, indent=2) + "\n")


def read_refusal(plans: Path, target: Target) -> Refusal | None:
    """The refusal on record for `target`; a file that cannot be understood says nothing."""
    try:
        found = _document(_content(plans))
        if (found["profile"], found["target"]) != (target.profile, target.base_url) or found.get("answered"):
            return None
        began, last = (datetime.fromisoformat(found[name]) for name in ("began", "last"))
        return Refusal(str(found["message"]), began, last, int(found["count"]))
    except (ValueError, KeyError, TypeError):
        return None


def newer_refusal(one: bytes, other: bytes) -> bytes:
    """Which of two copies of the file counts; `one` when nothing tells."""
    return other if _time(other) > _time(one) else one


def _time(content: bytes) -> datetime:
    found = _document(content)
    try:
        when = datetime.fromisoformat(found.get("answered") or found["last"])
        return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
    except (ValueError, KeyError, TypeError):
        return datetime.min.replace(tzinfo=UTC)


def _content(plans: Path) -> bytes:
    try:
        return (plans / REFUSAL).read_bytes()
    except OSError:
        return b""


def _document(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
