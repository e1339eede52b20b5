from datetime import timedelta

from support.builders import NOW, TARGET

from reconciler.core.model import Deactivation
from reconciler.core.planning.request import LiveState, PlanRequest
from reconciler.core.policy import Policy


def test_the_clock_of_the_lifecycle_rules_is_that_of_the_plan() -> None:
    deactivated = {"live-a": Deactivation(NOW - timedelta(days=3), "r")}
    clock = PlanRequest(TARGET, [], [], Policy(), NOW, "0.1.0", deactivated=deactivated).clock
    assert (clock.now, clock.deactivated) == (NOW, deactivated)


def test_unless_told_otherwise_every_live_user_is_managed_and_a_read_has_no_problem() -> None:
    request = PlanRequest(TARGET, [], [], Policy(), NOW, "0.1.0")
    assert request.owned({}) is True
    assert (LiveState([]).problem, LiveState([]).clock_problem) == (None, None)
