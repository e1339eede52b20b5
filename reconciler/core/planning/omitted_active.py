"""What it means that a service leaves `active` out of some users: learnt from the others, and from filters.

Apple leaves it out when it is true, which its profile knows. Others leave it out when it is false, or for accounts that
no client ever set it for. A leaver must not pass for deactivated and keep access, nor a returner for active and stay
locked out. Only the service itself proves that an account without `active` is inactive, by a filter. Any other is taken
as active for a leaver and as inactive for a user in scope, and both are sent what they should be. A record can at most
end the repetition: the plan then has an error, so that no forged record makes a leaver pass for deactivated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace

from reconciler.core.model import Diagnostic, LiveUser, OmittedActive, error, warning
from reconciler.core.plan import Action, Change
from reconciler.core.planning.forms import SettledForms
from reconciler.core.planning.matching import Matching
from reconciler.core.text import format_names, pluralize

_CROWD = 10
"""How many users in scope may be without `active` before it matters how many have it."""
_NAMED = 5
_UNDER = "under `target` in settings.yaml"


@dataclass(slots=True)
class ActivityDoubts:
    """The accounts of which nothing shows whether they are active. `unknown`: all ids.

    `recorded`: of those that an apply on record deactivated and that did not change since. `left`: keys of the users
    whose deactivation is not repeated.
    """

    unknown: Collection[str] = frozenset()
    recorded: Collection[str] = frozenset()
    left: dict[str, str] = field(default_factory=dict)

    def leaves(self, change: Change) -> bool:
        """Whether a change only repeats a deactivation on record, so that it is not made again."""
        if change.live_id not in self.recorded or change.action is not Action.DEACTIVATE:
            return False
        if [row.path for row in change.attribute_changes()] != ["active"]:
            return False
        self.left[str(change.live_id)] = change.key
        return True

    def report(self, changes: Iterable[Change]) -> list[Diagnostic]:
        """Report what is not repeated, and the planned changes of accounts that may be as they should be."""
        doubtful = [each for each in changes if each.live_id in self.unknown and each.before.get("active") is None]
        found = [_report_left(sorted(self.left.values()))] if self.left else []
        sent = {value: sum(each.after.get("active") is value for each in doubtful) for value in (True, False)}
        return [*found, _report_sent(sent)] if any(sent.values()) else found


@dataclass(frozen=True, slots=True)
class SettledUsers:
    """Live users with what a left out `active` means for each. `problems`: what to report about it."""

    users: Sequence[LiveUser]
    meaning: OmittedActive
    problems: tuple[Diagnostic, ...] = ()
    doubts: ActivityDoubts = field(default_factory=ActivityDoubts)


def settle_omitted_active(
    matching: Matching, live: Sequence[LiveUser], inactive: Collection[str], settled: SettledForms, others: int = 0
) -> SettledUsers:
    """Decide what a left out `active` means, and replace the users without it, in `matching` too.

    `inactive`: as in `LiveState`. `settled`: knows the accounts that an apply deactivated, with their meta.lastModified
    right after it. `others`: accounts of users in scope that are shown as active, and in neither.
    """
    known = {user.id: _deactivate(user) for user in live if user.omits_active and user.id in inactive}
    users = _replace_everywhere(matching, live, known)
    meaning, problems = _learn_meaning(matching, live, others)
    unknown = {user.id: _without_active(user) for user in users if user.omits_active}
    if meaning is OmittedActive.TRUE or not unknown:
        return SettledUsers(users, meaning, problems)
    recorded = {user.id for user in unknown.values() if _is_recorded(user, settled)}
    doubts = ActivityDoubts(unknown.keys(), recorded if meaning is OmittedActive.FALSE else frozenset())
    return SettledUsers(_replace_everywhere(matching, users, unknown), meaning, doubts=doubts)


def _learn_meaning(
    matching: Matching, live: Iterable[LiveUser], others: int
) -> tuple[OmittedActive, tuple[Diagnostic, ...]]:
    shown = {user.active for user in live if not user.omits_active} | ({True} if others else set())
    if True not in shown:
        return OmittedActive.TRUE, ()
    wanted = [
        found for user, found in matching.pairs if found is not None and user.verdict.in_scope and not user.failed
    ]
    without, count = sum(found.omits_active for found in wanted), len(wanted) + others
    if without > max(_CROWD, count - without):
        # One account with `active` does not reactivate a company.
        return OmittedActive.TRUE, (_report_crowd(without, count),)
    return OmittedActive.UNKNOWN if False in shown else OmittedActive.FALSE, ()


def _is_recorded(user: LiveUser, settled: SettledForms) -> bool:
    return user.last_modified is not None and settled(user.id, "active", False, user.last_modified)


def _deactivate(user: LiveUser) -> LiveUser:
    """Return the user as one that is shown to be inactive."""
    attributes = {**user.attributes, "active": False} if "active" in user.attributes else user.attributes
    return replace(user, active=False, attributes=attributes, omits_active=False)


def _without_active(user: LiveUser) -> LiveUser:
    """Return the user without a value of `active`: what it should be is then always a difference."""
    attributes = {path: value for path, value in user.attributes.items() if path != "active"}
    return replace(user, active=True, attributes=attributes)


def _replace_everywhere(matching: Matching, live: Sequence[LiveUser], changed: dict[str, LiveUser]) -> list[LiveUser]:
    if changed:
        matching.pairs = [
            (user, changed.get(found.id, found) if found is not None else None) for user, found in matching.pairs
        ]
        matching.unclaimed = [changed.get(user.id, user) for user in matching.unclaimed]
    return [changed.get(user.id, user) for user in live]


# --- what is reported ---------------------------------------------------------


def _report_crowd(without: int, wanted: int) -> Diagnostic:
    count = pluralize(without, "account")
    summary = f"the service leaves active out for {count} of users in scope, and shows true for others"
    detail = (
        f"These {without:,} of {wanted:,} are taken as active, as most users would be locked out otherwise.",
        f"If it leaves active out when it is true, write `active_when_absent: true` {_UNDER}.",
        "Otherwise check one of them at the target. An account that is deactivated there has to be activated there.",
    )
    return warning(summary, detail)


def _report_left(keys: Sequence[str]) -> Diagnostic:
    accounts = pluralize(len(keys), "account")
    are = "is" if len(keys) == 1 else "are"
    summary = f"only the record says that {accounts} {are} deactivated: {format_names(keys, _NAMED)}"
    detail = (
        "The service leaves active out there and answers no filter by active. Nothing is sent again.",
        f"Check them at the target. If it does so when active is false, write `active_when_absent: false` {_UNDER}.",
    )
    return error(summary, detail)


def _report_sent(sent: dict[bool, int]) -> Diagnostic:
    accounts = pluralize(sum(sent.values()), "account")
    parts = [f"{str(value).lower()} is sent to {count:,}" for value, count in sent.items() if count]
    summary = f"the service does not show whether {accounts} {'is' if sum(sent.values()) == 1 else 'are'} active"
    detail = (
        f"It leaves active out there, and shows true for others. Therefore {' and '.join(parts)}.",
        f"If this always means the same, write `active_when_absent: true` or `active_when_absent: false` {_UNDER}.",
    )
    return warning(summary, detail)
