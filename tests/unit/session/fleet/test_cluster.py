from __future__ import annotations

import asyncio
from collections.abc import Collection

import pytest
from support.cluster import QueueOnPostgres, make_task
from support.servers.postgres import PostgresServer

from reconciler.fleet.cluster_job import ClusterJob
from reconciler.session.fleet import cluster
from reconciler.session.fleet.cluster_address import VARIABLE


class ScriptedQueue:
    """Answers with one listing after the other; the last one again and again."""

    def __init__(self, *states: dict[int, str]) -> None:
        self._states = list(states)

    async def list_jobs(self, numbers: Collection[int]) -> list[ClusterJob]:
        found = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        return [ClusterJob(number, state, make_task("acme")) for number, state in found.items() if number in numbers]


def watch(*states: dict[int, str], seconds: float = 30) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    ended: list[ClusterJob] = []
    left = asyncio.run(cluster._watch(ScriptedQueue(*states), {1, 2}, ended.append, seconds))  # type: ignore[arg-type]
    return [(job.number, job.state) for job in ended], [(job.number, job.state) for job in left]


def test_each_job_is_passed_on_once_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_POLL_SECONDS", 0.0)
    states = {1: "todo", 2: "doing"}, {1: "succeeded", 2: "doing"}, {1: "succeeded", 2: "failed"}
    assert watch(*states) == ([(1, "succeeded"), (2, "failed")], [])


def test_waiting_ends_when_all_that_is_left_is_stalled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_POLL_SECONDS", 0.0)
    assert watch({1: "doing", 2: "stalled"}, {1: "aborted", 2: "stalled"}) == ([(1, "aborted")], [(2, "stalled")])


def test_waiting_ends_in_time_and_does_not_wait_for_what_is_gone() -> None:
    assert watch({1: "todo"}, seconds=0) == ([], [(1, "todo")])


@pytest.mark.slow
def test_each_call_uses_the_database_of_the_environment(
    postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, postgres.create_database())
    assert cluster.init_queue() is True
    assert cluster.submit("fleet", [make_task("acme")]) == {1: make_task("acme")}
    assert cluster.find_job("fleet", 1).state == "todo"
    assert [job.number for job in cluster.list_jobs("fleet", None)] == [1]
    assert cluster.list_jobs("other", None) == []
    queue = QueueOnPostgres(postgres)
    monkeypatch.setenv(VARIABLE, queue.address)
    queue.submit("acme")
    queue.execute("UPDATE procrastinate_jobs SET status = 'failed'")
    assert cluster.requeue("fleet", cluster.find_job("fleet", 1)) == 2
