"""Whole plans that several tests look at."""

from __future__ import annotations

from dataclasses import replace

from builders import (
    DEPARTMENT,
    OUT,
    change,
    desired,
    live,
    mapping,
    mappings,
    plan_of,
    values_of,
)

from reconciler.core.model import Action, Change, Diagnostic, Flow, Origin, Plan, Severity, warning
from reconciler.core.policy import Limit, Policy

ROWS = mappings(mapping("enterprise:department", "department", clear=True), mapping("timezone", "tz", flow=Flow.CREATE))
GENEROUS = Policy(removals=Limit(), delete_after_days=30)
WHERE = Origin("users/people.yaml", 12, 5)
MISTAKES = (
    Diagnostic(
        Severity.ERROR,
        'userName "grace hopper" is not an e-mail address',
        "Apple Business Manager takes nothing else.",
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
