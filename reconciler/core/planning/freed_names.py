"""Free the user name of a leaver that another user needs: a rename in git of a user out of scope. Pure.

Nothing else is changed on the account of such a user. Without another user who needs the name, neither is the name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.core.model import AttributeMapping, DesiredUser, Flow, LiveUser
from reconciler.core.plan import Action, ActionReason, Change
from reconciler.core.planning.mapping import find_value_error
from reconciler.core.planning.matching import Matching
from reconciler.core.planning.ordering import find_wanted_name
from reconciler.core.planning.temporary_names import is_temporary
from reconciler.core.values import fold_case


def plan_freed_names(
    changes: Iterable[Change], matching: Matching, mappings: Sequence[AttributeMapping]
) -> dict[str, Change]:
    """Return, by live id, the renames of deactivated accounts of users out of scope who have another name in git."""
    wanted = {name for change in changes if (name := find_wanted_name(change)) is not None}
    row = next((row for row in mappings if row.target == "userName"), None)
    if not wanted or row is None or row.flow is not Flow.ALWAYS or row.match is None:
        return {}
    level = sum(other.match is not None and other.match < row.match for other in mappings)
    found: dict[str, Change] = {}
    for user, account in matching.pairs:
        if account is None or not _holds(user, account, wanted):
            continue
        name = str(user.match[level] or "")
        if name and _is_usable(name, row) and fold_case(name) != fold_case(account.user_name):
            found[account.id] = _rename(user, account, name)
    return found


def _holds(user: DesiredUser, account: LiveUser, wanted: set[str]) -> bool:
    """Whether a leaver's deactivated account has a name that another user needs."""
    leaver = not user.verdict.in_scope and not user.failed
    idle = account.managed and not account.active and account.unreadable is None
    return leaver and idle and fold_case(account.user_name) in wanted


def _is_usable(name: str, row: AttributeMapping) -> bool:
    return not is_temporary(name) and find_value_error(row.attribute, name) is None


def _rename(user: DesiredUser, account: LiveUser, name: str) -> Change:
    return Change(
        key=user.key,
        action=Action.UPDATE,
        reason=ActionReason.ATTRIBUTES_DIFFER,
        detail="out of scope, and renamed in git: another user needs the user name",
        live_id=account.id,
        before=account.attributes,
        after={**account.attributes, "userName": name},
        origin=user.origin,
    )
