import pytest
from support.builders import OUT, desired
from support.guard_verdicts import verdicts

from reconciler.core.model import DesiredUser
from reconciler.core.plan import Guard


def test_an_incomplete_read_blocks_and_cannot_be_approved() -> None:
    assert verdicts(problem="page 2 is short")["complete-read"] == Guard(
        "complete-read",
        passed=False,
        message="the live users could not be read completely: page 2 is short",
        approvable=False,
    )
    assert verdicts()["complete-read"] == Guard(
        "complete-read", passed=True, message="all live users were read", approvable=False
    )


@pytest.mark.parametrize(
    ("wanted", "managed", "passed"),
    [
        ([], 1, False),
        ([desired("a", verdict=OUT)], 3, False),
        ([desired("a", verdict=OUT), desired("b")], 3, True),
        ([desired("a", failed=True)], 3, True),
        ([], 0, True),
    ],
)
def test_a_desired_state_without_a_user_in_scope_blocks(wanted: list[DesiredUser], managed: int, passed: bool) -> None:
    found = verdicts(wanted=wanted, managed=managed)["empty-desired-state"]
    message = f"the desired state has no user in scope, but {managed} managed user{'s' * (managed > 1)} exist"
    assert found == Guard("empty-desired-state", passed, "the desired state names users" if passed else message)
