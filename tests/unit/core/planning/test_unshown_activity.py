from __future__ import annotations

from dataclasses import replace

import pytest
from support.builders import OUT, desired, live, plan_of

from reconciler.core.plan import Action

SILENT = replace(live("ada"), omits_active=True)


def test_a_user_in_scope_is_sent_true_if_the_account_may_be_inactive() -> None:
    (change,) = plan_of([desired("ada")], [SILENT], doubtful={"live-ada"}).changes
    assert (change.action, change.after["active"]) == (Action.REACTIVATE, True)
    assert "the service does not show that the account is active" in change.detail


@pytest.mark.parametrize(
    ("account", "doubtful"), [(SILENT, set()), (SILENT, {"live-bob"}), (live("ada"), {"live-ada"})]
)
def test_any_other_account_is_as_it_is_shown(account: object, doubtful: set[str]) -> None:
    assert plan_of([desired("ada")], [account], doubtful=doubtful).changes == ()  # type: ignore[list-item]


@pytest.mark.parametrize("in_git", [True, False])
def test_a_leaver_is_still_deactivated(*, in_git: bool) -> None:
    people = [replace(desired("ada"), verdict=OUT)] if in_git else []
    plan = plan_of([*people, desired("bob")], [SILENT, replace(live("bob"), omits_active=True)], doubtful={"live-ada"})
    assert [change.action for change in plan.changes] == [Action.DEACTIVATE]
