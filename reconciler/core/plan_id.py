"""Identify plans and changes by digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from reconciler.core.model import Target
from reconciler.core.plan import Change


def compute_plan_id(target: Target, changes: Iterable[Change]) -> str:
    """Compute `sha256:…` over what would be done: target, changes, before-values; not time, wording or origins."""
    content = {
        "target": target.document,
        "changes": [canonicalize_change(change) for change in changes],
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


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
    text = json.dumps(canonicalize_change(change), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
