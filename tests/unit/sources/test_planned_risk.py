from dataclasses import replace
from typing import Any

import pytest
from support.builders import change, plan_with, rename

from reconciler.core.model import Diagnostic, Severity
from reconciler.core.plan import Action, Attribution, Base, Change, Guard, LaterEdit, Plan, Tally
from reconciler.sources.planned_risk import find_planned_obstacles

BASE = "b" * 40
OURS = {"attribution": Attribution.THIS_CHANGE_SET}
ERROR = Diagnostic(Severity.ERROR, "x", "", None, None)


def plan(*changes: Change, **fields: Any) -> Plan:
    return plan_with(*changes, **{"base": Base("main", BASE), **fields})


def update(path: str, value: str | bool) -> Change:
    found = change("ada", **OURS)
    return replace(found, after={**found.before, path: value})


def test_creates_and_updates_within_the_limit_need_no_review() -> None:
    made = plan(change("eve", Action.CREATE, **OURS), update("title", "Boss"))
    assert find_planned_obstacles(made, BASE, 2) == ()
    assert find_planned_obstacles(made, BASE, 1) == (
        "the plan changes 2 accounts, of at most 1 (source.entra.auto_merge)",
    )


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        *(
            (plan(change("ada", action, **OURS)), "the plan deactivates, deletes, reactivates, adopts or relinks 1 acc")
            for action in (Action.DEACTIVATE, Action.DELETE, Action.REACTIVATE, Action.ADOPT, Action.RELINK)
        ),
        (plan(rename("ada", "eve", **OURS)), "the plan changes userName, externalId or active of 1 account"),
        (plan(update("externalId", "x")), "the plan changes userName"),
        (plan(update("active", False)), "the plan changes userName"),
        (
            replace(plan(), changes=(change("ada", temporary_user_name="t", **OURS),)),
            "the plan changes userName",
        ),
        (
            plan(update('roles[type eq "x"].value', "admin")),
            "the plan gives 1 account other roles",
        ),
        (plan(change("ada", attribution=Attribution.ALREADY_PENDING)), "the plan has changes of 1 account that are"),
        (plan(change("ada")), "the plan has changes of 1 account that are not, or not only, this import's"),
        (plan(change("ada", pending=("title",), **OURS)), "the plan has changes of 1 account that are"),
        (plan(base=None), "the plan was not compared with the commit before the import"),
        (plan(base=Base("main", "c" * 40)), "the plan was not compared"),
        (plan(base=Base("main", BASE, offline=True)), "the plan was not compared"),
        (plan(complete=False), "the plan does not know all accounts"),
        (plan(guards=(Guard("changes", passed=False, message="x"),)), "the plan is blocked by changes"),
        (plan(diagnostics=(ERROR,)), "the plan has 1 user that cannot be planned"),
        (plan(tally=Tally(failed=2)), "the plan has 2 users that cannot be planned"),
        (plan(tally=Tally(withheld=1)), "the plan has 1 user that would change, but may not (withheld)"),
        (plan(changes_nothing_today=(LaterEdit("a", "x"),)), "the plan has 1 user that would change on a later day"),
    ],
)
def test_everything_else_needs_a_review(made: Plan, reason: str) -> None:
    (found,) = find_planned_obstacles(made, BASE, 1_000_000)
    assert found.startswith(reason)
