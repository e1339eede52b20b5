"""The applies on record, from what was read when the record was opened: once for all who ask."""

from __future__ import annotations

from datetime import datetime

from reconciler.core.model import Target
from reconciler.record.outlines import Outlines, find_previous_target, list_key_ids, read_outlines, select_runs
from reconciler.record.reader import join_plans
from reconciler.record.runs import ApplyRun
from reconciler.session.workspace import Workspace


def read_applies(workspace: Workspace, target: Target, now: datetime | None = None) -> list[ApplyRun]:
    """Return all applies to `target` on record, oldest first, as `record.reader.read_runs` does.

    Of a record that is open (`open_full_record`) they are those that it had when it was opened.
    """
    return select_runs(_read(workspace), target, now)


def read_applies_with_plans(workspace: Workspace, target: Target, now: datetime | None = None) -> list[ApplyRun]:
    """Return the same joined with their plans on record, as `record.reader.read_runs_with_plans` does."""
    return join_plans(_read(workspace), target, now, plans=workspace.history, store=workspace.cache)


def read_digest_keys(workspace: Workspace) -> set[str]:
    """Return the ids of the keys that the digests on record were made with."""
    return list_key_ids(_read(workspace))


def read_moved_from(workspace: Workspace, target: Target) -> str | None:
    """Return where the last apply by the same profile went; None if there is none, or if any went to `target`."""
    return find_previous_target(_read(workspace), target)


def _read(workspace: Workspace) -> Outlines:
    return read_outlines(workspace.history) if workspace.outlines is None else workspace.outlines
