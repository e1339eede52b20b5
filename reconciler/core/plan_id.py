from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from reconciler.core.model import (
    Target,
)
from reconciler.core.plan import Change


def compute_plan_id(target: Target, changes: Iterable[Change]) -> str:
    """`sha256:…` over what would be done: target, changes, before-values. Not over time, wording or places in files."""
    content = {
        "target": {"profile": target.profile, "base_url": target.base_url},
        "changes": [canonicalize_change(change) for change in changes],
    }
    text = json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def canonicalize_change(change: Change) -> dict[str, object]:
    """What makes two changes the same change."""
    return {
        "address": change.address,
        "action": change.action.value,
        "id": change.live_id,
        "before": dict(change.before),
        "after": dict(change.after),
        "temporary": change.temporary_user_name,
    }


def digest_change(change: Change) -> str:
    """Sixteen digits that are the same for the same change: receipts tell by it whether it was tried before."""
    text = json.dumps(canonicalize_change(change), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
