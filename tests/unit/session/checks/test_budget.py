from __future__ import annotations

import pytest

from reconciler.errors import TargetError
from reconciler.session.checks.budget import CHECK_SECONDS, CheckBudget


def test_the_budget_ends_after_its_time() -> None:
    now = 100.0
    budget = CheckBudget(lambda: now)
    now += CHECK_SECONDS - 1
    budget.check_time()
    assert budget.seconds_left == 1
    now += 5
    assert budget.seconds_left == 0
    with pytest.raises(TargetError, match="the time for this check, 60 seconds, is over"):
        budget.check_time()
