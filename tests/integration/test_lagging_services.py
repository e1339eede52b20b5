"""Services whose reads lag behind their writes: no user exists twice, and all comes to rest."""

from __future__ import annotations

import signal
import subprocess
from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from support.command import COMMAND
from support.habit_cycle import MAPPINGS, NO_CHANGES, Cycle, person
from support.lag_clock import LagClock
from support.servers.fake_scim import Logged
from support.servers.http_server import Reply
from support.servers.server_faults import ServerFaults
from support.servers.service_habits import HabitServer, ServiceHabits
from support.workspace import CommandResult, OpenWorkspace

ADA, BOB, CYD = (person(name) for name in ("ada", "bob", "cyd"))
READS = ("list", "filter", "id")
LAGGING = [frozenset(some) for size in (1, 2, 3) for some in combinations(READS, size)]
ALL = frozenset(READS)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> LagClock:
    return LagClock(monkeypatch)


class Lagging(Cycle):
    """A cycle on a service that lags; `server` is the service."""

    server: HabitServer

    def post_count(self) -> int:
        return sum(entry.method == "POST" for entry in self.server.log)

    def status(self) -> str:
        return self.workspace.run("status", "--plans", str(self.workspace.plans)).out


def begin(
    open_workspace: OpenWorkspace,
    clock: LagClock,
    lag: float = 5,
    *,
    faults: ServerFaults | None = None,
    **habits: Any,
) -> Lagging:
    server = HabitServer(ServiceHabits(lag=lag, **habits), faults=faults, clock=clock)
    workspace = open_workspace(server)
    workspace.write("mappings.yaml", MAPPINGS)
    workspace.write("scope.yaml", "sync: all\n")
    cycle = Lagging(workspace, lambda: server.people, skips=frozenset({"appRole"}))
    cycle.server = server
    return cycle


def said(result: CommandResult) -> str:
    return result.out + result.err


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("lagging", LAGGING, ids=lambda reads: "+".join(sorted(reads)))
def test_a_second_apply_at_once_creates_no_user_twice(
    open_workspace: OpenWorkspace, clock: LagClock, lagging: frozenset[str], *, unique: bool
) -> None:
    cycle = begin(open_workspace, clock, lagging=lagging, unique_names=unique)
    cycle.wants([ADA, BOB])
    first = cycle.apply()
    assert first.code == 0, said(first)
    second = cycle.apply()
    assert (second.code, NO_CHANGES in second.out) == (0, True), said(second)
    assert cycle.post_count() == 2
    clock.pass_by(60)
    third = cycle.apply()
    assert (third.code, NO_CHANGES in third.out) == (0, True), said(third)
    assert cycle.differences() == []


@pytest.mark.parametrize("unique", [True, False])
@pytest.mark.parametrize("lagging", [{"list", "filter"}, ALL], ids=["list and filter", "all"])
def test_a_long_lag_creates_no_user_twice(
    open_workspace: OpenWorkspace, clock: LagClock, lagging: frozenset[str], *, unique: bool
) -> None:
    cycle = begin(open_workspace, clock, 600, lagging=lagging, unique_names=unique)
    cycle.wants([ADA, BOB])
    first = cycle.apply()
    assert first.code == (5 if "id" in lagging else 0), said(first)
    for _ in range(3):
        again = cycle.apply()
        assert again.code == (5 if "id" in lagging else 0), said(again)
        assert "administration" not in said(again)
    assert cycle.post_count() == 2
    clock.pass_by(600)
    result = cycle.apply()
    assert (result.code, NO_CHANGES in result.out) == (0, True), said(result)
    assert cycle.differences() == []
    assert "healthy" in cycle.status()


def test_a_new_account_that_nothing_shows_is_named_by_its_id(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock, 600, lagging=ALL)
    cycle.wants([ADA])
    first = cycle.apply()
    assert 'NOT IN EFFECT: the service accepted it, but it does not show the account yet (id "1")' in first.out
    assert "not in effect: id" not in first.out
    assert "Waiting for the service to show 1 change that it accepted: until" in first.err
    second = cycle.apply()
    assert 'the service does not show the account "1" yet, which an apply created for this user at' in said(second)
    assert "No second account is created" in said(second)


def test_the_wait_of_a_run_is_bounded_and_shared(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock, 10**6, lagging=ALL)
    cycle.wants([person(f"user{number}") for number in range(30)])
    cycle.apply()
    assert sum(clock.slept) <= 30 * 2 + 10


def test_a_service_that_lags_does_not_stop_a_run_of_many(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock, 5, lagging=ALL)
    cycle.wants([person(f"user{number}") for number in range(200)])
    result = cycle.apply()
    assert result.code == 0, said(result)
    assert len(cycle.server.people) == 200


@pytest.mark.parametrize("lagging", [{"list"}, {"list", "filter"}, ALL], ids=lambda reads: "+".join(sorted(reads)))
def test_drift_does_not_report_what_an_apply_changed_a_moment_ago(
    open_workspace: OpenWorkspace, clock: LagClock, lagging: frozenset[str]
) -> None:
    cycle = begin(open_workspace, clock, lagging=lagging)
    cycle.wants([ADA, BOB, CYD])
    assert cycle.apply().code == 0
    clock.pass_by(60)
    cycle.wants([ADA, {**BOB, "accountEnabled": False}, {**CYD, "department": "Sales"}])
    left = cycle.apply()
    assert left.code == 0, said(left)
    drift = cycle.workspace.run("drift", "--detailed-exitcode", "--plans", str(cycle.workspace.plans))
    assert "dited in the target" not in said(drift), said(drift)
    assert drift.code == 0, said(drift)
    clock.pass_by(60)
    assert NO_CHANGES in cycle.apply().out


def test_an_edit_that_is_undone_at_once_is_undone(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock)
    cycle.wants([ADA, BOB])
    assert cycle.apply().code == 0
    clock.pass_by(60)
    cycle.wants([{**ADA, "department": "Sales"}, BOB])
    assert cycle.apply().code == 0
    cycle.wants([ADA, BOB])
    undone = cycle.apply()
    assert undone.code == 0, said(undone)
    assert cycle.differences() == []


def test_a_user_that_leaves_right_after_the_creation_is_deactivated(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock)
    cycle.wants([ADA, BOB])
    assert cycle.apply().code == 0
    cycle.wants([ADA])
    gone = cycle.apply()
    assert gone.code == 0, said(gone)
    assert [user["active"] for user in cycle.server.accounts_of("id-bob")] == [False]


@pytest.mark.parametrize("landed", [True, False])
def test_a_run_that_is_killed_before_the_answer_creates_no_user_twice(
    open_workspace: OpenWorkspace, clock: LagClock, *, landed: bool
) -> None:
    faults = None if landed else ServerFaults(cut_on_write=1)
    cycle = begin(open_workspace, clock, faults=faults, unique_names=False)
    cycle.wants([ADA])
    running: list[subprocess.Popen[bytes]] = []

    def kill(entry: Logged) -> None:
        if entry.method == "POST" and running:
            running.pop().kill()

    cycle.server.after = kill
    line = [COMMAND, "apply", "--auto-approve", "--state", cycle.workspace.state, "--plans", cycle.workspace.plans]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    running.append(process)
    assert process.wait(60) == -signal.SIGKILL
    again = cycle.apply()
    assert again.code == 0, said(again)
    assert "Waiting for an account that an interrupted apply may have created: until" in again.err
    assert cycle.differences() == []
    clock.pass_by(60)
    rest = cycle.apply()
    assert (rest.code, NO_CHANGES in rest.out) == (0, True), said(rest)
    assert cycle.differences() == []


def test_a_list_is_not_doubted_because_reads_by_id_still_show_the_state_before_an_apply(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    cycle = begin(open_workspace, clock, 600, lagging={"id"})
    cycle.wants([ADA, BOB, CYD])
    cycle.apply()
    clock.pass_by(600)
    for people in ([ADA, {**BOB, "accountEnabled": False}, CYD], [ADA, BOB, CYD]):
        cycle.wants(people)
        cycle.apply()
        for _ in range(2):
            again = cycle.apply()
            assert (again.code, NO_CHANGES in again.out) == (0, True), said(again)
        clock.pass_by(600)
    assert cycle.differences() == []


@pytest.mark.parametrize("lag", [5, 600])
@pytest.mark.parametrize("lagging", [{"id"}, ALL], ids=["id", "all"])
def test_an_exchange_of_names_is_finished_or_undone(
    lag: float, open_workspace: OpenWorkspace, clock: LagClock, lagging: frozenset[str]
) -> None:
    cycle = begin(open_workspace, clock, lag, lagging=lagging)
    cycle.workspace.settings(guards={"name_takeovers": {"count": 9}, "identity_changes": {"count": 9}})
    cycle.wants([ADA, BOB, CYD])
    cycle.apply()
    clock.pass_by(600)
    assert NO_CHANGES in cycle.apply().out
    swapped = [{**ADA, "userPrincipalName": "bob@example.com"}, {**BOB, "userPrincipalName": "ada@example.com"}, CYD]
    cycle.wants(swapped)
    first = cycle.apply()
    assert first.code == (0 if lag == 5 else 5), said(first)
    clock.pass_by(600)
    for _ in range(1 if lag == 5 else 5):
        result = cycle.apply()
        clock.pass_by(600)
    assert (result.code, NO_CHANGES in result.out) == (0, True), said(result)
    assert cycle.differences() == []


def test_a_creation_that_a_service_reports_as_failed_is_not_repeated_too_early(
    open_workspace: OpenWorkspace, clock: LagClock
) -> None:
    """The account was made, the answer is 503, and reads show it five seconds later."""
    cycle = begin(open_workspace, clock, unique_names=False)

    class Unavailable(HabitServer):
        def _post(self, entry: Logged) -> Reply:
            reply = super()._post(entry)
            self._post = super()._post  # type: ignore[method-assign]
            return replace(reply, status=503, body=b"")

    cycle.server.__class__ = Unavailable
    cycle.wants([ADA])
    first = cycle.apply()
    assert first.code == 0, said(first)
    clock.pass_by(60)
    assert NO_CHANGES in cycle.apply().out
    assert len(cycle.server.people) == 1


LEAVES = {**BOB, "accountEnabled": False}
UNKNOWN = "whether it is as desired is not known. Plan again later."


def settle(cycle: Lagging, clock: LagClock, people: list[dict[str, Any]]) -> None:
    """Apply, and let the service show it."""
    cycle.wants(people)
    cycle.apply()
    clock.pass_by(600)
    assert NO_CHANGES in cycle.apply().out


@pytest.mark.parametrize(
    ("before", "after"),
    [(BOB, LEAVES), (LEAVES, BOB), (BOB, {**BOB, "department": "Sales"}), (BOB, {**BOB, "department": None})],
    ids=["leaves", "returns", "edit", "clear"],
)
def test_a_change_that_is_undone_before_it_shows_is_not_taken_as_undone(
    open_workspace: OpenWorkspace, clock: LagClock, before: dict[str, Any], after: dict[str, Any]
) -> None:
    cycle = begin(open_workspace, clock, 600, lagging=ALL)
    settle(cycle, clock, [ADA, BOB])
    settle(cycle, clock, [ADA, before])
    cycle.wants([ADA, {name: value for name, value in after.items() if value is not None}])
    assert cycle.apply().code == 5
    cycle.wants([ADA, before])
    drift = ("drift", "--plans", str(cycle.workspace.plans))
    for result in (cycle.workspace.plan(), cycle.apply(), cycle.workspace.run(*drift)):
        assert (result.code, NO_CHANGES in result.out) == (5, False), said(result)
        assert UNKNOWN in said(result)
    assert "UNHEALTHY" in cycle.status()
    clock.pass_by(600)
    assert cycle.apply().code == 5
    clock.pass_by(600)
    rest = cycle.apply()
    assert (rest.code, NO_CHANGES in rest.out) == (0, True), said(rest)
    assert cycle.differences() == []


@pytest.mark.parametrize("stays", [True, False], ids=["out of scope", "removed"])
def test_a_user_who_leaves_before_the_new_account_shows_is_an_error(
    open_workspace: OpenWorkspace, clock: LagClock, *, stays: bool
) -> None:
    cycle = begin(open_workspace, clock, 600, lagging=ALL)
    settle(cycle, clock, [ADA])
    cycle.wants([ADA, BOB])
    assert cycle.apply().code == 5
    cycle.wants([ADA, LEAVES] if stays else [ADA])
    left = cycle.apply()
    assert (left.code, NO_CHANGES in left.out) == (5, False), said(left)
    assert 'does not show the account "2" yet' in said(left)
    clock.pass_by(600)
    cycle.apply()
    assert [user["active"] for user in cycle.server.accounts_of("id-bob")] == [False]
    clock.pass_by(600)
    rest = cycle.apply()
    assert (rest.code, NO_CHANGES in rest.out) == (0, True), said(rest)


def test_a_change_that_shows_late_is_at_rest_at_once(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock, 600, lagging=ALL)
    settle(cycle, clock, [ADA, BOB])
    cycle.wants([{**ADA, "department": "Sales"}, LEAVES])
    assert cycle.apply().code == 5
    clock.pass_by(600)
    rest = cycle.apply()
    assert (rest.code, NO_CHANGES in rest.out) == (0, True), said(rest)


def test_an_answer_without_active_does_not_end_the_wait(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock, 4, lagging=ALL, hides_active=False)
    settle(cycle, clock, [ADA, BOB, CYD])
    cycle.wants([ADA, LEAVES, CYD])
    left = cycle.apply()
    assert left.code == 0, said(left)
    assert "Waiting for the service to show 1 change that it accepted" in left.err


def test_a_value_without_its_label_is_shown_as_it_is(open_workspace: OpenWorkspace, clock: LagClock) -> None:
    cycle = begin(open_workspace, clock, 600, lagging=ALL, drops=frozenset({"type"}))
    settle(cycle, clock, [ADA, BOB])
    cycle.wants([ADA, {name: value for name, value in BOB.items() if name != "mail"}])
    result = cycle.apply()
    assert result.code == 5, said(result)
    assert '(the service shows "bob.mail@example.com")' in said(result)
    assert "no value" not in said(result)
