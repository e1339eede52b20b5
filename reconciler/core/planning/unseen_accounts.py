"""Accounts that exist by the record, and that the service does not show: inactive ones, and new ones for a while."""

from __future__ import annotations

from datetime import UTC, datetime

from reconciler.core.model import AwaitedAccount, DesiredUser, Diagnostic, error, format_user_address
from reconciler.core.text import quote


def explain_hidden(since: datetime) -> str:
    """Return why an account that the service does not show is reactivated."""
    when = since.astimezone(UTC).date()
    return f"in scope; its account is inactive by the record ({when}), and the service does not show it"


def explain_awaited(user: DesiredUser, account: AwaitedAccount) -> Diagnostic:
    """Return the error of a user whose account was created and is not shown yet."""
    created, until = (when.astimezone(UTC) for when in (account.created, account.until))
    summary = (
        f"the service does not show the account {quote(account.live_id)} yet, which an apply created for this user at "
        f"{created:%Y-%m-%d %H:%M} UTC"
    )
    detail = (
        "No second account is created, and the user is left untouched. Plan again later.",
        f"If the service still does not show it at {until:%H:%M} UTC, the account counts as lost and is created again.",
    )
    return error(summary, detail, user.origin, format_user_address(user.key))
