"""Limits on the number of changes of one kind, in one plan and the last 24 hours together.

A limit counts accounts: of the plan, and of the applies on record within `WINDOW`; an account of both counts once. The
base of a percentage is the population before these applies, so that shrinking neither shrinks nor raises a limit, and
nor do newcomers: accounts from before are measured by those from before, and all accounts by all.

Each limit holds for the plan alone too, as if nothing were on record: a forged record makes no limit pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import wraps

from reconciler.core.plan import REMOVALS, Action, Change, Guard
from reconciler.core.planning.guards.context import GuardContext, RecentChange
from reconciler.core.policy import Limit
from reconciler.core.text import pluralize
from reconciler.core.values import fold_case

_JOINING = frozenset({Action.CREATE, Action.ADOPT})
_UPDATES = frozenset({Action.UPDATE, Action.ADOPT, Action.RELINK, Action.REACTIVATE})


@dataclass(frozen=True, slots=True)
class _Counts:
    """Accounts by their keys: `planned` now, `recent` within the window; both count.

    `measured`: those of both that the percentage counts, of the users in `population`. `newcomers`: the accounts that
    came within the window. `adopted`: those whose adoption is a change that counts. `others`: users that the percentage
    is of as well, and that are in nothing else. `unread`: the same for what an incremental plan did not read, with
    newcomers among them.
    """

    planned: AbstractSet[str | None]
    recent: AbstractSet[str | None]
    measured: AbstractSet[str | None]
    population: AbstractSet[str | None]
    newcomers: AbstractSet[str | None] = frozenset()
    adopted: AbstractSet[str | None] = frozenset()
    others: int = 0
    unread: int = 0

    @property
    def base(self) -> int:
        """The number of users that the percentage is of."""
        return len(self.population) + self.others + self.unread

    def without_newcomers(self) -> _Counts:
        """Return the counts of the accounts that existed before."""
        measured = self.measured - (self.newcomers - self.adopted)
        unread = max(0, self.unread - len(self.newcomers - self.population))
        return replace(self, measured=measured, population=self.population - self.newcomers, unread=unread)

    @property
    def total(self) -> int:
        """The number of accounts that count."""
        return len(self.planned | self.recent)

    @property
    def earlier(self) -> int:
        """The number of accounts that the plan does not change."""
        return len(self.recent - self.planned)

    def format_percent(self, accounts: AbstractSet[str | None]) -> str:
        return f"{100 * len(accounts & self.measured) / self.base if self.base else 0:.1f} %"


_Check = Callable[[GuardContext, Limit], Guard]


def _holds_alone(check: _Check) -> _Check:
    """Make a limit fail if it fails without the record, whatever the record adds to the population."""

    @wraps(check)
    def check_both(context: GuardContext, limit: Limit) -> Guard:
        together = check(context, limit)
        if not together.passed or not context.recent:
            return together
        alone = check(replace(context, recent=()), limit)
        return together if alone.passed else alone

    return check_both


@_holds_alone
def check_removals(context: GuardContext, limit: Limit) -> Guard:
    """Limit removals: the count of all of them, the percentage of active users only.

    Users deactivated earlier must not raise the limit.
    """
    active = {user.id for user in context.managed if user.active}
    planned = {change.live_id for change in context.changes if change.action in REMOVALS}
    earlier = _recent(context, "removals", planned)
    removed = [change for change in earlier if change.action in REMOVALS]
    recent = {change.live_id for change in removed}
    before = active | {change.live_id for change in removed if change.was_active}
    joined, others, unread = _find_newcomers(earlier, _JOINING), context.settled.count, context.elsewhere.active
    counts = _Counts(planned, recent, (planned | recent) & before, before, joined, others=others, unread=unread)
    of_active = len(planned & active)
    share = f"{of_active:,} of {pluralize(counts.base, 'active managed user')} ({counts.format_percent(planned)})"
    message = f"{share} would be deactivated or deleted"
    if len(planned) > of_active:
        message += f", and {len(planned) - of_active:,} inactive"
    return _check_limit("removals", message, limit, counts)


@_holds_alone
def check_reactivations(context: GuardContext, limit: Limit) -> Guard:
    """Limit deactivated accounts that become active, whatever the cause and the action: leavers get their access back.

    The percentage is of the active users; the active accounts that the plan adopts count as such. With `--user` all
    reactivations of the plan count as soon as one is selected: they must not get through one by one.
    """
    selected = any(map(reactivates, context.chosen))
    planned = {change.live_id for change in context.whole if reactivates(change)} if selected else set[str | None]()
    earlier = _recent(context, "reactivations", planned)
    recent = {change.live_id for change in earlier if change.reactivated}
    removed = {change.live_id for change in earlier if change.action in REMOVALS and change.was_active}
    base = ({user.id for user in context.managed if user.active} - recent) | removed | _adopted_active(context)
    created, others = _find_newcomers(earlier, {Action.CREATE}), context.settled.count
    unread = _leave_out(context.elsewhere.active, recent, context)
    counts = _Counts(planned, recent, planned | recent, base, created, others=others, unread=unread)
    what = _describe_reactivated(context, planned)
    of_base = f"{counts.format_percent(planned)} of {pluralize(counts.base, 'active managed user')}"
    # An organisation without an active user must not get all of its leavers back.
    return _check_limit("reactivations", f"{what} ({of_base})", limit, counts, always=True)


def _describe_reactivated(context: GuardContext, planned: AbstractSet[str | None]) -> str:
    """Say how many accounts would become active: of some, the service may not show whether they are."""
    unknown = {change.live_id for change in context.whole if change.before.get("active") is None} & planned
    if not unknown:
        return f"{pluralize(len(planned), 'deactivated account')} would become active"
    if len(unknown) == len(planned):
        return f"{pluralize(len(planned), 'account')} that may be deactivated would become active"
    return f"{len(planned):,} accounts would become active, {len(unknown):,} of which may be active already"


def reactivates(change: Change) -> bool:
    """Whether a deactivated account would be active after the change."""
    return change.live_id is not None and change.before.get("active") is not True and change.after.get("active") is True


def _adopted_active(context: GuardContext) -> set[str]:
    """Return the ids of the active accounts that the plan adopts."""
    adopted = (change for change in context.whole if change.action is Action.ADOPT)
    return {str(change.live_id) for change in adopted if change.before.get("active") is not False}


@_holds_alone
def check_updates(context: GuardContext, limit: Limit) -> Guard:
    """Limit updates, in count and as a percentage of the managed users."""
    planned = {change.live_id for change in context.chosen if change.action in _UPDATES}
    earlier = _recent(context, "updates", planned)
    recent = {change.live_id for change in earlier if change.action in _UPDATES}
    managed = {user.id for user in context.managed}
    changes: list[Change | RecentChange] = [*context.chosen, *earlier]
    adopted = {change.live_id for change in changes if change.action is Action.ADOPT}
    edited = {change.live_id for change in changes if change.action in _UPDATES - {Action.ADOPT}}
    created = {change.live_id for change in earlier if change.action is Action.CREATE}
    deleted = {change.live_id for change in earlier if change.action is Action.DELETE}
    measured, others, unread = planned | recent, context.settled.count, context.elsewhere.managed
    if not others and not unread and not managed - created - adopted:
        # A first apply adopts what is there, and an interrupted one goes on.
        measured = edited
    newcomers = _find_newcomers(earlier, _JOINING)
    counts = _Counts(planned, recent, measured, managed | deleted, newcomers, adopted, others, unread)
    return _check_limit("updates", _format_share(counts, "updated"), limit, counts)


@_holds_alone
def check_creates(context: GuardContext, limit: Limit) -> Guard:
    """Limit creates, in count and as a percentage of the users that were managed before."""
    planned = {fold_case(change.address) for change in context.chosen if change.action is Action.CREATE}
    earlier = _recent(context, "creates", planned)
    created = [change for change in earlier if change.action is Action.CREATE]
    recent = {fold_case(change.address) for change in created}
    new = _find_newcomers(earlier, _JOINING)
    deleted = {change.live_id for change in earlier if change.action is Action.DELETE}
    before = ({user.id for user in context.managed} - new) | (deleted - new)
    unread = _leave_out(context.elsewhere.managed, new, context)
    counts = _Counts(planned, recent, planned | recent, before, others=context.settled.count, unread=unread)
    return _check_limit("creates", _format_share(counts, "created"), limit, counts)


def _format_share(counts: _Counts, verb: str) -> str:
    planned = len(counts.planned)
    percent = f"{100 * planned / counts.base if counts.base else 0:.1f} %"
    return f"{planned:,} of {pluralize(counts.base, 'managed user')} ({percent}) would be {verb}"


def _find_newcomers(earlier: Iterable[RecentChange], actions: AbstractSet[Action]) -> set[str | None]:
    """Return the ids of the accounts that one of `actions` made managed or active."""
    return {change.live_id for change in earlier if change.action in actions}


def _leave_out(unread: int, accounts: AbstractSet[str | None], context: GuardContext) -> int:
    """Return `unread` without those of `accounts` that an incremental plan did not read, and so counts among it."""
    return max(0, unread - len(accounts - {user.id for user in context.live})) if unread else 0


def _recent(context: GuardContext, guard: str, planned: AbstractSet[str | None]) -> list[RecentChange]:
    """Return the recent changes that count; none if the plan adds none, as past changes cannot be blocked."""
    return [change for change in context.recent if guard not in change.lifted] if planned else []


def _check_limit(name: str, message: str, limit: Limit, counts: _Counts, *, always: bool = False) -> Guard:
    """Block if the percentage or the count is exceeded; the message names the stricter of the two.

    Without users to measure by, a percentage limits nothing (the first apply creates all of them), or, if `always`, it
    allows the floor.
    """
    if counts.earlier:
        together = counts.format_percent(counts.planned | counts.recent)
        message += f", {counts.earlier:,} more in the last 24 hours ({together} together)"
    rules = []
    if limit.count is not None:
        rules.append((limit.count, f"count: {limit.count}", counts.total > limit.count, ""))
    for measured in (counts, counts.without_newcomers()) if counts.newcomers else (counts,):
        allowed = _count_allowed(limit, measured.base) if measured.base or always else None
        if allowed is not None:
            exceeded = len(measured.measured) > allowed
            among = "" if measured is counts else _format_before(measured)
            rules.append((allowed, f"percent: {limit.percent:g}", exceeded, among))
    if not rules:
        return Guard(name, passed=True, message=f"{message}; no limit is set")
    allowed, rule, exceeded, among = min(rules, key=lambda entry: (not entry[2], entry[0]))
    compared = "more than" if exceeded else "within"
    return Guard(name, not exceeded, f"{message}{among}, {compared} the limit of {allowed:,} (guards.{name}.{rule})")


def _format_before(counts: _Counts) -> str:
    share = counts.format_percent(counts.measured)
    return f", {share} of the {counts.base:,} that were there before the last 24 hours"


def _count_allowed(limit: Limit, base: int) -> int | None:
    if limit.percent is None:
        return None
    return max(limit.floor, int(base * limit.percent / 100 + 1e-9))
