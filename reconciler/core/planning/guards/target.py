"""Guards of what the plan is made from: the live read, the desired state and the target."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from reconciler.core.model import LiveUser
from reconciler.core.plan import Guard
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.text import format_names, pluralize, quote
from reconciler.core.values import normalize_domain

_WORK_EMAIL = 'emails[type eq "work"].value'
ADMINISTRATORS = 5
"""Accounts that may be of any domain in a tenant of ours before the first apply: Apple permits this many."""


def check_complete_read(context: GuardContext) -> Guard:
    """Block a plan that an incomplete read could mislead."""
    problem = context.read_problem
    message = f"the live users could not be read completely: {problem}" if problem else "all live users were read"
    return Guard("complete-read", problem is None, message, approvable=False)


def check_desired_state(context: GuardContext) -> Guard:
    """Block a plan without a user in scope if managed users exist."""
    any_in_scope = context.settled.count > 0 or any(user.verdict.in_scope for user in context.desired)
    passed = any_in_scope or not context.count_managed()
    message = (
        "the desired state names users"
        if passed
        else f"the desired state has no user in scope, but {pluralize(len(context.managed), 'managed user')} exist"
    )
    return Guard("empty-desired-state", passed, message)


def check_target(context: GuardContext) -> Guard:
    """Block changes to a target that no apply on record went to: another organisation's accounts, or a typo."""
    before = context.moved_from
    if before is None or not context.changes:
        return Guard("target", passed=True, message="the target is unchanged since the last apply")
    message = f"the target changed: no apply on record went to it, and the last one went to {quote(before)}. "
    message += "Of the record, only the protection of accounts counts for it, no limits, names or dates"
    return Guard("target", passed=False, message=message)


def check_tenant(context: GuardContext, domains: Sequence[str]) -> Guard:
    """Block changes to the accounts of another organisation: at Apple, the token alone says whose accounts these are.

    `domains`: the verified domains of the organisation, as written.
    """
    if not context.changes or context.read_problem is not None:
        return Guard("tenant", passed=True, message="not checked: the plan has no changes, or the read is incomplete")
    problem = _find_foreign_domains(context, domains)
    if problem is not None:
        return Guard("tenant", passed=False, message=f"{problem}; the token may belong to another tenant")
    return Guard("tenant", passed=True, message=_describe_evidence(context, domains))


def _find_foreign_domains(context: GuardContext, domains: Sequence[str]) -> str | None:
    """Return a problem if no account has a domain of the organisation; None if one has, or if domains prove nothing."""
    managed = context.count_managed()
    too_few = not managed and len(context.live) <= ADMINISTRATORS
    if not domains or too_few or _has_domain(_list_shown(context), domains):
        return None
    accounts = pluralize(managed, "managed account") if managed else pluralize(len(context.live), "unmanaged account")
    own = format_names(domains)
    return f"none of {accounts} has a domain of target.domains ({own}); {_describe_domains(_list_shown(context))}"


def _list_shown(context: GuardContext) -> Iterable[LiveUser]:
    return context.list_managed() if context.count_managed() else context.live


def _has_domain(accounts: Iterable[LiveUser], domains: Iterable[str]) -> bool:
    own = set(map(normalize_domain, domains))
    return any(normalize_domain(domain) in own for user in accounts if (domain := _find_domain(user)))


def _find_domain(user: LiveUser) -> str:
    """Return the domain of the userName; if it has none, that of the work e-mail, if that is mapped."""
    name = user.user_name if "@" in user.user_name else str(user.attributes.get(_WORK_EMAIL, ""))
    return name.rpartition("@")[2] if "@" in name else ""


def _describe_domains(accounts: Iterable[LiveUser]) -> str:
    counts = Counter(normalize_domain(domain) for user in accounts if (domain := _find_domain(user)))
    found = sorted(counts, key=lambda domain: (-counts[domain], domain))
    return f"their domains are {format_names(found)}" if found else "their user names have no domain"


def _describe_evidence(context: GuardContext, domains: Sequence[str]) -> str:
    if not domains:
        return "target.domains is empty, so domains do not show whose accounts these are"
    if not context.count_managed():
        return "there are no managed accounts that would show whose tenant this is"
    return "managed accounts have the domains of target.domains"
