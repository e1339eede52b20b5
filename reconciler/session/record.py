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
from reconciler.record.merge import files_of, unite
from reconciler.record.reader import PAGE, PLAN, read_record
from reconciler.record.receipt import RECEIPT, directory_for, key_ids
from reconciler.record.redaction import OPEN, Veil
from reconciler.render.record_page import render_record
from reconciler.session import connection
from reconciler.session.terminal import Terminal
from reconciler.session.workspace import Place


def veil_of(place: Place, state: DesiredState) -> Veil:
    """The veil of `record.values`; raises when it needs a key and there is none. The sandbox's record is no audit."""
    if place.sandbox or not state.policy.digests:
        return OPEN
    return Veil(connection.record_key())


def readable_veil(place: Place, state: DesiredState, terminal: Terminal) -> Veil:
    """The same for whoever only reads: without a key names on record are not understood, and that is said."""
    try:
        return veil_of(place, state)
    except ReconcilerError as fault:
        terminal.note(f"{fault.summary}: names of deleted accounts on record are not recognised.")
        return OPEN


def tell_lost_keys(place: Place, veil: Veil, terminal: Terminal) -> None:
    """Says so when earlier receipts were written with another key."""
    if veil.key is not None and key_ids(place.history) - {veil.key_id}:
        terminal.note(
            "Earlier receipts have digests of another RECONCILER_RECORD_KEY: what they say of deleted names, of\n"
            "users who keep failing and of applies that were cut short is not recognised."
        )


@contextmanager
def with_past(place: Place, branch: str | None, terminal: Terminal) -> Iterator[Place]:
    """The place with all of the record: what lies in `plans/`, and what the branch holds. The sandbox has no branch."""
    if place.sandbox or branch is None:
        yield place
        return
    tip = tip_here(place.state, branch)
    if tip is None:
        terminal.note(
            f"The record branch {branch} is not here: only what lies in {place.plans} is known of earlier applies.\n"
            "If it exists already: git fetch"
        )
        yield place
        return
    with tempfile.TemporaryDirectory(prefix="reconciler-record-") as folder:
        whole = Path(folder)
        unite(record_at(place.state, tip), whole)
        unite(files_of(place.record), whole)
        yield replace(place, past=whole)


def record_of(place: Place, plan: Plan) -> Path:
    """The directory of the plan's record, with what earlier applies of it left on the branch: it goes on from there."""
    return _carried(place, directory_for(place.record, plan).name)


def _carried(place: Place, name: str) -> Path:
    ours, whole = place.record / name, place.history / name
    if whole != ours:
        for file in (RECEIPT, PLAN):
            if (whole / file).exists():
                write_private_bytes(ours / file, read_file(whole / file))
    return ours


def write_page(directory: Path, place: Place, terminal: Terminal) -> None:
    """Writes the page of one record. Losing it must not end an apply: it is made of the other two files."""
    try:
        record = read_record(directory)
        commit = _commit(place, record.commit, veiled=record.veiled)
        write_private(
            directory / PAGE, render_record(record.target, record.plan_id, record.runs, record.planned, commit)
        )
    except PlanFileError as fault:
        terminal.note(f"{directory / PAGE} was not written: {fault.summary}")


def write_missing_pages(place: Place, terminal: Terminal) -> None:
    """Writes the pages that a crash kept from being written."""
    for receipt in sorted(place.history.glob(f"*/{RECEIPT}")):
        if not receipt.with_name(PAGE).exists():
            write_page(_carried(place, receipt.parent.name), place, terminal)


def _commit(place: Place, identity: str | None, *, veiled: bool) -> Commit | None:
    """The commit with its author, where git knows it and the record may tell."""
    if identity is None:
        return None
    try:
        if not veiled:
            with Commits(place.state) as commits:
                return commits.commit(identity)
    except RepositoryError:
        pass
    return Commit(identity, "", "", "")
