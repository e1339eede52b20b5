"""Errors that several tenant.yaml have in the same words: one for display, with all tenants and the first places."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import pluralize
from reconciler.desired.layout import TENANT_FILE

_MAX_PLACES = 5
"""Places named of the other tenants with an error."""


def fold_tenants(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the diagnostics in their order, each with the number of tenants whose tenant.yaml has it."""
    groups: dict[object, list[Diagnostic]] = {}
    for number, item in enumerate(diagnostics):
        groups.setdefault(_get_key(item, number), []).append(item)
    return [_fold(same) for same in groups.values()]


def _get_key(item: Diagnostic, number: int) -> tuple[Severity, str, str] | int:
    """Return what the same errors of several tenant.yaml have in common; every other diagnostic is by itself."""
    if item.origin is None or not item.origin.file.endswith(f"/{TENANT_FILE}"):
        return number
    return (item.severity, item.summary, item.detail)


def _fold(same: list[Diagnostic]) -> Diagnostic:
    first = same[0]
    if len(same) == 1:
        return first
    others = [str(item.origin) for item in same[1 : _MAX_PLACES + 1]]
    left = len(same) - 1 - len(others)
    more = f", and {pluralize(left, 'more tenant')}" if left else ""
    where = f"Also in {', '.join(others)}{more}."
    summary = f"{first.summary} ({pluralize(len(same), 'tenant')})"
    return replace(first, summary=summary, detail=f"{first.detail} {where}".strip())
