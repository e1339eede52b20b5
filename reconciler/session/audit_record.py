"""The record of applies: its redactor, its branch, and its readable page."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path, PurePosixPath

from reconciler.core.plan import Plan
from reconciler.core.text import escape_control
from reconciler.desired.loader import DesiredState
from reconciler.errors import PlanFileError, ReconcilerError, RepositoryError
from reconciler.git.arrivals import read_arrivals
from reconciler.git.checkout import find_repository
from reconciler.git.commit import Commit
from reconciler.git.commits import Commits
from reconciler.record.branch import find_local_tip, format_fetch, read_record_at
from reconciler.record.damaged_receipts import check_branch_files, check_receipts
from reconciler.record.files import is_open_to_all, read_file, write_private, write_private_bytes
from reconciler.record.layout import PAGE, PLAN, RECEIPT
from reconciler.record.merge import is_receipt_or_note, is_record_file
from reconciler.record.outlines import read_lines, read_outlines
from reconciler.record.reader import read_record
from reconciler.record.receipt import directory_for
from reconciler.record.record_files import list_receipts, merge_into, read_record_files
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.render.record_page import render_record
from reconciler.render.style import HIDDEN
from reconciler.session.record_folder import find_record_folder
from reconciler.session.record_key import read_record_key
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace

_NOT_RECOGNISED = """earlier names of
accounts and protection by them, names that moved and users that were created in the last 24 hours, names of
deleted accounts, users that keep failing, and interrupted applies."""


def build_redactor(workspace: Workspace, state: DesiredState) -> Redactor:
    """Return the redactor of `record.values`; the sandbox's record is no audit and needs none.

    Raises `ReconcilerError` if it needs a key and there is none.
    """
    if workspace.sandbox or not state.policy.digests:
        return NO_REDACTION
    return Redactor(read_record_key())


def build_redactor_for_reading(workspace: Workspace, state: DesiredState, terminal: Terminal) -> Redactor:
    """Return the same redactor for reading: without a key, note that names on record are not recognised."""
    try:
        return build_redactor(workspace, state)
    except ReconcilerError as exc:
        terminal.note(f"{exc.summary}. Not recognised in records with digests: {_NOT_RECOGNISED}")
        return NO_REDACTION


def note_unreadable_records(state: DesiredState, redactor: Redactor, terminal: Terminal) -> None:
    """Note what is not known because earlier receipts were written with another key. Without one, it was noted."""
    if redactor.key is None and state.policy.digests:
        return
    what = "digests of another RECONCILER_RECORD_KEY"
    if redactor.key is None:
        what = "digests, and `record: {values: digest}` is not set"
    terminal.note(f"Earlier receipts hold {what}. Not recognised: {_NOT_RECOGNISED}")


@contextmanager
def open_full_record(
    workspace: Workspace, branch: str | None, terminal: Terminal, *, plans: bool = True
) -> Iterator[Workspace]:
    """Return the workspace with the full record: `plans/` and the record branch. The sandbox has no branch.

    `plans` False: with receipts alone. Nine tenths of a long record are plans and pages, which take seconds to read.
    """
    if workspace.sandbox:
        _warn_about_open_directory(
            workspace.record, [os.fspath(path.parent) for path in list_receipts(workspace.record)], terminal
        )
        yield workspace
        return
    cache = workspace.cache
    outlines = check_receipts(workspace.record, cache)
    _warn_about_open_directory(workspace.record, [outline.directory for outline in outlines], terminal)
    if branch is None:
        yield replace(workspace, outlines=outlines)
        return
    tip = _find_tip(workspace, branch, terminal)
    if tip is None:
        _note_missing_branch(workspace, branch, terminal)
        yield replace(workspace, outlines=outlines)
        return
    with tempfile.TemporaryDirectory(prefix="reconciler-record-") as folder:
        whole = Path(folder)
        wanted = is_record_file if plans else is_receipt_or_note
        kept = read_record_at(workspace.state, tip, wanted, find_record_folder(workspace.state))
        merge_into(check_branch_files(kept, branch), whole)
        merge_into(read_record_files(workspace.record, wanted), whole)
        yield replace(workspace, past=whole, outlines=read_outlines(whole, cache))


def _find_tip(workspace: Workspace, branch: str, terminal: Terminal) -> str | None:
    try:
        return find_local_tip(workspace.state, branch)
    except RepositoryError as exc:
        if terminal.style.redact:
            raise RepositoryError(exc.summary, exc.detail.replace(branch, HIDDEN)) from exc
        raise


def _note_missing_branch(workspace: Workspace, branch: str, terminal: Terminal) -> None:
    """Note that the record branch is not here, if it may be elsewhere: on a server, or in a clone of the repository."""
    if find_repository(workspace.state) is None:
        shown = HIDDEN if terminal.style.redact else escape_control(branch)
        terminal.note(
            f"The record of applies is on branch {shown} (record.branch in settings.yaml), and there is no git\n"
            f"repository here: only applies in {workspace.plans} are known. Run this in a clone of the repository,\n"
            "or remove record.branch."
        )
        return
    command = format_fetch(workspace.state, branch)
    if command is not None:
        shown, command = (HIDDEN, "git fetch") if terminal.style.redact else (branch, escape_control(command))
        terminal.note(
            f"Branch {shown} not found locally; using only {workspace.plans}.\n"
            f"Before the first apply of a workflow that is normal. After it: {command}"
        )


def read_receipt_arrivals(workspace: Workspace, branch: str | None) -> dict[str, datetime]:
    """Return when each receipt came to the checked-out branch, or to the record branch if that was later.

    By the name of its record. A receipt that is not in git, or that git cannot tell about, is left out.
    """
    arrivals: dict[str, datetime] = {}
    tip = find_local_tip(workspace.state, branch) if branch is not None and not workspace.sandbox else None
    places = (workspace.record, "HEAD", None), (workspace.state, tip, find_record_folder(workspace.state))
    for directory, ref, folder in places:
        if ref is None or not directory.is_dir():
            continue
        try:
            found = read_arrivals(directory, ref, folder)
        except RepositoryError:
            continue
        for name, when in found.items():
            path = PurePosixPath(name)
            if path.name == RECEIPT:
                record = path.parent.name
                arrivals[record] = max(when, arrivals.get(record, when))
    return arrivals


def _warn_about_open_directory(record: Path, directories: Sequence[str], terminal: Terminal) -> None:
    """Note that others can add to the record. Not of their group: git checks directories out for it with umask 002."""
    if found := [folder for folder in (os.fspath(record), *directories) if is_open_to_all(folder)]:
        shown = escape_control(found[0])
        terminal.note(
            f"Every user of this machine can write to {shown}, and so could forge the record of applies.\n"
            f"Remove that permission: chmod o-w {escape_control(shlex.quote(found[0]))}"
        )


def prepare_record_directory(workspace: Workspace, plan: Plan) -> Path:
    """Return the directory of the plan's record, with what the branch has of earlier applies of the same plan."""
    return _copy_from_branch(workspace, directory_for(workspace.record, plan).name)


def _copy_from_branch(workspace: Workspace, name: str) -> Path:
    ours, whole = workspace.record / name, workspace.history / name
    if whole != ours:
        for file in (RECEIPT, PLAN):
            if (whole / file).exists():
                write_private_bytes(ours / file, read_file(whole / file))
    return ours


def write_page(directory: Path, workspace: Workspace, terminal: Terminal) -> None:
    """Write the page of one record. Losing it does not end an apply: it is made from the other two files."""
    try:
        record = read_record(directory)
        commit = _find_commit(workspace, record.commit, redacted=record.redacted)
        write_private(
            directory / PAGE,
            render_record(record.target, record.plan_id, record.runs, record.planned, commit, lines=record.lines),
        )
    except PlanFileError as exc:
        terminal.note(f"{directory / PAGE} was not written: {exc.summary}")


def write_missing_pages(workspace: Workspace, terminal: Terminal) -> None:
    """Write the pages that a crash left unwritten. One of no apply would be evidence of a receipt that was lost."""
    for receipt in sorted(workspace.history.glob(f"*/{RECEIPT}")):
        if not receipt.with_name(PAGE).exists() and next(read_lines(receipt), None) is not None:
            write_page(_copy_from_branch(workspace, receipt.parent.name), workspace, terminal)


def _find_commit(workspace: Workspace, identity: str | None, *, redacted: bool) -> Commit | None:
    """Return the commit with its author, if git knows it and the record is not redacted."""
    if identity is None:
        return None
    try:
        if not redacted:
            with Commits(workspace.state) as commits:
                return commits.read_commit(identity)
    except RepositoryError:
        pass
    return Commit(identity, "", "", "")
