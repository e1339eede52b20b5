"""Identify plans and changes by digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from reconciler.core.model import Target
from reconciler.core.plan import Change


def compute_plan_id(target: Target, changes: Iterable[Change]) -> str:
    """Compute `sha256:…` over what would be done: target, changes, before-values; not time, wording or origins."""
    digest = hashlib.sha256(b'{"changes":[')
    separator = ""
    # One change after another: the text of all would take more memory than the plan.
    for change in changes:
        digest.update(f"{separator}{_dump(canonicalize_change(change))}".encode())
        separator = ","
    digest.update(f'],"target":{_dump(target.document)}}}'.encode())
    return f"sha256:{digest.hexdigest()}"


def _dump(content: object) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))


def canonicalize_change(change: Change) -> dict[str, object]:
    """Return the parts of a change that identify it."""
    return {
        "address": change.address,
        "action": change.action.value,
        "id": change.live_id,
        "before": dict(change.before),
        "after": dict(change.after),
        "temporary": change.temporary_user_name,
    }


def digest_change(change: Change) -> str:
    """Return 16 hexadecimal digits that identify a change: receipts record attempts by them."""
    return hashlib.sha256(_dump(canonicalize_change(change)).encode()).hexdigest()[:16]
