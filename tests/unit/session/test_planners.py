"""What makes the plan of an apply."""

from __future__ import annotations

import pytest
from support.sample_org import person
from support.target_workspace import TargetWorkspace

from reconciler.core.model import Target
from reconciler.errors import StalePlanError
from reconciler.session.planners import WholePlanner, check_same_target


def test_all_users_or_some_are_planned(target: TargetWorkspace) -> None:
    target.desire(person("ada"), person("ben"))
    with target.session() as session:
        whole = WholePlanner(session.state)
        some = WholePlanner(session.state, ("ada@example.com",))
        assert (whole.whole, some.whole) == (True, False)
        assert [change.key for change in whole.make_plan(session, target.terminal).changes] == [
            "ada@example.com",
            "ben@example.com",
        ]
        assert [change.key for change in some.make_plan(session, target.terminal).changes] == ["ada@example.com"]


def test_the_files_are_read_again(target: TargetWorkspace) -> None:
    planner = WholePlanner(target.state(), ("ada@example.com",))
    target.desire(person("ada"))
    again = planner.load_again(target.workspace, target.terminal)
    assert again is not None
    assert (len(again.state.users), again.users) == (2, planner.users)
    target.files.write("settings.yaml", "nonsense: true\n")
    assert planner.load_again(target.workspace, target.terminal) is None


def test_another_target_is_refused() -> None:
    here = Target("scim", "https://example.com")
    check_same_target(here, here)
    with pytest.raises(StalePlanError, match="another target"):
        check_same_target(Target("scim", "https://other.example.com"), here)
