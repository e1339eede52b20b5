"""Services that answer each request, and never come to an end."""

from __future__ import annotations

import threading
from contextlib import AbstractContextManager
from functools import partial

import pytest
from support.servers.fake_scim import FakeScimServer, ServerFaults, make_user
from support.workspace import OpenWorkspace, Workspace, source

from reconciler.apply.time_limit import TimeLimit, stop_in_time
from reconciler.scim.read_budget import ReadBudget
from reconciler.session import execution, live_plan


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
    assert "Error: reading the users took longer than 5 hours: none received" in result.err
    assert service.writes == []


class ServiceClock:
    """Seconds that pass with each write to a service."""

    def __init__(self, service: FakeScimServer, seconds: float) -> None:
        self._service = service
        self._seconds = seconds

    def __call__(self) -> float:
        return len(self._service.writes) * self._seconds


def test_an_apply_that_gets_nowhere_ends_as_an_interrupted_one_and_goes_on_later(
    open_workspace: OpenWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [make_user(number) for number in range(60)]
    service = FakeScimServer(ServerFaults(latency=0.02), people)
    workspace = open_workspace(service)
    workspace.users([source(user, department="Moved") for user in people])

    def watch_often(limit: TimeLimit, stop: threading.Event) -> AbstractContextManager[None]:
        return stop_in_time(limit, stop, interval=0.001)

    with monkeypatch.context() as patch:
        patch.setattr(execution, "TimeLimit", partial(TimeLimit, clock=ServiceClock(service, 120)))
        patch.setattr(execution, "stop_in_time", watch_often)
        result = workspace.apply()
    written = len(service.writes)
    assert result.code == 5
    assert 0 < written < 60
    assert "Error: the apply reached its time limit: the service is too slow: " in result.err
    assert "Run the same command again" in result.err
    assert f"{60 - written} changes not started: interrupted" in result.out
    done = [line for line in workspace.receipt() if line["event"] == "finished" and line["result"] == "done"]
    assert len(done) == written
    last = workspace.receipt()[-1]
    assert (last["event"], last["how"], last["done"]) == ("apply_finished", "interrupted", written)
    assert "interrupted" in workspace.run("status", "--plans", str(workspace.plans)).out
    assert (workspace.apply().code, len(service.writes)) == (0, 60)
