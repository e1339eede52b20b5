"""`rollback`: edits the desired state so that it is again as it was. Files only: no network, no token.

What it writes is an ordinary change to review. Only files that are as committed are touched, and nothing is written
unless the result is valid.
"""

from __future__ import annotations

import difflib
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.text import escape_control, escape_line, pluralize
from reconciler.core.values import fold_case
from reconciler.desired.loader import load
from reconciler.errors import ExitCode, ReconcilerError, RepositoryError
from reconciler.git.commits import Commits
from reconciler.history.edits import USER, Edit, Entity, Person, compare
from reconciler.history.revert import Conflict, RevertPlan, RevertStep, plan_revert
from reconciler.history.yaml_edit import EditedFile, EditError
from reconciler.history.yaml_entries import Piece, differing, entries, kind_of, pieces
from reconciler.record.files import write_text
from reconciler.record.reader import commit_before, runs_on_record
from reconciler.render.rollback import render_revert
from reconciler.session.record import open_full_record
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace, read_settings, resolve_target

_PLAN_ID = re.compile(r"(?:sha256:)?([0-9a-f]{12,64})")


@dataclass(frozen=True, slots=True)
class RollbackOptions:
    """`to`: a commit whose state to restore, or a plan (its id or directory) to undo. `everything`: not only people."""

    to: str
    user: str | None = None
    everything: bool = False
    dry_run: bool = False
    force: bool = False


@dataclass(frozen=True, slots=True)
class _Versions:
    """Commits: the version to restore, the one that is undone, and today's."""

    wanted: str
    undone: str
    today: str


@dataclass(slots=True)
class _RollbackDraft:
    """New contents of files, None: the file goes; and what is told about them."""

    files: dict[str, bytes | None] = field(default_factory=dict)
    restoration: RevertPlan = field(default_factory=RevertPlan)
    whole: list[str] = field(default_factory=list)
    """Files that are restored as a whole."""
    others: list[str] = field(default_factory=list)
    """Files besides people's that differ, and are not restored."""


def run_rollback(workspace: Workspace, options: RollbackOptions, terminal: Terminal) -> ExitCode:
    """Writes, or shows, the edit; 5 when something was edited since and is left alone."""
    with Commits(workspace.state) as repository:
        versions = _versions(workspace, options.to, repository, terminal)
        if versions is None:
            return ExitCode.ERROR
        draft = _Rollback(repository, versions, options).draft()
        files = repository.files(versions.today)
        before = {name: repository.blob(files[name]) if name in files else None for name in draft.files}
    changed = {name: content for name, content in draft.files.items() if content != before[name]}
    _refuse_dirty(workspace.state, {name: before[name] for name in changed})
    mistakes = _new_mistakes(workspace, changed) if changed else []
    if mistakes:
        terminal.diagnostics(mistakes)
        more = "Restore these files too, with --all, or edit" if draft.others and options.user is None else "Edit"
        raise ReconcilerError("what was then is not valid today", f"Nothing was written. {more} them by hand.")
    if not options.dry_run:
        _write(workspace.state, changed)
    elif not terminal.style.redact:
        terminal.result(_difference(before, changed))
    told = render_revert(draft.restoration, draft.whole, terminal.style, forced=options.force)
    terminal.result(told + _next_steps(versions.wanted, sorted(changed), workspace, options))
    _tell(draft, options, terminal)
    return ExitCode.PARTIAL if draft.restoration.conflicts and not options.force else ExitCode.OK


def _next_steps(wanted: str, changed: list[str], workspace: Workspace, options: RollbackOptions) -> str:
    if not changed:
        return "\nNothing to edit.\n"
    if options.dry_run:
        return f"\nThis would edit {pluralize(len(changed), 'file')}. Nothing was written (--dry-run).\n"
    names = "".join(f"  {escape_control(str(workspace.state / name))}\n" for name in changed)
    return (
        f"\nEdited, to be as in {wanted[:12]}:\n{names}\nNothing was sent anywhere. Next:\n"
        "  git diff                  look at it\n"
        "  reconciler plan           what it comes to\n"
        "  git commit, git push      and a pull request, as for any change\n"
    )


# --- which versions -----------------------------------------------------------------


def _versions(workspace: Workspace, to: str, repository: Commits, terminal: Terminal) -> _Versions | None:
    today = repository.resolve("HEAD")
    settings = read_settings(workspace, terminal)
    if settings is None:
        return None
    with open_full_record(workspace, settings.record.branch, terminal) as whole:
        plan_id = _plan_id(whole, to)
        if plan_id is None:
            return _Versions(repository.resolve(to), today, today)
        found = commit_before(runs_on_record(whole.history, resolve_target(workspace, settings)), plan_id)
    if found is None:
        raise RepositoryError(f"the record of plan {to!r} names no commit", "Name a commit instead; see git log.")
    commit, earlier = found
    return _Versions(repository.resolve(earlier or f"{commit}^1"), repository.resolve(commit), today)


def _plan_id(workspace: Workspace, to: str) -> str | None:
    """The start of a plan's id, when `to` names a plan on record: by its id or its directory."""
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


# --- the edit -----------------------------------------------------------------


class _Rollback:
    """One rollback in the making."""

    def __init__(self, repository: Commits, versions: _Versions, options: RollbackOptions) -> None:
        self._repository = repository
        self._options = options
        self._cut: dict[str, tuple[bytes, list[Piece]]] = {}
        self._wanted, self._undone, self._today = (
            repository.files(commit) for commit in (versions.wanted, versions.undone, versions.today)
        )

    def draft(self) -> _RollbackDraft:
        draft = _RollbackDraft()
        today = self._entities(self._today)
        edits = [edit for edit in self._edits() if self._is_wanted(edit)]
        draft.restoration = plan_revert(edits, today, force=self._options.force)
        self._people(draft)
        differing_files = sorted(
            name
            for name in self._wanted.keys() | self._undone.keys()
            if kind_of(name) not in (USER, None) and name != "settings.yaml" and self._differs(name)
        )
        if self._options.everything and self._options.user is None:
            for name in differing_files:
                self._whole_file(name, draft)
        else:
            draft.others = differing_files
        return draft

    def _differs(self, name: str) -> bool:
        return self._wanted.get(name) != self._undone.get(name)

    def _entities(self, files: Mapping[str, str]) -> list[Entity]:
        return [
            each
            for name, blob in files.items()
            if kind_of(name) == USER
            for each in entries(name, self._repository.blob(blob))
        ]

    def _edits(self) -> list[Edit]:
        """From the undone version to the wanted one."""
        before: list[Entity] = []
        after: list[Entity] = []
        for name in sorted(self._wanted.keys() | self._undone.keys()):
            if kind_of(name) == USER and self._differs(name):
                read = self._repository.blob
                gone, came = differing(name, read(self._undone.get(name)), read(self._wanted.get(name)))
                before += gone
                after += came
        return compare(before, after)

    def _is_wanted(self, edit: Edit) -> bool:
        user = self._options.user
        if user is None:
            return True
        person = Person({fold_case(user)})
        return person.knows(edit.before) or person.knows(edit.after)

    def _people(self, draft: _RollbackDraft) -> None:
        by_file: dict[str, list[RevertStep]] = {}
        for step in draft.restoration.steps:
            by_file.setdefault(step.now.file if step.now is not None else step.entity.file, []).append(step)
        for name, steps in by_file.items():
            draft.files[name] = self._edited(name, steps)

    def _edited(self, name: str, steps: list[RevertStep]) -> bytes | None:
        there = name in self._today
        try:
            file = EditedFile(name, self._repository.blob(self._today[name]) if there else None)
            own = [
                RevertStep(file.renew(step.now), step.wanted, step.fields) if step.now is not None else step
                for step in steps
            ]
            for step in own:
                file.carry_out(step, *self._old(step))
            file.check(own)
        except EditError as fault:
            raise ReconcilerError(str(fault), "Nothing was written. Edit the file by hand; see git diff.") from fault
        return None if file.is_empty and name not in self._wanted else file.content

    def _old(self, step: RevertStep) -> tuple[bytes, list[Piece]]:
        """The file in which somebody was, cut into entries."""
        name = step.wanted.file if step.wanted is not None else ""
        if name not in self._cut:
            cut = pieces(name, self._repository.blob(self._wanted[name])) if name in self._wanted else None
            self._cut[name] = cut if cut is not None else (b"", [])
        return self._cut[name]

    def _whole_file(self, name: str, draft: _RollbackDraft) -> None:
        undone, today = self._undone.get(name), self._today.get(name)
        wanted = self._wanted.get(name)
        if today == wanted:
            return
        if today != undone:
            draft.restoration.conflicts.append(Conflict(name, None, None, None, "edited since"))
            if not self._options.force:
                return
        draft.files[name] = self._repository.blob(wanted) if wanted is not None else None
        draft.whole.append(name)


# --- files -----------------------------------------------------------------


def _refuse_dirty(state: Path, before: Mapping[str, bytes | None]) -> None:
    """Raises when a file is not as it was committed, or not one of ours to write."""
    dirty = []
    for name, content in sorted(before.items()):
        path = state / name
        if any(parent.is_symlink() for parent in [path, *path.parents][: len(Path(name).parts)]):
            raise ReconcilerError(f"{name} is reached through a link", "Nothing was written. Edit it by hand.")
        here = path.read_bytes() if path.is_file() else None
        if here != content:
            dirty.append(name)
    if dirty:
        names = ", ".join(escape_control(name) for name in dirty)
        raise ReconcilerError(f"not as committed: {names}", "Nothing was written. Commit or stash these edits first.")


def _new_mistakes(workspace: Workspace, changed: Mapping[str, bytes | None]) -> list[Diagnostic]:
    """What would be wrong with the result, and is not now."""
    known = {(item.summary, item.address) for item in load(workspace.state, workspace.now).diagnostics}
    with tempfile.TemporaryDirectory(prefix="reconciler-") as scratch:
        copy = Path(scratch) / "state"
        shutil.copytree(workspace.state, copy, symlinks=True)
        _write(copy, changed)
        found = load(copy, workspace.now).diagnostics
    return [item for item in found if item.severity is Severity.ERROR and (item.summary, item.address) not in known]


def _write(state: Path, changed: Mapping[str, bytes | None]) -> None:
    for name, content in changed.items():
        path = state / name
        if content is None:
            path.unlink(missing_ok=True)
        else:
            write_text(path, _text(name, content))


def _text(name: str, content: bytes) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise ReconcilerError(f"{name}, as it was then, is not UTF-8 text", "Nothing was written.") from fault


def _difference(before: Mapping[str, bytes | None], changed: Mapping[str, bytes | None]) -> str:
    lines = []
    for name, content in sorted(changed.items()):
        old, new = ((side or b"").decode("utf-8", "replace").splitlines() for side in (before[name], content))
        lines += [escape_line(each) for each in difflib.unified_diff(old, new, f"a/{name}", f"b/{name}", lineterm="")]
    return "\n".join([*lines, ""])


def _tell(draft: _RollbackDraft, options: RollbackOptions, terminal: Terminal) -> None:
    if draft.others and options.user is None:
        names = ", ".join(map(escape_control, draft.others))
        terminal.note(f"Not restored: {pluralize(len(draft.others), 'other file')} ({names}); --all does it.")
