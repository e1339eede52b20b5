"""The record of applies: which veil it is written through, and its readable page."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from reconciler.core.plan import Plan
from reconciler.desired.loader import DesiredState
from reconciler.errors import PlanFileError, ReconcilerError, RepositoryError
from reconciler.git.commit import Commit
from reconciler.git.commits import Commits
from reconciler.record.branch import record_at, tip_here
from reconciler.record.files import read_file, write_private, write_private_bytes
from reconciler.record.merge import files_of, merge_into
from reconciler.record.reader import PAGE, PLAN, read_record
from reconciler.record.receipt import RECEIPT, directory_for, key_ids
from reconciler.record.redaction import NO_REDACTION, Redactor
from reconciler.render.record_page import render_record
from reconciler.session import connection
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Workspace


def build_redactor(workspace: Workspace, state: DesiredState) -> Redactor:
    """The veil of `record.values`; raises when it needs a key and there is none. The sandbox's record is no audit."""
    if workspace.sandbox or not state.policy.digests:
        return NO_REDACTION
    return Redactor(connection.record_key())


def build_reading_redactor(workspace: Workspace, state: DesiredState, terminal: Terminal) -> Redactor:
    """The same for whoever only reads: without a key names on record are not understood, and that is said."""
    try:
        return build_redactor(workspace, state)
    except ReconcilerError as fault:
        terminal.note(f"{fault.summary}: names of deleted accounts on record are not recognised.")
        return NO_REDACTION


def tell_lost_keys(workspace: Workspace, redactor: Redactor, terminal: Terminal) -> None:
    """Says so when earlier receipts were written with another key."""
    if redactor.key is not None and key_ids(workspace.history) - {redactor.key_id}:
        terminal.note(
            "Earlier receipts have digests of another RECONCILER_RECORD_KEY: what they say of deleted names, of\n"
            "users who keep failing and of applies that were cut short is not recognised."
        )


@contextmanager
def with_full_record(workspace: Workspace, branch: str | None, terminal: Terminal) -> Iterator[Workspace]:
    """The place with all of the record: what lies in `plans/`, and what the branch holds. The sandbox has no branch."""
    if workspace.sandbox or branch is None:
        yield workspace
        return
    tip = tip_here(workspace.state, branch)
    if tip is None:
        terminal.note(
            f"Branch {branch} not found locally; using only {workspace.plans}.\nIf it exists already: git fetch"
        )
        yield workspace
        return
    with tempfile.TemporaryDirectory(prefix="reconciler-record-") as folder:
        whole = Path(folder)
        merge_into(record_at(workspace.state, tip), whole)
        merge_into(files_of(workspace.record), whole)
        yield replace(workspace, past=whole)


def record_of(workspace: Workspace, plan: Plan) -> Path:
    """The directory of the plan's record, with what earlier applies of it left on the branch: it goes on from there."""
    return _carried(workspace, directory_for(workspace.record, plan).name)


def _carried(workspace: Workspace, name: str) -> Path:
    ours, whole = workspace.record / name, workspace.history / name
    if whole != ours:
        for file in (RECEIPT, PLAN):
            if (whole / file).exists():
                write_private_bytes(ours / file, read_file(whole / file))
    return ours


def write_page(directory: Path, workspace: Workspace, terminal: Terminal) -> None:
    """Writes the page of one record. Losing it must not end an apply: it is made of the other two files."""
    try:
        record = read_record(directory)
        commit = _commit(workspace, record.commit, redacted=record.redacted)
        write_private(
            directory / PAGE, render_record(record.target, record.plan_id, record.runs, record.planned, commit)
        )
    except PlanFileError as fault:
        terminal.note(f"{directory / PAGE} was not written: {fault.summary}")


def write_missing_pages(workspace: Workspace, terminal: Terminal) -> None:
    """Writes the pages that a crash kept from being written."""
    for receipt in sorted(workspace.history.glob(f"*/{RECEIPT}")):
        if not receipt.with_name(PAGE).exists():
            write_page(_carried(workspace, receipt.parent.name), workspace, terminal)


def _commit(workspace: Workspace, identity: str | None, *, redacted: bool) -> Commit | None:
    """The commit with its author, where git knows it and the record may tell."""
    if identity is None:
        return None
    try:
        if not redacted:
            with Commits(workspace.state) as commits:
                return commits.commit(identity)
    except RepositoryError:
        pass
    return Commit(identity, "", "", "")
