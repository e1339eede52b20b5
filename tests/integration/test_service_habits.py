"""Services with habits: two applies and an edit end at rest, or in a refusal that names the habit.

A habit that is not tolerated yet is in no list here.
"""

from __future__ import annotations

from typing import Any

import pytest
from support.habit_cycle import AFTER, BEFORE, MAPPINGS, NO_CHANGES, ROLE, Cycle
from support.servers.fake_scim import FakeScimServer
from support.servers.kinds import KINDS
from support.servers.plain_scim import PlainScim
from support.servers.server_faults import ServerFaults
from support.servers.service_habits import (
    HabitServer,
    PatchHabits,
    ServiceHabits,
    decomposed,
    trimmed,
    with_dash,
)
from support.workspace import OpenWorkspace


def takes(*operations: str, **changed: Any) -> ServiceHabits:
    """A service that takes PATCH in these operations only."""
    return ServiceHabits(patch=PatchHabits(operations=frozenset(operations), **changed))


AT_REST = {
    "none": ServiceHabits(),
    "leaves active out when it is true": ServiceHabits(hides_active=True),
    "trims": ServiceHabits(stores={"emails": trimmed, "title": trimmed}),
    "stores NFD": ServiceHabits(stores={"name": decomposed}),
    "locale with a dash": ServiceHabits(stores={"locale": with_dash}),
    "names are not unique": ServiceHabits(unique_names=False),
    "takes paths only": takes("add", "replace", "remove", path=True, refusal=400, refusal_type="invalidPath"),
}
"""Habits with which the service comes to rest."""


@pytest.mark.parametrize("habit", AT_REST)
def test_a_service_with_habits_comes_to_rest(habit: str, open_workspace: OpenWorkspace) -> None:
    come_to_rest(begin(open_workspace, HabitServer(AT_REST[habit])))


@pytest.mark.parametrize("faults", KINDS, ids=lambda faults: str(faults).partition("(")[2][:60])
def test_each_kind_of_server_comes_to_rest(faults: ServerFaults, open_workspace: OpenWorkspace) -> None:
    come_to_rest(begin(open_workspace, FakeScimServer(faults)))


def test_scim2_server_comes_to_rest(open_workspace: OpenWorkspace) -> None:
    come_to_rest(begin(open_workspace, PlainScim()))


def come_to_rest(cycle: Cycle) -> None:
    for people in (BEFORE, AFTER):
        cycle.wants(people)
        result = cycle.rest()
        assert NO_CHANGES in result.out, result.out + result.err
        assert cycle.differences() == []


def begin(open_workspace: OpenWorkspace, service: FakeScimServer | PlainScim, *, role: bool = False) -> Cycle:
    """A cycle on the service; `role`: the users have a primary role."""
    workspace = open_workspace(service)
    workspace.write("mappings.yaml", MAPPINGS + (ROLE if role else ""))
    workspace.write("scope.yaml", "sync: all\n")
    read = service.users if isinstance(service, PlainScim) else lambda: list(service.users.values())
    return Cycle(workspace, read, skips=frozenset() if role else frozenset({"appRole"}))
