"""Guards of user names and identities."""

from __future__ import annotations

from reconciler.core.plan import Action, Change, Guard
from reconciler.core.planning.guards.context import GuardContext, format_names
from reconciler.core.text import pluralize
from reconciler.core.values import fold_case


def check_name_reuse(context: GuardContext) -> Guard:
    """Block the reuse of user names that the target still reserves for deleted accounts."""
    reserved = context.recently_deleted
    hit = sorted(
        f"{change.after['userName']} (free on {day})"
        for change in context.changes
        if (name := _find_new_name(change)) and (day := reserved.get(name))
    )
    if not hit:
        return Guard("name-reuse", passed=True, message="no user name of a recently deleted account is used again")
    names = pluralize(len(hit), "user name")
    message = f"{names} of recently deleted accounts would be used again, which the target refuses: {format_names(hit)}"
    message += "; wait until then, or choose other names"
    return Guard("name-reuse", passed=False, message=message)


def _find_new_name(change: Change) -> str | None:
    """Return the folded user name that a create or a rename takes, if any."""
    before, after = (fold_case(str(side.get("userName", ""))) for side in (change.before, change.after))
    return after if after != before and change.action is not Action.DELETE else None
