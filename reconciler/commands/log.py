"""`log`: change history and outcomes. Reads git and receipts; no network, no token."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from reconciler.core.profile import TargetProfile
from reconciler.core.values import fold_case
from reconciler.desired.directory import Directory
from reconciler.desired.mappings import compile_mappings
from reconciler.errors import ExitCode, ReconcilerError, UsageError
from reconciler.git.commits import Commits
from reconciler.history.edits import TrackedUser
from reconciler.history.known_differences import KnownDifferences
from reconciler.history.outcomes import TimelineEntry
from reconciler.history.timeline import FieldSelection, Timeline, select_fields
from reconciler.profiles import PROFILES
from reconciler.record.plan_file import json_text
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.render.history import HistoryView, history_document, render_history
from reconciler.render.history_page import render_history_page
from reconciler.session.audit_record import open_full_record
from reconciler.session.record_key import read_record_key
from reconciler.session.recorded_applies import read_applies_with_plans, read_digest_keys
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, parse_now, read_settings, resolve_target

_FORMATS = ("text", "json", "html")
_LIMIT = 50
"""Entries that are shown of the history of all users."""


@dataclass(frozen=True, slots=True)
class LogOptions:
    """`user`: userPrincipalName or objectId; None: all. `limit` None: all entries of a user, 50 of all users."""

    user: str | None = None
    attribute: str | None = None
    since: str | None = None
    limit: int | None = None
    form: str = "text"


def run_log(workspace: Workspace, options: LogOptions, terminal: Terminal) -> ExitCode:
    """Print the history, newest first. Raises `UsageError` for an unknown format."""
    if options.form not in _FORMATS:
        raise UsageError(f"--format {options.form} does not exist", f"There are {', '.join(_FORMATS)}.")
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    target = resolve_target(workspace, settings)
    with Commits(workspace.state) as repository, open_full_record(workspace, settings.record.branch, terminal) as whole:
        runs = read_applies_with_plans(whole, target)
        inputs = _read_target_inputs(workspace, PROFILES[target.profile])
        differences = KnownDifferences(workspace.cache)
        past = Timeline(
            repository,
            repository.resolve("HEAD"),
            runs,
            inputs,
            _build_redactor(terminal) if read_digest_keys(whole) else NO_REDACTION,
            differences=differences,
        )
        history = _select_entries(past, options, inputs)
        differences.save()
        shown = HistoryView(history.entries, history.user, history.attribute, history.cut, repository.shallow)
    _note_what_is_cut(shown, terminal)
    terminal.result(_render(shown, options.form, terminal))
    return ExitCode.OK


def _select_entries(past: Timeline, options: LogOptions, inputs: Mapping[str, frozenset[str]]) -> HistoryView:
    since = parse_now(options.since, "--since") if options.since is not None else None
    fields = select_fields(options.attribute, inputs) if options.attribute is not None else FieldSelection()
    found: Iterator[TimelineEntry]
    if options.user is not None:
        found, limit = iter(past.read_user(TrackedUser({fold_case(options.user)}), since, fields)), options.limit
    else:
        found, limit = past.read_all(since, fields), options.limit or _LIMIT
    entries = tuple(islice(found, limit))
    cut = limit is not None and next(found, None) is not None
    return HistoryView(entries, options.user, options.attribute, cut)


def _build_redactor(terminal: Terminal) -> Redactor:
    """Return the redactor that recognises digests on record; without a key, note that it cannot."""
    try:
        return Redactor(read_record_key())
    except ReconcilerError as exc:
        terminal.note(f"{exc.summary}: applies recorded with `record: {{values: digest}}` cannot be shown by user.")
        return NO_REDACTION


def _note_what_is_cut(history: HistoryView, terminal: Terminal) -> None:
    if history.shallow:
        terminal.note("This clone is shallow: history is cut. All of it: git fetch --unshallow")
    if history.cut:
        terminal.note(f"Older entries are left out after {len(history.entries):,}; --limit N shows more.")


def _render(history: HistoryView, form: str, terminal: Terminal) -> str:
    if form == "json":
        return json_text(history_document(history, terminal.style)) + "\n"
    if form == "html":
        return render_history_page(history, terminal.style)
    return render_history(history, terminal.style)


def _read_target_inputs(workspace: Workspace, profile: TargetProfile) -> dict[str, frozenset[str]]:
    """Return the source attributes of each target path, by today's mappings; errors in them are not reported here."""
    directory = Directory(Path(workspace.state))
    return {row.target: frozenset(row.inputs) for row in compile_mappings(directory, profile, workspace.now).rows}
