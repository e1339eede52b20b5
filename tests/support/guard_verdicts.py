"""The verdicts of all guards for a few changes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from reconciler.core.model import DesiredUser, LiveUser
from reconciler.core.plan import Action, Change, Guard
from reconciler.core.planning.guards.context import GuardContext
from reconciler.core.planning.guards.evaluation import evaluate_guards
from reconciler.core.policy import Policy
from support.builders import change, desired, live

ORDER = [
    "complete-read",
    "removals",
    "reactivations",
    "updates",
    "creates",
    "protected",
    "last-active-user",
    "foreign-accounts",
    "empty-desired-state",
    "name-reuse",
    "name-takeovers",
    "identity-changes",
    "relink",
    "target",
    "tenant",
    "disconnect",
]


def people(count: int) -> list[LiveUser]:
    """Return `count` live users: u0, u1 and so on."""
    return [live(f"u{number}") for number in range(count)]


def verdicts(
    *changes: Change,
    managed: list[LiveUser] | int = 100,
    wanted: list[DesiredUser] | None = None,
    policy: Policy | None = None,
    problem: str | None = None,
    reserved: Mapping[str, date] | None = None,
) -> dict[str, Guard]:
    """Return the verdict of each guard by its name. `managed`: live users, or how many."""
    accounts = people(managed) if isinstance(managed, int) else managed
    situation = GuardContext(changes, [desired("x")] if wanted is None else wanted, accounts, problem, reserved or {})
    found = evaluate_guards(situation, policy or Policy())
    assert [guard.name for guard in found] == ORDER
    return {guard.name: guard for guard in found}


def some(count: int, action: Action) -> list[Change]:
    """Return changes of the first `count` of `people`."""
    return [change(f"u{number}", action) for number in range(count)]
