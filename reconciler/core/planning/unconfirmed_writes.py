"""Accounts that a service may show as they were before a change that it accepted.

A service whose reads lag shows an account as it was for a while. If the change was undone in the desired state
meanwhile, the old values equal the desired ones: nothing would be planned, and the change takes effect all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from reconciler.core.model import (
    AttributeMapping,
    AttributePath,
    DesiredUser,
    Diagnostic,
    LiveUser,
    Value,
    error,
    format_user_address,
)
from reconciler.core.paths import shorten_path
from reconciler.core.plan import REMOVALS
from reconciler.core.planning.clock import format_minute
from reconciler.core.planning.draft import PlanDraft
from reconciler.core.planning.matching import Matching
from reconciler.core.policy import Policy, Removal
from reconciler.core.text import format_names, pluralize, quote

_MOST_ERRORS = 3
_ACTIVE = frozenset({"active"})


@dataclass(frozen=True, slots=True)
class UnconfirmedWrite:
    """The changes of an account that were accepted and never shown. `until`: when they count as lost.

    `is_old`: whether an attribute had this value before one of them; `id` has that of the account.
    """

    sent: datetime
    until: datetime
    is_old: Callable[[AttributePath, Value | None], bool]


@dataclass(frozen=True, slots=True)
class _Doubt:
    account: LiveUser
    user: DesiredUser | None
    paths: tuple[AttributePath, ...]


def report_unconfirmed(
    matching: Matching,
    writes: Mapping[str, UnconfirmedWrite],
    policy: Policy,
    mappings: Sequence[AttributeMapping],
    draft: PlanDraft,
) -> None:
    """Report the accounts for which nothing is planned because the service may show old values."""
    if not writes:
        return
    planned = {change.live_id: change for change in draft.changes if change.live_id in writes}
    written = {row.target for row in mappings if row.is_read} | {"id"}
    doubts = []
    for account, user in _list_accounts(matching, writes):
        change = planned.get(account.id)
        judged = _select_paths(account, user, policy, written)
        sent = {row.path for row in change.attribute_changes()} if change is not None else set()
        removed = change is not None and change.action in REMOVALS
        is_old = writes[account.id].is_old
        paths = [
            path
            for path in sorted(judged - sent if not removed else ())
            if is_old(path, account.id if path == "id" else account.attributes.get(path))
        ]
        if paths:
            doubts.append(_Doubt(account, user, tuple(paths)))
            draft.unchanged -= change is None
    _report(doubts, writes, draft)


def _list_accounts(
    matching: Matching, writes: Mapping[str, UnconfirmedWrite]
) -> list[tuple[LiveUser, DesiredUser | None]]:
    pairs = [(found, user) for user, found in matching.pairs if found is not None and found.id in writes]
    return [*pairs, *((found, None) for found in matching.unclaimed if found.id in writes)]


def _select_paths(
    account: LiveUser, user: DesiredUser | None, policy: Policy, written: set[AttributePath]
) -> frozenset[AttributePath]:
    """Return the attributes of an account that the plan decides about."""
    if not account.managed or (user is not None and user.failed):
        return frozenset()
    if user is not None and user.verdict.in_scope:
        return frozenset(written)
    removal = policy.removed if user is None else policy.out_of_scope
    return frozenset() if removal is Removal.KEEP else _ACTIVE


def _report(doubts: list[_Doubt], writes: Mapping[str, UnconfirmedWrite], draft: PlanDraft) -> None:
    if len(doubts) <= _MOST_ERRORS:
        draft.diagnostics += [_explain_one(doubt, writes[doubt.account.id]) for doubt in doubts]
        return
    names = format_names(sorted(_get_key(doubt) for doubt in doubts), _MOST_ERRORS)
    until = max(writes[doubt.account.id].until for doubt in doubts)
    summary = f"the service does not show changes of {pluralize(len(doubts), 'account')} yet that it accepted: {names}"
    draft.diagnostics.append(error(summary, _advise("they are", until)))
    draft.unplanned += len(doubts)


def _explain_one(doubt: _Doubt, write: UnconfirmedWrite) -> Diagnostic:
    what = ", ".join(shorten_path(path) for path in doubt.paths if path != "id")
    change = f"a change of {what}" if what else "a deletion"
    summary = f"the service does not show {change} yet, which it accepted at {format_minute(write.sent)} UTC"
    origin = doubt.user.origin if doubt.user is not None else None
    address = format_user_address(_get_key(doubt))
    return error(f"{summary} (account {quote(doubt.account.id)})", _advise("it is", write.until), origin, address)


def _get_key(doubt: _Doubt) -> str:
    return doubt.user.key if doubt.user is not None else doubt.account.user_name or doubt.account.id


def _advise(what: str, until: datetime) -> tuple[str, str]:
    return (
        f"It shows the desired values, which may be old: whether {what} as desired is not known. Plan again later.",
        f"What the service still shows at {format_minute(until)} UTC counts as the present state.",
    )
