"""Each guard bites: switched off, its scenario ends otherwise. So no guard can be taken out without a red test."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import pytest
from support.builders import OUT, TARGET, TODAY, desired, live, plan_of

from reconciler.core.plan import Guard, Plan
from reconciler.core.planning import guards
from reconciler.core.policy import Approval, Limit, Policy, Removal
from reconciler.core.text import quote

FREE = Policy(removals=Limit())
"""No limits: a scenario is about one guard only."""


@dataclass(frozen=True)
class GuardCase:
    """A situation in which exactly one guard must block. `function`: what makes that guard in `core.guard`."""

    function: str
    plan: Callable[[], Plan]
    approvable: bool = True


def org(size: int, gone: int = 0, **changed: Any) -> dict[str, Any]:
    """`size` live users, the first `gone` of whom nobody desires; `changed` differs in the desired state."""
    names = [f"u{number}" for number in range(size)]
    return {
        "people": [desired(name, **changed) for name in names[gone:]],
        "accounts": [live(name) for name in names],
    }


def leavers(size: int, gone: int, limit: Limit) -> Callable[[], Plan]:
    return lambda: plan_of(**org(size, gone), policy=Policy(removals=limit))


def deleted(size: int, gone: int) -> Plan:
    return plan_of(**org(size, gone), policy=Policy(removed=Removal.DELETE))


def out_of_scope(size: int) -> Plan:
    everybody = org(size)
    people = [desired(f"u{number}", verdict=OUT) for number in range(size)]
    return plan_of(people, everybody["accounts"], policy=FREE)


def created(count: int, limit: Limit) -> Callable[[], Plan]:
    names = [f"new{number}" for number in range(count)]
    kept = org(10)
    people = [*kept["people"], *(desired(name) for name in names)]
    return lambda: plan_of(people, kept["accounts"], policy=replace(FREE, creates=limit))


def last_one_goes() -> Plan:
    return plan_of([desired("boss", verdict=OUT), desired("old")], [live("boss"), live("old", active=False)], **KEEP)


KEEP: dict[str, Any] = {"policy": replace(FREE, permitted=frozenset({"deactivate"}))}


def only_the_last_one() -> Plan:
    """The replacement is planned too, but `--user` leaves it out."""
    people = [desired("boss", verdict=OUT), desired("next")]
    return plan_of(people, [live("boss")], policy=FREE, only={"boss@example.com"})


def nobody_desired(size: int) -> Callable[[], Plan]:
    inactive = [live(f"u{number}", active=False) for number in range(size)]
    return lambda: plan_of([], [*inactive], policy=replace(FREE, removed=Removal.DELETE))


RESERVED: Mapping[str, date] = {"new@example.com": TODAY + timedelta(days=9)}

CASES: dict[str, GuardCase] = {
    "an incomplete read": GuardCase(
        "_complete_read", lambda: plan_of(**org(3, department="X"), problem="page 2 is short"), approvable=False
    ),
    "removals by count": GuardCase("_removals", leavers(1000, 11, Limit(10, 10))),
    "removals by percent": GuardCase("_removals", leavers(20, 3, Limit(10, 10))),
    "removals beyond the floor of a tiny tenant": GuardCase("_removals", leavers(3, 2, Limit(10, 10))),
    "deletions count as removals": GuardCase("_removals", lambda: deleted(20, 3)),
    "mass updates": GuardCase(
        "_limit", lambda: plan_of(**org(20, department="X"), policy=replace(FREE, updates=Limit(None, 50)))
    ),
    "mass updates by count": GuardCase(
        "_limit", lambda: plan_of(**org(5, department="X"), policy=replace(FREE, updates=Limit(4)))
    ),
    "mass creates": GuardCase("_limit", created(6, Limit(None, 50))),
    "mass creates by count": GuardCase("_limit", created(3, Limit(2))),
    "somebody protected in the settings": GuardCase(
        "_protected",
        lambda: plan_of(**org(9, 1), policy=replace(FREE, protected=frozenset({"u0@example.com"}))),
        approvable=False,
    ),
    "somebody protected in git": GuardCase(
        "_protected",
        lambda: plan_of(
            [desired("u0", verdict=OUT, protected=True), desired("u1")], [live("u0"), live("u1")], policy=FREE
        ),
        approvable=False,
    ),
    "the last active user": GuardCase("_last_active", last_one_goes),
    "the last active user alone": GuardCase("_last_active", only_the_last_one),
    "an empty desired state": GuardCase("_empty_desired_state", nobody_desired(4)),
    "the name of a deleted account": GuardCase(
        "_name_reuse", lambda: plan_of([desired("new")], [], policy=FREE, recently_deleted=RESERVED)
    ),
    "a target that moved": GuardCase(
        "_target", lambda: plan_of(**org(3, department="X"), policy=FREE, moved_from="https://old.example.com")
    ),
}


def passing(*_arguments: Any) -> Guard:
    """The guard switched off."""
    return Guard("off", passed=True, message="off")


@pytest.mark.parametrize("name", CASES)
def test_a_guard_blocks_and_without_it_the_plan_would_be_applied(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    scenario = CASES[name]
    plan = scenario.plan()
    assert plan.changes, "a plan without changes proves nothing"
    (failed,) = [found for found in plan.guards if not found.passed]
    assert (plan.blocked, plan.applyable, failed.approvable) == (True, False, scenario.approvable)
    monkeypatch.setattr(guards, scenario.function, passing)
    toothless = scenario.plan()
    assert (toothless.blocked, toothless.applyable) == (False, True)
    assert toothless.changes == plan.changes


def test_every_guard_there_is_has_a_scenario() -> None:
    made = {found.name for found in plan_of().guards}
    blocked = {found.name for scenario in CASES.values() for found in scenario.plan().guards if not found.passed}
    assert blocked == made


def test_everybody_out_of_scope_meets_two_guards() -> None:
    assert [found.name for found in out_of_scope(4).guards if not found.passed] == [
        "last-active-user",
        "empty-desired-state",
    ]


# --- approvals: one plan, and only that one --------------------------------------------------------


def approved(plan: Plan, identity: str) -> Plan:
    planning = importlib.import_module("reconciler.core.planning.planner")
    found: Plan = planning.reevaluate_guards(plan, [Approval(identity)], TODAY)
    return found


@pytest.mark.parametrize("name", [name for name, scenario in CASES.items() if scenario.approvable])
def test_an_approval_lifts_the_guard_for_the_plan_it_names_and_for_no_other(name: str) -> None:
    plan = CASES[name].plan()
    assert not approved(plan, plan.plan_id).blocked
    assert approved(plan, "sha256:" + "0" * 64).blocked


@pytest.mark.parametrize("name", [name for name, scenario in CASES.items() if not scenario.approvable])
def test_what_cannot_be_approved_stays_blocked(name: str) -> None:
    plan = CASES[name].plan()
    assert approved(plan, plan.plan_id).blocked


@pytest.mark.parametrize(
    "other",
    [
        lambda: plan_of(**org(20, 4)),
        lambda: plan_of(**org(20, 3, department="X")),
        lambda: plan_of(
            org(20, 3)["people"], [live("u0", department="Y"), *org(20, 3)["accounts"][1:]], policy=Policy()
        ),
        lambda: plan_of(**org(20, 3), target=replace(TARGET, base_url="https://other.example.com")),
    ],
    ids=["one removal more", "another value wanted", "another value found", "another target"],
)
def test_one_value_that_changes_makes_it_another_plan(other: Callable[[], Plan]) -> None:
    plan, changed = plan_of(**org(20, 3)), other()
    assert plan.blocked
    assert not approved(plan, plan.plan_id).blocked
    assert changed.plan_id != plan.plan_id
    assert approved(changed, plan.plan_id).blocked


# --- nobody goes before somebody comes -------------------------------------------------------------


def test_where_everybody_is_replaced_nobody_goes_before_a_successor_is_there() -> None:
    plan = plan_of([desired("new"), desired("next")], [live("old"), live("older")], policy=FREE)
    needed = {change.key: change.requires for change in plan.changes}
    assert needed["old@example.com"] == needed["older@example.com"] == ('user["new@example.com"]',)
    assert needed["new@example.com"] == ()


def test_where_somebody_stays_removals_wait_for_nobody() -> None:
    plan = plan_of([desired("new"), desired("stays")], [live("old"), live("stays")], policy=FREE)
    assert all(change.requires == () for change in plan.changes)


def test_whoever_is_imported_inactive_is_no_successor() -> None:
    people = [desired("made", active=False), desired("new")]
    accounts = [live("made", external_id=None, active=False), live("old")]
    plan = plan_of(people, accounts, policy=FREE)
    (goes,) = [change for change in plan.changes if change.key == "old@example.com"]
    assert quote("new@example.com") in goes.requires[0]
