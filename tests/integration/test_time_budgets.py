"""Services that answer each request, and never come to an end."""

from __future__ import annotations

from functools import partial

import pytest
from support.servers.fake_scim import FakeScimServer, ServerFaults, make_user
from support.workspace import OpenWorkspace, Workspace, source

from reconciler.scim.read_budget import ReadBudget
from reconciler.session import live_plan


class SteppingClock:
    """Seconds that pass with each look at the clock."""

    def __init__(self, step: float) -> None:
        self._step = step
        self._now = 0.0

    def __call__(self) -> float:
        self._now += self._step
        return self._now


def open_slow(open_workspace: OpenWorkspace, faults: ServerFaults) -> tuple[FakeScimServer, Workspace]:
    people = [make_user(number) for number in range(450)]
    service = FakeScimServer(faults, people)
    workspace = open_workspace(service)
    workspace.users([source(user) for user in people[:300]])
    return service, workspace


@pytest.mark.parametrize(
    "faults",
    [ServerFaults(page_cap=1), ServerFaults(drop_enterprise_in_lists=True)],
    ids=["a user per page", "each user by its id"],
)
def test_a_read_that_would_take_days_ends_and_nothing_is_removed(
    faults: ServerFaults, open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, workspace = open_slow(open_workspace, faults)
    monkeypatch.setattr(live_plan, "ReadBudget", partial(ReadBudget, clock=SteppingClock(120)))
    result = workspace.apply()
    assert (result.code, result.out) == (1, "")
    assert "Error: the users cannot be read within 5 hours at this pace:" in result.err
    assert "in the last" in result.err
    assert service.writes == []
    assert len(service.log) < 60
    refused = workspace.run("status", "--plans", str(workspace.plans)).out
    assert "the users cannot be read within 5 hours at this pace" in refused


def test_a_read_that_takes_too_long_altogether_ends(
    open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    service, workspace = open_slow(open_workspace, ServerFaults())
    monkeypatch.setattr(live_plan, "ReadBudget", partial(ReadBudget, clock=SteppingClock(20_000)))
    result = workspace.run("plan")
    assert (result.code, result.out) == (1, "")
    assert "Error: reading the users takes longer than 5 hours: none came" in result.err
    assert service.writes == []
