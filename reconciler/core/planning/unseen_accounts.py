"""Accounts that exist by the record, and that the service does not show: inactive ones, and new ones for a while."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from reconciler.core.model import AwaitedAccount, DesiredUser, Diagnostic, error, format_user_address
from reconciler.core.planning.clock import format_minute
from reconciler.core.planning.draft import PlanDraft
from reconciler.core.policy import Policy, Removal
from reconciler.core.text import format_names, pluralize, quote

_MOST_ERRORS = 3


def explain_hidden(since: datetime, *, named: bool = True) -> str:
    """Return why an account that the service does not show is reactivated. `named`: its names are known."""
    when = since.astimezone(UTC).date()
    why = f"in scope; its account is inactive by the record ({when}), and the service does not show it"
    return why if named else f"{why}; its present user name is not known"


def report_awaited(users: Sequence[DesiredUser], awaited: Mapping[str, AwaitedAccount], draft: PlanDraft) -> None:
    """Report the users whose accounts were created and are not shown yet; if there are many, all in one error."""
    if len(users) <= _MOST_ERRORS:
        draft.diagnostics += [_explain_one(user, awaited[user.key]) for user in users]
        return
    accounts = [awaited[user.key] for user in users]
    names = format_names(sorted(user.key for user in users), _MOST_ERRORS)
    first, last = min(each.created for each in accounts), max(each.until for each in accounts)
    summary = f"the service does not show {pluralize(len(users), 'account')} yet that applies created: {names}"
    draft.diagnostics.append(error(summary, _advise(last, f"The first was created at {format_minute(first)} UTC. ")))
    draft.unplanned += len(users)


def report_unshown(accounts: Sequence[AwaitedAccount], policy: Policy, draft: PlanDraft) -> None:
    """Report the accounts that are not shown yet although no user in scope has them, unless they would be kept."""
    if not accounts or policy.removed is policy.out_of_scope is Removal.KEEP:
        return
    names = format_names(sorted(each.live_id for each in accounts), _MOST_ERRORS)
    sent, until = max(each.created for each in accounts), max(each.until for each in accounts)
    one = len(accounts) == 1
    subject = f"the account {names}" if one else f"{len(accounts):,} accounts"
    listed = "" if one else f": {names}"
    summary = (
        f"the service does not show {subject} yet, which an apply created or reactivated at {format_minute(sent)} UTC "
        f"and no user in scope has now{listed}"
    )
    which = "it is" if one else "they are"
    advice = (
        f"An account that is not shown cannot be removed: whether {which} active is not known. Plan again later.",
        f"What the service still does not show at {format_minute(until)} UTC counts as lost.",
    )
    draft.diagnostics.append(error(summary, advice))
    draft.unplanned += len(accounts)


def _explain_one(user: DesiredUser, account: AwaitedAccount) -> Diagnostic:
    summary = (
        f"the service does not show the account {quote(account.live_id)} yet, which an apply created for this user at "
        f"{format_minute(account.created)} UTC"
    )
    return error(summary, _advise(account.until), user.origin, format_user_address(user.key))


def _advise(until: datetime, more: str = "") -> tuple[str, str]:
    return (
        f"{more}No second account is created, and the user is left untouched. Plan again later.",
        f"What the service still does not show at {format_minute(until)} UTC counts as lost and is created again.",
    )
