"""The question whether the accounts that applies left active are there: if nearly none is, the connection was cut."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum

from reconciler.core.check import Answer, CheckVerdict
from reconciler.core.planning.lost_accounts import are_nearly_all
from reconciler.core.text import pluralize
from reconciler.errors import ScimError
from reconciler.record.reader import read_account_history
from reconciler.scim.client import ScimClient
from reconciler.session.audit_record import open_full_record
from reconciler.session.checks.context import CheckContext
from reconciler.session.workspace import current_time

QUESTION = "accounts"
_ASKED = 10
"""Accounts that are read by id, spread over all on record."""


class _Found(Enum):
    THERE = "there"
    GONE = "gone"
    UNLINKED = "unlinked"
    UNREADABLE = "unreadable"


def ask_accounts(context: CheckContext) -> Iterator[Answer]:
    """Ask for some of the accounts that applies left active, each by its id."""
    target, settings, client = context.target, context.settings, context.client
    if target is None or settings is None or client is None:  # pragma: no cover - `needs` says so
        return
    if context.workspace.sandbox:
        yield Answer(QUESTION, CheckVerdict.SKIPPED, "not asked: the sandbox is emptied and filled at will")
        return
    with open_full_record(context.workspace, settings.record.branch, context.terminal.quieter(), plans=False) as whole:
        known = sorted(read_account_history(whole.history, target, 0, current_time()).accounts)
    chosen = known[:: max(1, len(known) // _ASKED)][:_ASKED]
    found = [_ask(client, live_id) for live_id in chosen]
    yield _judge(found, len(known), context.profile.disconnect_steps if context.profile is not None else ())


def _ask(client: ScimClient, live_id: str) -> _Found:
    try:
        user = client.get_user(live_id)
    except ScimError:
        return _Found.UNREADABLE
    if user is None:
        return _Found.GONE
    has_id = any(key.casefold() == "externalid" and value for key, value in user.items())
    return _Found.THERE if has_id else _Found.UNLINKED


def _judge(found: Sequence[_Found], known: int, steps: tuple[str, ...]) -> Answer:
    counts = {each: found.count(each) for each in _Found}
    lost, there = counts[_Found.GONE] + counts[_Found.UNLINKED], counts[_Found.THERE]
    facts = (("on_record", known), ("asked", len(found)), ("there", there), ("gone", lost))
    of = f"of {pluralize(len(found), 'account')} on record"
    if are_nearly_all(lost, there):
        how = [(counts[_Found.GONE], "not found"), (counts[_Found.UNLINKED], "without an externalId")]
        listed = ", ".join(f"{count} {what}" for count, what in how if count)
        summary = f"{lost} {of} are gone: {listed}. The connection was cut, or the token belongs to another tenant"
        return Answer(QUESTION, CheckVerdict.FAILED, summary, steps, facts)
    if not found:
        return Answer(QUESTION, CheckVerdict.OK, "none on record that an apply left active", facts=facts)
    if counts[_Found.UNREADABLE]:
        summary = f"{counts[_Found.UNREADABLE]} {of} could not be read by id"
        return Answer(QUESTION, CheckVerdict.WARNING, summary, ("A plan reads all accounts: see what it says.",), facts)
    return Answer(QUESTION, CheckVerdict.OK, f"{there} {of} are there", facts=facts)
