from __future__ import annotations

import pytest

from reconciler.scim.read_budget import TimeOverError
from reconciler.session.checks.budget import CHECK_SECONDS, TIME_OVER, CheckBudget


def test_the_budget_ends_after_its_time() -> None:
    now = 100.0
    budget = CheckBudget(lambda: now)
    now += CHECK_SECONDS - 1
    budget.check_time()
    assert budget.seconds_left == 1
    now += 5
    assert budget.seconds_left == 0
    with pytest.raises(TimeOverError, match=TIME_OVER):
        budget.check_time()
