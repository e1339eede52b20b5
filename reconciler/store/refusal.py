"""A service that refused an apply before it had a plan: the one thing of which no receipt can tell.

One small file beside the receipts, replaced whole each time, gone as soon as an apply gets as far as a plan.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from reconciler.core.model import Target
from reconciler.errors import PlanFileError
from reconciler.store.files import write_private

_NAME = "refusal.json"


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the service said, since when, the last time and how often in a row."""

    message: str
    began: datetime
    last: datetime
    count: int


def remember_refusal(plans: Path, target: Target, message: str, now: datetime) -> None:
    """Adds one refusal; what cannot be written is not worth another error."""
    before = last_refusal(plans, target)
    began = before.began if before is not None else now
    content = {
        "format_version": "1.0",
        "profile": target.profile,
        "target": target.base_url,
        "message": message,
        "began": began.isoformat(),
        "last": now.isoformat(),
        "count": before.count + 1 if before is not None else 1,
    }
    with suppress(PlanFileError):
        write_private(plans / _NAME, json.dumps(content, indent=2) + "\n")


def forget_refusal(plans: Path) -> None:
    """The service answers."""
    with suppress(OSError):
        (plans / _NAME).unlink(missing_ok=True)


def last_refusal(plans: Path, target: Target) -> Refusal | None:
    """The refusal on record for `target`; a file that cannot be understood says nothing."""
    try:
        found = json.loads((plans / _NAME).read_bytes())
        if (found["profile"], found["target"]) != (target.profile, target.base_url):
            return None
        began, last = (datetime.fromisoformat(found[name]) for name in ("began", "last"))
        return Refusal(str(found["message"]), began, last, int(found["count"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
