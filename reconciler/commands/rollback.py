"""`rollback`: restore an earlier desired state. Files only: no network, no token.

The edit is an ordinary change to review. Only committed files are edited, and nothing is written unless the result is
valid.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from reconciler.core.text import escape_control, pluralize
from reconciler.desired.schema import Settings
from reconciler.errors import ExitCode, ReconcilerError, RepositoryError
from reconciler.git.commits import Commits
from reconciler.record.runs import find_commit_before
from reconciler.render.rollback import render_revert
from reconciler.session.audit_record import open_full_record
from reconciler.session.recorded_applies import read_applies_with_plans
from reconciler.session.rollback_draft import RollbackDraft, RollbackScope, Versions, draft_rollback
from reconciler.session.state_edit import Contents, diff_contents, find_new_errors, refuse_uncommitted, write_contents
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings, resolve_target

_PLAN_ID = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """`to`: a commit to restore, or a plan (its ID or directory) to undo. `everything`: not only users."""

    to: str
    user: str | None = None
    everything: bool = False
    dry_run: bool = False
    force: bool = False


def run_rollback(workspace: Workspace, options: RollbackOptions, terminal: Terminal) -> ExitCode:
    """Write the edit, or show it; the exit code is 5 if a later edit is left alone."""
    settings = read_settings(workspace, terminal)
    if settings is None:
        return ExitCode.ERROR
    with Commits(workspace.state) as repository:
        versions = _find_versions(workspace, options.to, settings, repository, terminal)
        draft = draft_rollback(repository, versions, RollbackScope(options.user, options.everything, options.force))
        files = repository.list_files(versions.today)
        before = {name: repository.read_blob(files[name]) if name in files else None for name in draft.files}
    changed = {name: content for name, content in draft.files.items() if content != before[name]}
    refuse_uncommitted(workspace.state, {name: before[name] for name in changed}, changed)
    _refuse_invalid(workspace, changed, draft, options, terminal)
    if not options.dry_run:
        write_contents(workspace.state, changed)
    elif not terminal.style.redact:
        terminal.result(diff_contents(before, changed))
    report = render_revert(draft.restoration, draft.whole, terminal.style, forced=options.force)
    terminal.result(report + _describe_next_steps(versions.wanted, sorted(changed), workspace, options))
    _note_other_files(draft, options, terminal)
    return ExitCode.PARTIAL if draft.restoration.conflicts and not options.force else ExitCode.OK


def _refuse_invalid(
    workspace: Workspace, changed: Contents, draft: RollbackDraft, options: RollbackOptions, terminal: Terminal
) -> None:
    errors = find_new_errors(workspace, changed) if changed else []
    if errors:
        terminal.diagnostics(errors)
        more = "Restore these files too, with --all, or edit" if draft.others and options.user is None else "Edit"
        raise ReconcilerError("the restored state fails validation", f"Nothing was written. {more} them manually.")


def _describe_next_steps(wanted: str, changed: list[str], workspace: Workspace, options: RollbackOptions) -> str:
    if not changed:
        return "\nNothing to edit.\n"
    if options.dry_run:
        return f"\nThis would edit {pluralize(len(changed), 'file')}. Nothing was written (--dry-run).\n"
    names = "".join(f"  {escape_control(str(workspace.state / name))}\n" for name in changed)
    return (
        f"\nEdited, to be as in {wanted[:12]}:\n{names}\nNothing was sent anywhere. Next:\n"
        "  git diff                  review the edit\n"
        "  reconciler plan           see what it would change\n"
        "  git commit, git push      and open a pull request, as for any change\n"
    )


def _note_other_files(draft: RollbackDraft, options: RollbackOptions, terminal: Terminal) -> None:
    if draft.others and options.user is None:
        names = ", ".join(map(escape_control, draft.others))
        terminal.note(f"Not restored: {pluralize(len(draft.others), 'other file')} ({names}); --all does it.")


def _find_versions(
    workspace: Workspace, to: str, settings: Settings, repository: Commits, terminal: Terminal
) -> Versions:
    today = repository.resolve("HEAD")
    with open_full_record(workspace, settings.record.branch, terminal) as whole:
        plan_id = _find_plan_id(whole, to)
        if plan_id is None:
            return Versions(repository.resolve(to), today, today)
        found = find_commit_before(read_applies_with_plans(whole, resolve_target(workspace, settings)), plan_id)
    if found is None:
        raise RepositoryError(f"the record of plan {to!r} names no commit", "Name a commit instead; see git log.")
    commit, earlier = found
    return Versions(repository.resolve(earlier or f"{commit}^1"), repository.resolve(commit), today)


def _find_plan_id(workspace: Workspace, to: str) -> str | None:
    """Return the start of a plan's ID if `to` names a plan on record, by its ID or its directory."""
    name = Path(to).name if "/" in to or (workspace.history / to).is_dir() else to
    match = _PLAN_ID.fullmatch(name.rpartition("-")[2])
    digits = match.group(1)[:12] if match is not None else ""
    if digits and any(workspace.history.glob(f"*-{digits}")):
        return digits
    if to.startswith("sha256:") or "receipt" in name:
        raise RepositoryError(
            f"there is no plan {to!r} in {workspace.record}", "Name a commit, or one of its directories."
        )
    return None
