"""A service that never shows `active`: no returner stays locked out, and no leaver counts as deactivated."""

from __future__ import annotations

import pytest
from support.habit_cycle import KEEPER, MAPPINGS, NO_CHANGES, person
from support.servers.patching import User
from support.servers.service_habits import HabitServer, ServiceHabits
from support.workspace import CommandResult, OpenWorkspace, Workspace

UNKNOWN = "it does not show active: whether the account is active is not known"


class Silent(HabitServer):
    """Keeps `active`, and shows it in no answer."""

    def _without_active(self, user: User) -> User:
        return {name: value for name, value in user.items() if name != "active"}

    def is_active(self, who: str) -> object:
        (account,) = self.accounts_of(f"id-{who}")
        return account.get("active")


@pytest.fixture
def service() -> Silent:
    return Silent(ServiceHabits())


def begin(open_workspace: OpenWorkspace, service: Silent) -> Workspace:
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.write("scope.yaml", "sync: all\n")
    workspace.users([person("ada"), KEEPER])
    rests(workspace.apply(), workspace.apply())
    return workspace


def rests(*results: CommandResult) -> None:
    assert [result.code for result in results] == [0] * len(results), results[0].out + results[0].err
    assert NO_CHANGES in results[-1].out


@pytest.mark.parametrize("department", ["Research", "Sales"])
@pytest.mark.parametrize("removed", [False, True], ids=["disabled", "removed"])
def test_a_user_who_returns_is_sent_true_once(
    open_workspace: OpenWorkspace, service: Silent, department: str, *, removed: bool
) -> None:
    workspace = begin(open_workspace, service)
    workspace.users([KEEPER] if removed else [person("ada", accountEnabled=False), KEEPER])
    for _ in range(2):
        left = workspace.apply()
        assert (left.code, UNKNOWN in left.out) == (5, True), left.out + left.err
        assert "the service shows true" not in left.out
        assert service.is_active("ada") is False
    workspace.users([person("ada", department=department), KEEPER])
    back = workspace.apply()
    assert (back.code, NO_CHANGES in back.out) == (0, False), back.out + back.err
    assert service.is_active("ada") is True
    writes = len(service.writes)
    rests(workspace.apply())
    assert workspace.plan().code == 0
    assert len(service.writes) == writes


def test_a_leaver_never_counts_as_deactivated(open_workspace: OpenWorkspace, service: Silent) -> None:
    workspace = begin(open_workspace, service)
    workspace.users([person("ada", accountEnabled=False), KEEPER])
    workspace.apply()
    planned = workspace.plan()
    assert (planned.code, '"action": "deactivate"' in planned.out) == (2, True)
    assert "UNHEALTHY" in workspace.run("status", "--plans", str(workspace.plans)).out
