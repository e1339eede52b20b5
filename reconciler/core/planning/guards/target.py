"""Guards of what the plan is made from: the live read, the desired state and the target."""

from __future__ import annotations

from reconciler.core.plan import Guard
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.text import pluralize, quote


def check_complete_read(context: GuardContext) -> Guard:
    """Block a plan that an incomplete read could mislead."""
    problem = context.read_problem
    message = f"the live users could not be read completely: {problem}" if problem else "all live users were read"
    return Guard("complete-read", problem is None, message, approvable=False)


def check_desired_state(context: GuardContext) -> Guard:
    """Block a plan without a user in scope if managed users exist."""
    any_in_scope = any(user.verdict.in_scope for user in context.desired)
    passed = any_in_scope or not context.managed
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
    message = f"the target changed: every apply on record used another one, the last time {quote(before)}"
    return Guard("target", passed=False, message=message)
