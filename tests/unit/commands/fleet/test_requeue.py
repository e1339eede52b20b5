from __future__ import annotations

import io
import sys

import pytest
from support.cluster import make_task
from support.fake_cluster import FakeCluster
from support.recording_terminal import RecordingTerminal

from reconciler.commands.fleet import requeue
from reconciler.commands.fleet.requeue import RequeueOptions, run_requeue
from reconciler.errors import FleetError, UsageError
from reconciler.fleet.cluster_job import ClusterJob

STALLED = ClusterJob(1, "stalled", make_task("acme"), "host:7")


class TerminalInput(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_job_is_queued_again_with_yes(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, terminal = FakeCluster(STALLED), RecordingTerminal()
    cluster.install(monkeypatch, requeue)
    assert run_requeue(RequeueOptions("fleet", 1, yes=True), terminal) == 0
    assert cluster.requeued == [1]
    assert terminal.out == "     1  stalled    acme  plan  host:7  0 s ago\nQueued again as job 99.\n"


def test_another_job_of_the_tenant_runs_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, terminal = FakeCluster(STALLED), RecordingTerminal()
    cluster.other_waits = True
    cluster.install(monkeypatch, requeue)
    assert run_requeue(RequeueOptions("fleet", 1, yes=True), terminal) == 0
    assert terminal.out.endswith("Job 1 is closed. Another job of the tenant waited already: it runs in its place.\n")


@pytest.mark.parametrize(("answer", "code", "requeued"), [("yes\n", 0, [1]), ("y\n", 1, []), ("", 1, [])])
def test_only_yes_will_do(answer: str, code: int, requeued: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    cluster, terminal = FakeCluster(STALLED), RecordingTerminal()
    cluster.install(monkeypatch, requeue)
    monkeypatch.setattr(sys, "stdin", TerminalInput(answer))
    assert run_requeue(RequeueOptions("fleet", 1), terminal) == code
    assert cluster.requeued == requeued
    assert "Has the worker ended" in terminal.out


def test_nobody_to_ask_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(STALLED)
    cluster.install(monkeypatch, requeue)
    monkeypatch.setattr(sys, "stdin", io.StringIO("yes\n"))
    with pytest.raises(UsageError, match=r"^there is no terminal to ask on$"):
        run_requeue(RequeueOptions("fleet", 1), RecordingTerminal())
    assert cluster.requeued == []


def test_a_job_that_runs_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = FakeCluster(ClusterJob(1, "doing", make_task("acme")))
    cluster.install(monkeypatch, requeue)
    with pytest.raises(FleetError, match="its worker is alive"):
        run_requeue(RequeueOptions("fleet", 1, yes=True), RecordingTerminal())
    assert cluster.requeued == []


@pytest.mark.parametrize(("verb", "noted"), [("apply", True), ("plan", False)])
def test_an_apply_is_said_to_be_queued_without_its_gates(
    verb: str, noted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster, terminal = FakeCluster(ClusterJob(1, "failed", make_task("acme", verb=verb))), RecordingTerminal()
    cluster.install(monkeypatch, requeue)
    run_requeue(RequeueOptions("fleet", 1, yes=True), terminal)
    assert any("No gate" in each for each in terminal.notes) is noted
