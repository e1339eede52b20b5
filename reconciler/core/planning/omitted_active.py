"""What it means that a service leaves `active` out of some users: learnt from the others of the same read.

Apple leaves it out when it is true, which its profile knows. Others leave it out when it is false, or for accounts that
no client ever set it for. A leaver must not pass for deactivated and keep access, nor a returner for active and stay
locked out. So an account without `active` is taken as active for a leaver and as inactive for a user in scope, and both
are sent what they should be; it does no harm to send it twice.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from reconciler.core.model import Diagnostic, LiveUser, OmittedActive, warning
from reconciler.core.planning.matching import Matching
from reconciler.core.text import pluralize

_CROWD = 10
"""How many users in scope may be without `active` before it matters how many have it."""


@dataclass(frozen=True, slots=True)
class SettledUsers:
    """Live users with what a left out `active` means for each. `problems`: what to report about it."""

    users: Sequence[LiveUser]
    meaning: OmittedActive
    problems: tuple[Diagnostic, ...] = ()


def settle_omitted_active(matching: Matching, live: Sequence[LiveUser], deactivated: Collection[str]) -> SettledUsers:
    """Decide what a left out `active` means, and replace the users without it, in `matching` too.

    `deactivated`: ids of accounts that an apply on record deactivated last. They count as deactivated only if the
    service shows `active` for others, and only when it is true: the record alone proves nothing.
    """
    meaning, problems = _learn_meaning(matching, live)
    if meaning is OmittedActive.TRUE or not any(user.omits_active for user in live):
        return SettledUsers(live, meaning, problems)
    known = deactivated if meaning is OmittedActive.FALSE else ()
    settled = {user.id: _settle(user, proven=user.id in known) for user in live if user.omits_active}
    matching.pairs = [
        (user, settled.get(found.id, found) if found is not None else None) for user, found in matching.pairs
    ]
    matching.unclaimed = _replace_users(matching.unclaimed, settled)
    return SettledUsers(_replace_users(live, settled), meaning)


def _learn_meaning(matching: Matching, live: Iterable[LiveUser]) -> tuple[OmittedActive, tuple[Diagnostic, ...]]:
    shown = {user.active for user in live if not user.omits_active}
    if True not in shown:
        return OmittedActive.TRUE, ()
    wanted = [
        found for user, found in matching.pairs if found is not None and user.verdict.in_scope and not user.failed
    ]
    without = sum(found.omits_active for found in wanted)
    if without > max(_CROWD, len(wanted) - without):
        # One account with `active` does not reactivate a company.
        return OmittedActive.TRUE, (_report_crowd(without, len(wanted)),)
    return OmittedActive.UNKNOWN if False in shown else OmittedActive.FALSE, ()


def _report_crowd(without: int, wanted: int) -> Diagnostic:
    count = pluralize(without, "account")
    summary = f"the service leaves active out for {count} of users in scope, and shows true for others"
    detail = (
        f"These {without:,} of {wanted:,} are taken as active, as most users would be locked out otherwise.",
        "Check one of them at the target. An account that is deactivated there has to be activated there.",
    )
    return warning(summary, detail)


def _settle(user: LiveUser, *, proven: bool) -> LiveUser:
    """Return the user as deactivated if that is proven, otherwise without a value of `active`."""
    rest = {path: value for path, value in user.attributes.items() if path != "active"}
    if proven and "active" in user.attributes:
        return replace(user, active=False, attributes={**rest, "active": False})
    return replace(user, active=not proven, attributes=rest)


def _replace_users(users: Iterable[LiveUser], settled: dict[str, LiveUser]) -> list[LiveUser]:
    return [settled.get(user.id, user) for user in users]
