"""Exclude changes that would give two accounts the same externalId.

Matching finds the users whose own externalId a live account has; this also covers values that several users share, such
as a constant or a default.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from reconciler.core.model import AttributeMapping, Diagnostic, LiveUser, Value, error
from reconciler.core.plan import Change
from reconciler.core.profile import Attribute
from reconciler.core.text import quote
from reconciler.core.values import to_comparable


def exclude_shared_ids(
    changes: Sequence[Change], live: Iterable[LiveUser], mappings: Sequence[AttributeMapping]
) -> tuple[list[Change], list[Diagnostic]]:
    """Return the changes without those that set an externalId which another account has or gets, and their errors.

    No account involved is changed: the changes of accounts that have such an externalId are excluded too.
    """
    attribute = next((row.attribute for row in mappings if row.target == "externalId"), None)
    wanted = _find_new_ids(changes, attribute) if attribute is not None else {}
    if attribute is None or not wanted:
        return list(changes), []
    holders = _index_holders(live, attribute, set(wanted.values()))
    takers = Counter(wanted.values())
    kept: list[Change] = []
    problems: list[Diagnostic] = []
    involved = {holder.id for sharing in holders.values() for holder in sharing}
    for change in changes:
        problem = _find_problem(change, wanted.get(change.address), holders, takers)
        if problem is None and change.live_id in involved and change.address not in wanted:
            problem = "another user needs the externalId of this account, which is left untouched"
        if problem is None:
            kept.append(change)
        else:
            problems.append(error(problem, _WAY_OUT, change.origin, change.address))
    return kept, problems


_WAY_OUT = "Two accounts cannot share one externalId: give each user a value of its own."


def _find_new_ids(changes: Iterable[Change], attribute: Attribute) -> Mapping[str, Value]:
    """Return the comparable externalId of each change that sets one, by its address."""
    found: dict[str, Value] = {}
    for change in changes:
        after = to_comparable(attribute, change.after.get("externalId"))
        if after is not None and after != to_comparable(attribute, change.before.get("externalId")):
            found[change.address] = after
    return found


def _index_holders(
    live: Iterable[LiveUser], attribute: Attribute, values: set[Value]
) -> Mapping[Value | None, Sequence[LiveUser]]:
    holders: dict[Value | None, list[LiveUser]] = {}
    for user in live:
        value = to_comparable(attribute, user.external_id)
        if value in values:
            holders.setdefault(value, []).append(user)
    return holders


def _find_problem(
    change: Change,
    value: Value | None,
    holders: Mapping[Value | None, Sequence[LiveUser]],
    takers: Mapping[Value, int],
) -> str | None:
    """Return why the change may not set this externalId."""
    if value is None:
        return None
    external_id = quote(str(change.after["externalId"]))
    for holder in holders.get(value, ()):
        if holder.id != change.live_id:
            return f"externalId {external_id} belongs to the live account {quote(holder.user_name or holder.id)}"
    return f"externalId {external_id} is given to more than one user" if takers[value] > 1 else None
