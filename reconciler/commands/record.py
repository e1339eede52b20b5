"""The record of applies: which veil it is written through, and its readable page."""

from __future__ import annotations

from pathlib import Path

from reconciler import bootstrap
from reconciler.commands.place import Place
from reconciler.core.history import Commit
from reconciler.core.veil import OPEN, Veil
from reconciler.desired import DesiredState
from reconciler.errors import PlanFileError, ReconcilerError, RepositoryError
from reconciler.render.record import render_record
from reconciler.store.commits import Commits
from reconciler.store.files import write_private
from reconciler.store.receipts import RECEIPT, key_ids
from reconciler.store.records import read_record
from reconciler.terminal import Terminal

PAGE = "README.md"


def veil_of(place: Place, state: DesiredState) -> Veil:
    """The veil of `record.values`; raises when it needs a key and there is none. The sandbox's record is no audit."""
    if place.sandbox or not state.policy.digests:
        return OPEN
    return Veil(bootstrap.record_key())


def readable_veil(place: Place, state: DesiredState, terminal: Terminal) -> Veil:
    """The same for whoever only reads: without a key names on record are not understood, and that is said."""
    try:
        return veil_of(place, state)
    except ReconcilerError as fault:
        terminal.note(f"{fault.summary}: names of deleted accounts on record are not recognised.")
        return OPEN


def tell_lost_keys(place: Place, veil: Veil, terminal: Terminal) -> None:
    """Says so when earlier receipts were written with another key."""
    if veil.key is not None and key_ids(place.record) - {veil.key_id}:
        terminal.note(
            "Earlier receipts have digests of another RECONCILER_RECORD_KEY: what they say of deleted names, of\n"
            "users who keep failing and of applies that were cut short is not recognised."
        )


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
    for receipt in sorted(place.record.glob(f"*/{RECEIPT}")):
        if not receipt.with_name(PAGE).exists():
            write_page(receipt.parent, place, terminal)


def _commit(place: Place, identity: str | None, *, veiled: bool) -> Commit | None:
    """The plan's commit with its author, where git knows it and the record may tell."""
    if identity is None:
        return None
    try:
        if not veiled:
            with Commits(place.state) as commits:
                return commits.commit(identity)
    except RepositoryError:
        pass
    return Commit(identity, "", "", "")
