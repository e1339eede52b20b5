"""Say which account has a user name that the service refused, by the record: nothing else may show it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from reconciler.core.model import AttributeMapping
from reconciler.core.plan import Change
from reconciler.core.text import quote
from reconciler.record.recorded_accounts import RecordedAccount, RecordedAccounts
from reconciler.record.redaction import DIGEST_MARK
from reconciler.record.timestamps import LONG_AGO


def find_recorded_holder(change: Change, recorded: RecordedAccounts) -> RecordedAccount | None:
    """Return the account that has the user name of a change by the record; None if the record has none."""
    found = recorded.find_by_user_name(change.after.get("userName"))
    return next((account for account in found if account.live_id != change.live_id), None)


def describe_recorded_holder(
    change: Change, account: RecordedAccount, recorded: RecordedAccounts, mappings: Sequence[AttributeMapping]
) -> str:
    """Say which account has the user name, why no look-up shows it, and what to do."""
    name = quote(str(change.after.get("userName")))
    hidden = account.removal != LONG_AGO
    if not hidden and account.shown == LONG_AGO:
        what = f"which an apply created on {_day(account.created)} and the service does not show yet"
    elif hidden:
        what = f"which an apply deactivated on {_day(account.removal)}"
    else:
        what = "by the record"
    if is_own(change, account, recorded):
        advice = "Plan again: it is reactivated by its id" if hidden else "Plan again later"
        return f"User name {name} belongs to this user's account {quote(account.live_id)}, {what}. {advice}."
    owner = "" if account.external_id.startswith(DIGEST_MARK) else f" (externalId {quote(account.external_id)})"
    source = next((row.direct for row in mappings if row.target == "externalId" and row.direct), None)
    link = f"`{source}`" if source else "the value that externalId comes from"
    return (
        f"User name {name} belongs to account {quote(account.live_id)}{owner}, {what}. If it is the same person, give "
        f"this user the {link} that the account has; otherwise choose another user name."
    )


def _day(when: datetime) -> str:
    return f"{when.astimezone(UTC).date()}"


def is_own(change: Change, account: RecordedAccount, recorded: RecordedAccounts) -> bool:
    """Whether an account is linked to the user of a change by the record."""
    wanted = change.after.get("externalId")
    return wanted is not None and account in recorded.find_by_external_id(wanted)
