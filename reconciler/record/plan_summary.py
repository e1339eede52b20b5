"""Read from a plan on record what the history of applies needs of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from reconciler.core.untrusted_values import parse_count
from reconciler.core.values import fold_case
from reconciler.errors import PlanFileError
from reconciler.record.files import read_file
from reconciler.record.runs import AppliedChange, Planned, PlanSummary
from reconciler.record.timestamps import parse_timestamp


def read_plan_summary(path: Path) -> PlanSummary:
    """Return the summary of a plan; an empty one if there is no plan or it cannot be read: the receipt still counts."""
    try:
        return parse_plan_summary(read_file(path))
    except PlanFileError:
        return PlanSummary()


def parse_plan_summary(content: bytes) -> PlanSummary:
    """Return the same of the bytes of a plan."""
    try:
        document = _decode(content)
        changes = [_change(each) for each in document["resource_changes"]]
        unplannable = [each.get("address") for each in document["diagnostics"] if each.get("severity") == "error"]
        commit, redacted = document["commit"], document.get("values") == "digest"
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return PlanSummary()
    return PlanSummary(
        commit=commit if isinstance(commit, str) else None,
        changes={change.address: change for change in changes},
        unplannable=frozenset(fold_case(each) for each in unplannable if isinstance(each, str)),
        redacted=redacted,
        planned=_planned(document, changes),
    )


def _decode(content: bytes) -> Any:
    """Return the JSON of a plan. Names of attributes are shared by all plans, which takes half of the memory.

    Raises `ValueError` or `RecursionError`.
    """
    try:
        return msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # What only Python's parser takes: NaN, half a surrogate pair.
        return json.loads(content)


def _planned(document: Mapping[str, Any], changes: Sequence[AppliedChange]) -> Planned | None:
    try:
        at, unmanaged = parse_timestamp(document["created_at"]), parse_count(document["summary"]["unmanaged"])
    except (KeyError, TypeError):
        return None
    if at is None or unmanaged is None:
        return None
    return Planned(
        changes={key: change for change in changes for key in change.keys},
        digest=str(document.get("config_digest", "")),
        version=str(document.get("reconciler_version", "")),
        at=at,
        unmanaged=unmanaged,
    )


def _change(found: Mapping[str, Any]) -> AppliedChange:
    address, action, reason, detail = (str(found[name]) for name in ("address", "action", "action_reason", "detail"))
    live_id, values = found["id"], found["change"]
    before, after = ({str(path): value for path, value in (values[side] or {}).items()} for side in ("before", "after"))
    return AppliedChange(address, action, reason, detail, live_id if isinstance(live_id, str) else None, before, after)
