"""Whole plans that several tests look at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from reconciler.core.model import Diagnostic, Flow, Origin, ScopeReason, Severity, Verdict, warning
from reconciler.core.plan import Action, Base, Change, Plan
from reconciler.core.planning.attribution import attribute_plan, no_longer_pending
from reconciler.core.planning.later_edits import find_later_edits
from reconciler.core.policy import Limit, Policy
from support.builders import DEPARTMENT, OUT, change, desired, live, mapping, mappings, plan_of, values_of

ROWS = mappings(mapping("enterprise:department", "department", clear=True), mapping("timezone", "tz", flow=Flow.CREATE))
GENEROUS = Policy(removals=Limit(), delete_after_days=30)
WHERE = Origin("users/people.yaml", 12, 5)
MISTAKES = (
    Diagnostic(
        Severity.ERROR,
        'userName "grace hopper" is not an e-mail address',
        "Apple Business Manager accepts nothing else.",
        WHERE,
        'user["grace hopper"]',
        "  userPrincipalName: grace hopper",
    ),
    warning("1 delete withheld: lifecycle.actions in settings.yaml does not permit it"),
)


def every_action() -> Plan:
    people = [
        desired("new", create_only={"timezone": "Europe/Berlin"}),
        desired("edited", family="King", department=None),
        desired("manual"),
        desired("back", given='B"ack'),
        desired("out", verdict=OUT, line=40),
        desired("swap1", user_name="swap2@example.com"),
        desired("swap2", user_name="swap1@example.com"),
        desired("same"),
    ]
    accounts = [
        live("edited"),
        live("manual", external_id=None),
        live("back", active=False),
        live("out"),
        live("gone", active=False, last_modified="2026-01-01T00:00:00Z"),
        live("swap1"),
        live("swap2"),
        live("same"),
        live("stranger", external_id=None),
    ]
    return plan_of(people, accounts, rows=ROWS, policy=GENEROUS, diagnostics=MISTAKES)


BASE = Base("origin/main", "4f1c2a9be0d3" + "0" * 28)
SOON = Verdict(ScopeReason.NOT_STARTED, 'starts "2026-09-01"')


def compared() -> Plan:
    """A plan with both lists, removals in both, rows that were pending, and additional sections."""
    accounts = [live(who) for who in ("drift", "edited", "out", "left", "rescued", "same", "later")]
    both = [desired("drift", department="IT"), desired("hired"), desired("same")]
    before = [
        *both,
        desired("edited", family="King"),
        desired("out"),
        desired("later", expires=date(2026, 6, 30)),
    ]
    after = [
        *both,
        desired("edited", family="King", department="IT", line=7),
        desired("out", verdict=OUT, line=40),
        desired("new", line=50),
        desired("rescued"),
        desired("later", expires=date(2026, 12, 31)),
        desired("soon", verdict=SOON, starts=date(2026, 9, 1)),
    ]
    now, then = (plan_of(people, accounts, policy=GENEROUS) for people in (after, before))
    plan = attribute_plan(replace(now, base=BASE), then)
    return replace(
        plan,
        notes=('settings.yaml: lifecycle.removed = "deactivate" -> "delete"',),
        no_longer_pending=no_longer_pending(now, then),
        changes_nothing_today=find_later_edits(before, after, plan.changes),
    )


_MIX = (*[Action.UPDATE] * 6, *[Action.CREATE] * 3, Action.DEACTIVATE)


def plan_for(size: int) -> Plan:
    """A plan of `size` changes: 60 % updates of two attributes, 30 % creates, 10 % deactivations."""
    return replace(plan_of(), changes=tuple(_change(number) for number in range(size)))


def _change(number: int) -> Change:
    who, action = f"user{number:06}", _MIX[number % len(_MIX)]
    values = values_of(who)
    after = {
        Action.UPDATE: {**values, DEPARTMENT: "Marketing", "name.familyName": "King"},
        Action.CREATE: values,
        Action.DEACTIVATE: {**values, "active": False},
    }
    return change(who, action, after=after[action], origin=Origin("users/people.yaml", number + 1, 3))
