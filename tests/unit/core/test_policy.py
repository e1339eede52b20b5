import pytest

from reconciler.core.plan import Action
from reconciler.core.policy import Policy


@pytest.mark.parametrize(
    ("permitted", "allowed"),
    [
        ({"create"}, {Action.CREATE}),
        # Adopting, relinking and reactivating are updates.
        ({"update"}, {Action.UPDATE, Action.ADOPT, Action.RELINK, Action.REACTIVATE}),
        ({"deactivate"}, {Action.DEACTIVATE}),
        ({"delete"}, {Action.DELETE}),
        (set(), set()),
    ],
)
def test_what_a_directory_may_do(permitted: set[str], allowed: set[Action]) -> None:
    policy = Policy(permitted=frozenset(permitted))
    assert {action for action in Action if policy.permits(action)} == allowed


def test_by_default_everything_is_permitted() -> None:
    assert all(Policy().permits(action) for action in Action)
